package train

import (
	"context"
	"testing"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/webgpu/cpu"
)

// BenchmarkStep is one training step of kjv-nano on one core: four gradients,
// their sum, the update, and storing the weights.
func BenchmarkStep(b *testing.B) {
	text, err := examples.JobFile(examples.KJVNano)
	if err != nil {
		b.Fatal(err)
	}
	spec, err := jobfile.Parse(text, "train.steps=10000")
	if err != nil {
		b.Fatal(err)
	}
	d, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	blobs := local.NewBlobs()
	env := job.Env{Blobs: blobs, Device: d, Data: func(_ context.Context, name string) ([]byte, error) { return examples.Data(name) }}
	run, err := Kind{}.Start(b.Context(), spec, env, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer run.Close()
	exec := local.NewExecutor(d, blobs)
	defer exec.Close()
	for b.Loop() {
		round := run.Round()
		outputs := make([][][]byte, len(round.Shards))
		for i, s := range round.Shards {
			if outputs[i], err = exec.Execute(b.Context(), s); err != nil {
				b.Fatal(err)
			}
		}
		exec.Forget(nil)
		if _, err := run.Fold(b.Context(), outputs); err != nil {
			b.Fatal(err)
		}
		blobs.Retain(nil)
	}
	b.ReportMetric(float64(b.N)*float64(spec.Train.Batch*spec.Model.Context)/b.Elapsed().Seconds(), "tokens/s")
}
