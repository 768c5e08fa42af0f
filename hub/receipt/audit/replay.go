package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// replay computes the whole job from its file and data: every shard's program,
// inputs and output must be those of its receipt, and the files the head's.
// After the first difference the job here and the job there go separate ways;
// what is left is then computed from the inputs that the receipts name.
func (a *auditor) replay(ctx context.Context) (err error) {
	exec, err := a.Executor(a.blobs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, exec.Close()) }()
	run := a.start.run
	n := int64(0)
	for round := run.Round(); !round.Done && n < a.report.Shards; round = run.Round() {
		keep := named(round)
		a.blobs.Retain(keep)
		exec.Forget(keep)
		outputs, err := a.replayRound(ctx, exec, round, n)
		if err != nil {
			return err
		}
		n += int64(len(round.Shards))
		if !a.report.Sound() {
			return a.rest(ctx, exec, n)
		}
		if outputs == nil { // the job ended within this round
			return nil
		}
		_, err = run.Fold(ctx, outputs)
		switch {
		case err == nil:
		case ctx.Err() == nil && !a.head.Done() && n == a.report.Shards:
			a.report.note("the job ended when round %d was to be folded, and so it does here: %v", round.Index, err)
			return nil
		default:
			return fmt.Errorf("audit: fold round %d: %w", round.Index, err)
		}
	}
	if !a.head.Done() {
		return nil
	}
	if !run.Round().Done || n != a.report.Shards {
		a.report.add(Problem{Kind: Refuted, Where: "receipts", Text: fmt.Sprintf("the job does not end after %d shards", a.report.Shards)})
		return nil
	}
	return a.compareFiles(ctx, run)
}

// replayRound computes the shards of a round that have receipts, from number
// from on. It returns nil outputs unless all have.
func (a *auditor) replayRound(ctx context.Context, exec Executor, round job.Round, from int64) ([][][]byte, error) {
	if err := a.compareRound(round, from); err != nil || !a.report.Sound() {
		return nil, err
	}
	outputs := make([][][]byte, len(round.Shards))
	complete := true
	for i, s := range round.Shards {
		r, ok, err := a.receiptOf(round.Index, i, from)
		if err != nil {
			return nil, err
		}
		if !ok {
			complete = false
			continue
		}
		a.Progress("shards", a.report.Sampled, a.report.Shards)
		outputs[i], err = exec.Execute(ctx, s)
		switch {
		case errors.Is(err, ErrShard):
			a.refute(r, fmt.Sprintf("nobody can compute it from the job's data: %v", err))
			complete = false
		case err != nil:
			return nil, fmt.Errorf("shard %s: %w", r.Name(), err)
		default:
			a.judge(r, outputs[i])
		}
	}
	if !complete {
		return nil, nil
	}
	return outputs, nil
}

// rest computes the shards from number n on one by one.
func (a *auditor) rest(ctx context.Context, exec Executor, n int64) error {
	a.report.note("folding was compared up to the first difference")
	for ; n < a.report.Shards; n++ {
		a.Progress("shards", a.report.Sampled, a.report.Shards)
		if err := a.again(ctx, exec, n); err != nil {
			return err
		}
	}
	return nil
}

// compareFiles compares the files of the replay with the head's.
func (a *auditor) compareFiles(ctx context.Context, run job.Run) error {
	files, err := run.Artifacts(ctx)
	if err != nil {
		return err
	}
	want := map[string]receipt.Hash{}
	for _, f := range a.head.Artifacts {
		want[f.Name] = f.SHA256
	}
	for _, f := range files {
		h, ok := want[f.Name]
		delete(want, f.Name)
		if got := receipt.Sum(f.Data); !ok || got != h {
			a.report.add(Problem{Kind: Refuted, Where: "file " + f.Name, Text: fmt.Sprintf("the replay makes it with SHA-256 %v, the head has %v", got, h)})
		}
	}
	for name := range want {
		a.report.add(Problem{Kind: Refuted, Where: "file " + name, Text: "the replay makes no such file"})
	}
	a.report.Folding = a.report.Sound()
	return nil
}

// named collects the blobs a round needs.
func named(r job.Round) map[job.Hash]bool {
	names := map[job.Hash]bool{}
	for _, s := range r.Shards {
		names[s.Program] = true
		for _, in := range s.Inputs {
			if in.Data == nil {
				names[in.Blob] = true
			}
		}
	}
	return names
}
