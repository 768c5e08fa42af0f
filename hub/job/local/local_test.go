package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// sums is a job kind whose every round adds 1 and then 2 to a number.
type sums struct {
	rounds   int
	badShard bool
}

func (sums) Name() string { return "sums" }

func (k sums) Check(context.Context, *job.Spec, job.Env) (job.Plan, error) {
	if k.rounds < 0 {
		return job.Plan{}, job.Fieldf("train.steps", "must not be negative")
	}
	return job.Plan{Rounds: k.rounds}, nil
}

func (k sums) Start(ctx context.Context, _ *job.Spec, env job.Env, _ []byte) (job.Run, error) {
	var b program.Builder
	x := b.Input("x", ops.Int32(-1<<20, 1<<20, 1))
	y := b.Input("y", ops.Int32(0, 10, 1))
	b.Output("out", b.One(ops.ByName("add"), []program.Value{x, y}))
	p, err := b.Build()
	if err != nil {
		return nil, err
	}
	r := &sumsRun{kind: k, env: env, program: p}
	return r, r.publish(ctx)
}

type sumsRun struct {
	kind    sums
	env     job.Env
	program *program.Program
	value   uint32
	round   job.Round
}

func word(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

func (r *sumsRun) publish(ctx context.Context) error {
	if r.round.Done = r.round.Index == r.kind.rounds; r.round.Done {
		r.round.Shards = nil
		return nil
	}
	code, err := r.env.Blobs.Put(ctx, r.program.Encode())
	if err != nil {
		return err
	}
	x, err := r.env.Blobs.Put(ctx, word(r.value))
	if err != nil {
		return err
	}
	r.round.Shards = nil
	for y := uint32(1); y <= 2; y++ {
		r.round.Shards = append(r.round.Shards, job.Shard{Program: code, Inputs: []job.Input{{Blob: x}, {Data: word(y)}}})
	}
	if r.kind.badShard {
		r.round.Shards[1].Inputs[0].Blob = job.Sum([]byte("nothing"))
	}
	return nil
}

func (r *sumsRun) Round() job.Round { return r.round }

func (r *sumsRun) Fold(ctx context.Context, outputs [][][]byte) (job.Report, error) {
	before := r.value
	for _, o := range outputs {
		r.value += binary.LittleEndian.Uint32(o[0]) - before
	}
	r.round.Index++
	return job.Report{Round: r.round.Index - 1}, r.publish(ctx)
}

func (r *sumsRun) Checkpoint(context.Context) (job.Checkpoint, error) { return job.Checkpoint{}, nil }

func (r *sumsRun) Artifacts(context.Context) ([]job.Artifact, error) {
	return []job.Artifact{{Name: "sum", Data: []byte(fmt.Sprint(r.value))}}, nil
}

func (r *sumsRun) Close() error { return nil }

func TestRun(t *testing.T) {
	d := reference.New()
	defer d.Close()
	blobs := NewBlobs()
	var reports []int
	res, err := Run(context.Background(), sums{rounds: 50}, new(job.Spec), Config{
		Device: d, Blobs: blobs, Progress: func(r job.Report) { reports = append(reports, r.Round) },
	})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := res.Artifact("sum")
	if err != nil || string(sum) != "150" {
		t.Errorf("sum %s, %v; want 150", sum, err)
	}
	if res.Shards != 100 || len(reports) != 50 || reports[49] != 49 {
		t.Errorf("%d shards, reports %v", res.Shards, reports)
	}
	if _, err := res.Artifact("none"); err == nil {
		t.Error("no error for an artifact that is not there")
	}
	// Only the last round's few words and the program are left.
	if n := blobs.Size(); n > 1000 {
		t.Errorf("%d bytes of blobs left", n)
	}
}

func TestRunErrors(t *testing.T) {
	d := reference.New()
	defer d.Close()
	var field *job.FieldError
	if _, err := Run(context.Background(), sums{rounds: -1}, new(job.Spec), Config{Device: d}); !errors.As(err, &field) {
		t.Errorf("unusable job: %v", err)
	}
	_, err := Run(context.Background(), sums{rounds: 3, badShard: true}, new(job.Spec), Config{Device: d})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "round 0, shard 1: local: input 0") {
		t.Errorf("missing blob: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, sums{rounds: 3}, new(job.Spec), Config{Device: d}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
