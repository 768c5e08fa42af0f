package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/nn/twin"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// follow computes a job on d and trains the twin on what its shards hold.
func follow(ctx context.Context, spec *job.Spec, d device.Device, read func(context.Context, string) ([]byte, error), log io.Writer) (c *curve, err error) {
	m, err := nn.New(nn.Config{
		Arch: spec.Model.Arch, Vocab: spec.Model.Vocab, Dim: spec.Model.Dim, Layers: spec.Model.Layers.Blocks,
		Heads: spec.Model.Heads, Context: spec.Model.Context, Hidden: spec.Model.Hidden, FF: spec.Model.FF,
		Widths: spec.Model.Layers.Widths, Input: spec.Model.Input, Channels: spec.Model.Channels, Classes: spec.Model.Classes,
	})
	if err != nil {
		return nil, err
	}
	blobs := local.NewBlobs()
	run, err := train.Kind{}.Start(ctx, spec, job.Env{Blobs: blobs, Device: d, Data: read}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	exec := local.NewExecutor(d, blobs)
	defer func() { err = errors.Join(err, exec.Close()) }()

	f := &follower{spec: spec, twin: twin.New(m, m.Init(spec.Train.Seed)), blobs: blobs, curve: &curve{}}
	for round := run.Round(); !round.Done; round = run.Round() {
		outputs := make([][][]byte, len(round.Shards))
		keep := map[job.Hash]bool{}
		for i, s := range round.Shards {
			keep[s.Program] = true
			for _, in := range s.Inputs {
				keep[in.Blob] = true
			}
			if outputs[i], err = exec.Execute(ctx, s); err != nil {
				return nil, err
			}
		}
		report, err := run.Fold(ctx, outputs)
		if err != nil {
			return nil, err
		}
		if err := f.round(ctx, round, report); err != nil {
			return nil, err
		}
		fmt.Fprintln(log, f.line(report))
		blobs.Retain(keep)
		exec.Forget(keep)
	}
	f.curve.weights, err = weightsHash(ctx, run)
	return f.curve, err
}

// follower trains the twin along.
type follower struct {
	spec  *job.Spec
	twin  *twin.Model
	blobs job.Blobs
	curve *curve
}

func (f *follower) round(ctx context.Context, r job.Round, report job.Report) error {
	if report.Val != nil {
		return f.evaluate(ctx, r, report)
	}
	var all twin.Batch
	for _, s := range r.Shards {
		b, err := f.batch(ctx, s)
		if err != nil {
			return err
		}
		all.Rows, all.Targets = append(all.Rows, b.Rows...), append(all.Targets, b.Targets...)
	}
	losses, grads := f.twin.Gradient(all)
	lr := f.rate(report)
	switch nn.Optimizer(f.spec.Train.Optimizer) {
	case nn.Adam:
		f.twin.Adam(grads, lr)
	case nn.SGD:
		f.twin.SGD(grads, lr/float64(f.spec.Train.Batch))
	default:
		return fmt.Errorf("no twin of optimizer %q", f.spec.Train.Optimizer)
	}
	f.curve.train = append(f.curve.train, pair{report.Step, *report.Loss, mean(losses)})
	return nil
}

func (f *follower) evaluate(ctx context.Context, r job.Round, report job.Report) error {
	var losses []float32
	hits := 0
	for i, s := range r.Shards {
		b, err := f.batch(ctx, s)
		if err != nil {
			return err
		}
		if i == len(r.Shards)-1 {
			b = f.twin.Distinct(b)
		}
		l, h := f.twin.Eval(b)
		losses = append(losses, l...)
		for _, hit := range h {
			if hit {
				hits++
			}
		}
	}
	f.curve.val = append(f.curve.val, pair{report.Step, *report.Val, mean(losses)})
	if report.Accuracy != nil {
		f.curve.accuracy = append(f.curve.accuracy, pair{report.Step, *report.Accuracy, float64(hits) / float64(len(losses))})
	}
	return nil
}

// batch is what a shard works on: its inline inputs, by the program's names.
func (f *follower) batch(ctx context.Context, s job.Shard) (twin.Batch, error) {
	code, err := f.blobs.Get(ctx, s.Program)
	if err != nil {
		return twin.Batch{}, err
	}
	p, err := program.Decode(code)
	if err != nil {
		return twin.Batch{}, err
	}
	var b twin.Batch
	for i, port := range p.Inputs() {
		values := integers(s.Inputs[i].Data, port.Type.DType.Size())
		switch port.Name {
		case nn.InputTokens, nn.InputImages:
			b.Rows = values
		case nn.InputTargets, nn.InputLabels:
			b.Targets = values
		}
	}
	return b, nil
}

func integers(data []byte, size int) []int32 {
	v := make([]int32, len(data)/size)
	for i := range v {
		if size == 1 {
			v[i] = int32(int8(data[i]))
		} else {
			v[i] = int32(binary.LittleEndian.Uint32(data[4*i:]))
		}
	}
	return v
}

// rate is the learning rate of the step a report is about.
func (f *follower) rate(report job.Report) float64 {
	t := f.spec.Train
	lr, err := strconv.ParseFloat(string(t.LR), 64)
	if err != nil {
		panic("curves: unchecked decimal " + string(t.LR))
	}
	step, steps, warmup := float64(report.Step), float64(report.Steps), float64(t.Warmup)
	switch {
	case step < warmup:
		return lr * step / warmup
	case t.Schedule == "constant" || steps == warmup:
		return lr
	case t.Schedule == "cosine0":
		return lr / 2 * (1 + math.Cos(math.Pi*(step-warmup)/(steps-warmup+1)))
	}
	return lr * (0.1 + 0.45*(1+math.Cos(math.Pi*(step-warmup)/(steps-warmup))))
}

func (f *follower) line(r job.Report) string {
	last := func(p []pair) pair { return p[len(p)-1] }
	s := fmt.Sprintf("%s step %d of %d", f.spec.Name, r.Step, r.Steps)
	if r.Val == nil {
		p := last(f.curve.train)
		return fmt.Sprintf("%s: train %.4f, twin %.4f", s, p.integer, p.float)
	}
	p := last(f.curve.val)
	s = fmt.Sprintf("%s: val %.4f, twin %.4f", s, p.integer, p.float)
	if len(f.curve.accuracy) > 0 {
		p = last(f.curve.accuracy)
		s += fmt.Sprintf("; accuracy %.4f, twin %.4f", p.integer, p.float)
	}
	return s
}

func mean(v []float32) float64 {
	s := 0.0
	for _, x := range v {
		s += float64(x)
	}
	return s / float64(len(v))
}

// weightsHash is what `shoal reproduce` prints of the same job.
func weightsHash(ctx context.Context, run job.Run) (string, error) {
	files, err := run.Artifacts(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(files, func(a job.Artifact) bool { return a.Name == train.FileReport })
	if i < 0 {
		return "", errors.New("the job made no report")
	}
	return reportedHash(files[i].Data)
}
