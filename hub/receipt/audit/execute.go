package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// sample computes want shards again, drawn at random from those whose program
// and inputs are to be had.
func (a *auditor) sample(ctx context.Context, shards int64) (err error) {
	exec, err := a.Executor(a.blobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, exec.Close()) }()
	if err := a.keepFirstInputs(ctx); err != nil {
		return err
	}
	want := a.Sample.of(shards)
	d := newDraw(shards, a.Seed)
	for a.report.Sampled < want {
		// In order, because neighbours share inputs.
		numbers := d.next(want - a.report.Sampled)
		if len(numbers) == 0 {
			break
		}
		slices.Sort(numbers)
		for _, n := range numbers {
			a.Progress("shards", a.report.Sampled, want)
			if err := a.again(ctx, exec, n); err != nil {
				return err
			}
		}
	}
	if missing := want - a.report.Sampled; missing > 0 {
		a.report.note("%d shards fewer than asked for were computed again: the program or inputs of %d are not held any more", missing, a.report.Unavailable)
	}
	return nil
}

// keepFirstInputs makes the small inputs of the first round available: they
// are no blobs anywhere, but starting the job has made them.
func (a *auditor) keepFirstInputs(ctx context.Context) error {
	if a.start == nil {
		return nil
	}
	for _, s := range a.start.run.Round().Shards {
		for _, in := range s.Inputs {
			if in.Data == nil {
				continue
			}
			if _, err := a.blobs.own.Put(ctx, in.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// again computes the shard of receipt n from what the receipt names.
func (a *auditor) again(ctx context.Context, exec Executor, n int64) error {
	r, err := a.lines.receipt(n)
	if err != nil {
		return err
	}
	s := job.Shard{Program: job.Hash(r.Program), Inputs: make([]job.Input, len(r.Inputs))}
	keep := map[job.Hash]bool{s.Program: true}
	for i, h := range r.Inputs {
		s.Inputs[i].Blob = job.Hash(h)
		keep[job.Hash(h)] = true
	}
	a.blobs.Retain(keep)
	exec.Forget(keep)
	outputs, err := exec.Execute(ctx, s)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		a.report.Unavailable++
		return nil
	case errors.Is(err, ErrShard):
		a.refute(r, fmt.Sprintf("it has an output, accepted as %s, and nobody can compute it: %v", r.Path, err))
		return nil
	case err != nil:
		return fmt.Errorf("shard %s: %w", r.Name(), err)
	}
	a.judge(r, outputs)
	return nil
}

// judge compares outputs computed here with the receipt.
func (a *auditor) judge(r receipt.Receipt, outputs [][]byte) {
	got := receipt.Sum(job.EncodeOutputs(outputs))
	if got != r.Output {
		a.refute(r, fmt.Sprintf("computed here, its output has SHA-256 %v; the receipt has %v, accepted as %s", got, r.Output, r.Path))
		return
	}
	a.report.Sampled++
	a.report.Confirmed++
}

func (a *auditor) refute(r receipt.Receipt, text string) {
	a.report.Sampled++
	a.report.Refuted++
	a.report.add(Problem{Kind: Refuted, Where: "shard " + r.Name(), Volunteers: r.Signers(), Text: text})
}
