package train

import (
	"context"
	"fmt"
	"math"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// setup is everything about a run that does not change while it runs. It is
// a function of the job file and the data.
type setup struct {
	settings
	spec   *job.Spec
	source source
	net    *network

	evalRows   int // held-out rows per shard of an evaluation
	evalShards int
}

// tokensPerEval and imagesPerEval size the shards of evaluations: large
// enough to be worth a lease, small enough for a browser.
const (
	tokensPerEval = 1024
	imagesPerEval = 128
)

// evalRows is the number of held-out rows of an evaluation's shard.
func evalRows(m job.Model) int {
	if m.Arch == "decoder" {
		return max(1, tokensPerEval/max(m.Context, 1))
	}
	return imagesPerEval
}

func newSetup(ctx context.Context, spec *job.Spec, env job.Env) (*setup, error) {
	if err := checkModel(spec.Model); err != nil {
		return nil, err
	}
	s := &setup{spec: spec}
	var err error
	if s.settings, err = newSettings(spec); err != nil {
		return nil, err
	}
	if s.source, err = openSource(ctx, spec, env); err != nil {
		return nil, err
	}
	if s.Epochs > 0 {
		s.Steps = s.Epochs * s.source.epoch(s.Batch)
		if s.Steps > maxSteps {
			return nil, job.Fieldf("train.epochs", "makes %d steps, at most %d are possible", s.Steps, maxSteps)
		}
	}
	s.evalRows = evalRows(spec.Model)
	s.evalShards = (s.source.held() + s.evalRows - 1) / s.evalRows

	if s.net, err = newNetwork(spec, s.settings); err != nil {
		return nil, err
	}
	return s, s.checkSums()
}

// checkSums proves that the sum of all micro-batches' gradients stays in the
// range that the update program takes.
func (s *setup) checkSums() error {
	k := int64(s.shards())
	for i := range s.net.names {
		out := s.net.gradient.Outputs()[i].Type.Range
		in := s.net.update.Inputs()[s.net.updateGradients[i]].Type.Range
		if k*out.Lo < in.Lo || k*out.Hi > in.Hi {
			return job.Fieldf("train.micro_batch", "makes %d micro-batches, whose gradients of %s, each in %v, could leave %v when added",
				k, s.net.names[i], out, in)
		}
	}
	return nil
}

// plan says what the run will take.
func (s *setup) plan() job.Plan {
	steps, evals := int64(s.Steps), int64(s.evaluations())
	gradient, evaluate := s.net.gradient.Cost(), s.net.evaluate.Cost()
	p := job.Plan{
		Rounds: s.Steps + s.evaluations(),
		Shards: s.Steps*s.shards() + s.evaluations()*s.evalShards,
		Ops: saturating(steps*int64(s.shards()), gradient.Ops) +
			saturating(evals*int64(s.evalShards), evaluate.Ops),
		PeakBytes: max(gradient.PeakBytes, evaluate.PeakBytes),
		Steps:     s.Steps,
	}
	p.InputBytes = int64(len(s.net.gradient.Encode()))
	for _, in := range s.net.gradient.Inputs() {
		p.InputBytes += int64(in.Type.Bytes())
	}
	for _, w := range s.net.gradient.Inputs()[:len(s.net.names)] {
		p.Parameters += w.Type.Len()
	}
	return p
}

// saturating multiplies, stopping at a value whose sum of two fits.
func saturating(a, b int64) int64 {
	const limit = math.MaxInt64 / 2
	if b != 0 && a > limit/b {
		return limit
	}
	return a * b
}

// gradientRows are the inline inputs of micro-batch j of step t.
func (s *setup) gradientRows(t, j int) rows {
	r := s.source.train(t, j*s.MicroBatch, s.MicroBatch)
	r[nn.InputKey] = []int32{int32(data.Key(s.Seed, uint32(t), j))}
	return r
}

// inputs makes a shard's inputs: weights by name, rows inline.
func inputs(p *program.Program, weights []job.Hash, r rows) ([]job.Input, error) {
	in := make([]job.Input, len(p.Inputs()))
	for i, port := range p.Inputs() {
		if i < len(weights) {
			in[i].Blob = weights[i]
			continue
		}
		values, ok := r[port.Name]
		if !ok || len(values) != port.Type.Len() {
			return nil, fmt.Errorf("train: program input %q takes %d values, got %d", port.Name, port.Type.Len(), len(values))
		}
		in[i].Data = encode(values, port.Type.DType.Size())
	}
	return in, nil
}
