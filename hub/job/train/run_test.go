package train

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/safetensors"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func testEnv() job.Env {
	d, err := cpu.New(cpu.Config{})
	if err != nil {
		panic(err)
	}
	return testEnvOn(d)
}

func testEnvOn(d device.Device) job.Env {
	return job.Env{Blobs: local.NewBlobs(), Device: d, Data: testFiles().read}
}

// finish drives a run to its end and returns its artifacts. each sees every
// position before its round is computed.
func finish(t *testing.T, run job.Run, env job.Env, each func(job.Round)) map[string][]byte {
	t.Helper()
	exec := local.NewExecutor(env.Device, env.Blobs)
	defer exec.Close()
	for round := run.Round(); !round.Done; round = run.Round() {
		if each != nil {
			each(round)
		}
		if _, err := run.Fold(context.Background(), compute(t, exec, round)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := run.Artifacts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][]byte{}
	for _, f := range files {
		byName[f.Name] = f.Data
	}
	return byName
}

func compute(t *testing.T, exec *local.Executor, round job.Round) [][][]byte {
	t.Helper()
	outputs := make([][][]byte, len(round.Shards))
	for i, s := range round.Shards {
		var err error
		if outputs[i], err = exec.Execute(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	return outputs
}

func start(t *testing.T, spec *job.Spec, env job.Env, checkpoint []byte) job.Run {
	t.Helper()
	run, err := Kind{}.Start(context.Background(), spec, env, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run.Close() })
	return run
}

func summary(t *testing.T, files map[string][]byte) Summary {
	t.Helper()
	var s Summary
	if err := json.Unmarshal(files[FileReport], &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	unseen := tiny()
	unseen.Name = "without evaluations"
	for _, spec := range []*job.Spec{tiny(), tinyMLP(), unseen} {
		t.Run(spec.Name, func(t *testing.T) {
			env := testEnv()
			spec.Train.EvalEvery = 2
			if spec == unseen {
				spec.Train.EvalEvery = -1
			}
			plan, err := Kind{}.Check(context.Background(), spec, env)
			if err != nil {
				t.Fatal(err)
			}
			rounds, shards := 0, 0
			files := finish(t, start(t, spec, env, nil), env, func(r job.Round) {
				if r.Index != rounds {
					t.Errorf("round %d has index %d", rounds, r.Index)
				}
				rounds++
				shards += len(r.Shards)
			})
			if rounds != plan.Rounds || shards != plan.Shards {
				t.Errorf("%d rounds of %d shards, planned %d of %d", rounds, shards, plan.Rounds, plan.Shards)
			}
			s := summary(t, files)
			if s.Steps != plan.Steps || len(s.Curve) != rounds || s.LossFirst == 0 || (s.ValLast == nil) != (spec == unseen) {
				t.Errorf("summary %+v", s)
			}
			if (s.AccuracyLast != nil) != (spec.Model.Arch == "mlp") {
				t.Errorf("accuracy %v", s.AccuracyLast)
			}
			if _, ok := files[FileTokenizer]; ok != (spec.Model.Arch == "decoder") {
				t.Errorf("tokenizer note: %v", ok)
			}
		})
	}
}

// A run learns what it is shown.
func TestLearns(t *testing.T) {
	spec := tinyMLP()
	spec.Train.Epochs = 20
	env := testEnv()
	s := summary(t, finish(t, start(t, spec, env, nil), env, nil))
	if s.LossLast > s.LossFirst/2 || s.AccuracyLast == nil || *s.AccuracyLast < 0.9 {
		t.Errorf("loss from %.3f to %.3f, accuracy %v", s.LossFirst, s.LossLast, *s.AccuracyLast)
	}
}

// Resuming from the checkpoint of any round gives the same files.
func TestResume(t *testing.T) {
	for _, spec := range []*job.Spec{tiny(), tinyMLP()} {
		t.Run(spec.Name, func(t *testing.T) {
			spec.Train.EvalEvery = 2
			env := testEnv()
			run := start(t, spec, env, nil)
			var records [][]byte
			keep := func(job.Round) {
				c, err := run.Checkpoint(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range c.Blobs {
					if _, err := env.Blobs.Get(context.Background(), h); err != nil {
						t.Error(err)
					}
				}
				records = append(records, c.Record)
			}
			want := finish(t, run, env, keep)
			keep(job.Round{})
			for i, r := range records {
				again := finish(t, start(t, spec, env, r), env, nil)
				for name, data := range want {
					if !bytes.Equal(again[name], data) {
						t.Errorf("resumed at round %d: %s differs", i, name)
					}
				}
			}
		})
	}
}

func TestBadCheckpoint(t *testing.T) {
	env := testEnv()
	run := start(t, tiny(), env, nil)
	c, err := run.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	good := string(c.Record)
	zero := strings.Repeat("0", 64)
	for _, tt := range []struct{ name, record, want string }{
		{"damaged", good[:20], "checkpoint"},
		{"version", strings.Replace(good, `"version":1`, `"version":2`, 1), "checkpoint of version 2, want 1"},
		{"unknown field", strings.Replace(good, `{"version"`, `{"x":1,"version"`, 1), `unknown field "x"`},
		{"step", strings.Replace(good, `"step":0`, `"step":4`, 1), "checkpoint at step 4 of 3"},
		{"no weights", strings.Replace(good, `"weights":["`, `"weights":["`+zero+`","`, 1), "blobs, want"},
		{"missing blob", strings.Replace(good, c.Blobs[0].String(), zero, 1), "does not exist"},
		{"another blob", strings.Replace(good, c.Blobs[0].String(), c.Blobs[1].String(), 1), "bytes, want"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Kind{}.Start(context.Background(), tiny(), env, []byte(tt.record))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Fold refuses what no program has made, and changes nothing.
func TestFoldRefuses(t *testing.T) {
	env := testEnv()
	run := start(t, tiny(), env, nil)
	exec := local.NewExecutor(env.Device, env.Blobs)
	defer exec.Close()
	round := run.Round()
	good := compute(t, exec, round)
	change := func(f func(o [][][]byte) [][][]byte) [][][]byte {
		o := make([][][]byte, len(good))
		for i := range good {
			o[i] = slices.Clone(good[i])
			for k := range o[i] {
				o[i][k] = slices.Clone(o[i][k])
			}
		}
		return f(o)
	}
	for _, tt := range []struct {
		name    string
		outputs [][][]byte
		want    string
	}{
		{"none", nil, "outputs of 0 shards, want 4"},
		{"one too few", change(func(o [][][]byte) [][][]byte { return o[:3] }), "outputs of 3 shards"},
		{"outputs missing", change(func(o [][][]byte) [][][]byte { o[1] = o[1][:2]; return o }), "shard 1: 2 outputs"},
		{"short", change(func(o [][][]byte) [][][]byte { o[2][0] = o[2][0][4:]; return o }), "shard 2: output"},
		{"out of range", change(func(o [][][]byte) [][][]byte { copy(o[3][0], "\xff\xff\xff\x7f"); return o }), "element 0: 2147483647 is outside"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run.Fold(context.Background(), tt.outputs)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if run.Round().Index != round.Index {
		t.Fatal("a refused fold moved the run")
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := run.Fold(cancelled, good); err == nil {
		t.Error("a cancelled fold succeeded")
	}
	if _, err := run.Artifacts(context.Background()); err == nil {
		t.Error("artifacts of an unfinished run")
	}
	fresh := testEnv()
	want := finish(t, start(t, tiny(), fresh, nil), fresh, nil)
	if got := finish(t, run, env, nil); !bytes.Equal(got[FileMasters], want[FileMasters]) {
		t.Error("a refused fold changed the weights")
	}
}

// How gradients are grouped into sums does not matter: the sum of all shards
// is what counts. Rows are the same however many micro-batches there are.
func TestMicroBatches(t *testing.T) {
	env := testEnv()
	whole, parts := tiny(), tiny()
	whole.Train.MicroBatch, parts.Train.MicroBatch = 4, 1
	a, err := newSetup(context.Background(), whole, env)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newSetup(context.Background(), parts, env)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokens", "targets"} {
		var joined []int32
		for j := range 4 {
			joined = append(joined, b.gradientRows(2, j)[name]...)
		}
		if !slices.Equal(joined, a.gradientRows(2, 0)[name]) {
			t.Errorf("%s differ", name)
		}
	}
}

// Golden: the definition of a run is its result. A change here changes the
// weights of every job and must say so in CHANGELOG.
func TestGolden(t *testing.T) {
	for _, tt := range []struct {
		spec *job.Spec
		want string
	}{
		{tiny(), "535a3e623b3759fd749d737b1033b99c5068faf3d6b0a2f1e9b2399dcc3723ee"},
		{tinyMLP(), "785b29c48f15a97e68639e31fe906ab41f422d18ffc4fa07a330e7b7a292fc3a"},
	} {
		for _, env := range []job.Env{testEnvOn(reference.New()), testEnv()} {
			s := summary(t, finish(t, start(t, tt.spec, env, nil), env, nil))
			if s.WeightsSHA256 != tt.want {
				t.Errorf("%s on %s: weights %s, want %s", tt.spec.Name, env.Device.Caps().Lane, s.WeightsSHA256, tt.want)
			}
		}
	}
}

// The files of a finished job agree with one another.
func TestArtifacts(t *testing.T) {
	env := testEnv()
	files := finish(t, start(t, tiny(), env, nil), env, nil)
	floats, notes, err := safetensors.Decode(files[FileModel])
	if err != nil {
		t.Fatal(err)
	}
	masters, _, err := safetensors.Decode(files[FileMasters])
	if err != nil {
		t.Fatal(err)
	}
	s := summary(t, files)
	var all [][]byte
	n := 0
	for i, m := range masters {
		f := floats[i]
		if f.Name != m.Name || !slices.Equal(f.Shape, m.Shape) || m.DType != safetensors.I32 || f.DType != safetensors.F32 {
			t.Errorf("tensors %s %v and %s %v", m.Name, m.Shape, f.Name, f.Shape)
		}
		all = append(all, m.Data)
		for k := range len(m.Data) / 4 {
			got := math.Float32frombits(uint32(element(f.Data, k)))
			if want := float32(float64(element(m.Data, k)) / (1 << 26)); got != want {
				t.Fatalf("%s[%d] is %v, want %v", m.Name, k, got, want)
			}
			n++
		}
	}
	if got := weightsHash(all); got != s.WeightsSHA256 || notes["weights_sha256"] != got || n != s.Parameters {
		t.Errorf("hash %s of %d, summary has %s of %d, notes %v", got, n, s.WeightsSHA256, s.Parameters, notes)
	}
	var config struct {
		Model struct {
			Hidden int
			FF     string
		}
		Weights struct{ SHA256 string }
	}
	if err := json.Unmarshal(files[FileConfig], &config); err != nil {
		t.Fatal(err)
	}
	if config.Model.Hidden != 64 || config.Model.FF != "relu2" || config.Weights.SHA256 != s.WeightsSHA256 {
		t.Errorf("config %+v", config)
	}
}
