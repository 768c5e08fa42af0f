package court_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

var every = flag.Bool("every", false, "plant a fault at every op of kjv-nano too, not at a sample")

var rules = court.Config{AnswerTime: time.Minute, MaxAnswer: 1 << 26}

// One corrupted op of a real training step: the dispute between two workers
// names exactly it and its volunteer, within the bound on rounds, and runs one
// op again. `go test ./hub/internal/court -run TestEveryOp -v -every` makes the
// table of PROTOCOL.md.
func TestEveryOp(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    []string
		sample int // 0: every op
	}{
		{"decoder of 1 layer", []string{"model.dim=16", "model.layers=1", "model.heads=2", "model.context=16", "train.batch=4"}, 0},
		{"kjv-nano", nil, 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			shard, blobs := gradient(t, c.set...)
			cs := open(t, shard, blobs)
			p, err := program.Decode(cs.Program)
			if err != nil {
				t.Fatal(err)
			}
			good, err := cpu.New(cpu.Config{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { good.Close() })
			bad := newPlanted(t, p)
			volunteers := [2]*volunteer{enlist(t, 1, good, blobs), enlist(t, 2, bad, blobs)}
			truth := volunteers[0].compute(shard)

			list := positions(p)
			t.Logf("%d ops, of which %d can go wrong", len(p.Nodes()), len(list))
			if c.sample > 0 && !*every {
				rng := rand.New(rand.NewPCG(4, 3))
				rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				list = list[:c.sample]
				slices.Sort(list)
			}
			var asked, framed []int64
			most := 0
			for i, op := range list {
				bad.op.Store(int64(op))
				claim := volunteers[1].compute(shard)
				liar := i % 2 // either side of the case
				cs.Claims = [2]court.Claim{truth, truth}
				cs.Claims[liar], cs.Claims[1-liar] = claim, truth
				cs.Supplier = i / 2 % 2
				binary.LittleEndian.PutUint64(cs.Nonce[:], uint64(i))
				parties := [2]court.Party{volunteers[0], volunteers[1]}
				if liar == 0 {
					slices.Reverse(parties[:])
				}
				before := volunteers[0].bytes.Load() + volunteers[1].bytes.Load()
				r, err := court.Conduct(t.Context(), rules, cs, parties)
				if err != nil {
					t.Fatal(err)
				}
				v := r.Verdict
				if !r.Settled || v.Op != op || v.Name != p.Nodes()[op].Def.Name || v.Reruns != 1 {
					t.Errorf("op %d (%s) is planted; the ruling: %+v", op, p.Nodes()[op].Def.Name, v)
				}
				if !r.Proven(liar) || v.Faults[1-liar] != nil {
					t.Errorf("op %d: party %d is wrong; at fault: %v %v", op, liar, v.Faults[0], v.Faults[1])
				}
				if v.Rounds > trace.Depth(len(p.Nodes())) {
					t.Errorf("op %d: %d rounds, more than %d", op, v.Rounds, trace.Depth(len(p.Nodes())))
				}
				most = max(most, v.Rounds)
				asked = append(asked, r.Bytes())
				framed = append(framed, volunteers[0].bytes.Load()+volunteers[1].bytes.Load()-before)
				if i%32 == 0 {
					replayed(t, r)
				}
			}
			t.Logf("| %s | %d | %d | %d | %d | %s | %s |", c.name, len(p.Nodes()), len(list), most, trace.Depth(len(p.Nodes())), spread(asked), spread(framed))
		})
	}
}

// replayed makes the verdict again from the evidence alone.
func replayed(t *testing.T, r court.Ruling) {
	t.Helper()
	_, v, err := dispute.Replay(t.Context(), r.Evidence, reference.Interpret)
	if err != nil || v.Op != r.Verdict.Op || v.Bytes != r.Verdict.Bytes || (v.Faults[0] == nil) != (r.Verdict.Faults[0] == nil) || (v.Faults[1] == nil) != (r.Verdict.Faults[1] == nil) {
		t.Errorf("replayed: %+v, %v, want %+v", v, err, r.Verdict)
	}
}

// positions are the ops at which something else can come out.
func positions(p *program.Program) (list []int) {
	for op, n := range p.Nodes() {
		if plantable(n) >= 0 {
			list = append(list, op)
		}
	}
	return list
}

// spread is the least, the middle and the most.
func spread(list []int64) string {
	slices.Sort(list)
	return fmt.Sprintf("%d / %d / %d", list[0], list[len(list)/2], list[len(list)-1])
}

// gradient is a shard of the first training step of kjv-nano, or of what set
// makes of it.
func gradient(t testing.TB, set ...string) (job.Shard, *local.Blobs) {
	t.Helper()
	text, err := examples.JobFile(examples.KJVNano)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := jobfile.Parse(text, set...)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	blobs := local.NewBlobs()
	env := job.Env{Blobs: blobs, Device: dev, Data: func(_ context.Context, name string) ([]byte, error) { return examples.Data(name) }}
	run, err := train.Kind{}.Start(t.Context(), spec, env, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	return run.Round().Shards[0], blobs
}

// open collects a case but for its claims.
func open(t testing.TB, s job.Shard, blobs *local.Blobs) court.Case {
	t.Helper()
	get := func(h job.Hash) []byte {
		data, err := blobs.Get(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	c := court.Case{Program: get(s.Program)}
	for _, in := range s.Inputs {
		data := in.Data
		if data == nil {
			data = get(in.Blob)
		}
		c.Inputs = append(c.Inputs, data)
	}
	return c
}
