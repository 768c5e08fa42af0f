package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// start is the job, started here from its file and data.
type start struct {
	run job.Run
	env job.Env
}

// checkStart starts the job here, if its data is at hand, and compares its
// first round with the receipts: that ties the log to the job file.
func (a *auditor) checkStart(ctx context.Context) error {
	file, err := a.Source.JobFile(ctx)
	if err != nil {
		return err
	}
	spec, kind, err := a.Parse(file)
	if err != nil {
		a.report.note("the first round was not compared with the job file, which this program does not read: %v", err)
		return nil
	}
	a.Progress("start", 0, 0)
	env := job.Env{Blobs: a.blobs, Device: a.Device, Data: a.blobs.file}
	plan, err := kind.Check(ctx, spec, env)
	var run job.Run
	var field *job.FieldError
	if err == nil {
		run, err = kind.Start(ctx, spec, env, nil)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && a.blobs.trouble != nil:
		return fmt.Errorf("audit: start the job: %w", a.blobs.trouble)
	case err != nil && a.blobs.lacked > 0: // kinds say it in their own words
		a.report.note("the first round was not compared with the job file: the job's data is not here (%v)", err)
		return nil
	case errors.As(err, &field):
		a.report.add(Problem{Kind: Refuted, Where: "job file", Text: fmt.Sprintf("no job can be started from it and its data: %v", err)})
		return nil
	case err != nil:
		return fmt.Errorf("audit: start the job: %w", err)
	}
	a.start = &start{run: run, env: env}
	if a.head.Done() && int64(plan.Shards) != a.head.Receipts {
		a.report.add(Problem{Kind: Refuted, Where: "receipts", Text: fmt.Sprintf("%d shards, but the job file and its data make %d", a.head.Receipts, plan.Shards)})
		return run.Close()
	}
	if err := a.compareRound(run.Round(), 0); err != nil {
		return errors.Join(err, run.Close())
	}
	a.report.Linked = a.report.Sound()
	if !a.report.Linked {
		return run.Close()
	}
	return nil
}

// compareRound compares a round with its receipts, which are found from number
// from on. What is wrong goes into the report.
func (a *auditor) compareRound(round job.Round, from int64) error {
	for i, s := range round.Shards {
		r, ok, err := a.receiptOf(round.Index, i, from)
		if err != nil {
			return err
		}
		if ok {
			a.compareShard(s, r)
		} else if a.head.Done() {
			a.report.add(Problem{Kind: Refuted, Where: fmt.Sprintf("shard %d/%d", round.Index, i), Text: "it has no receipt"})
			return nil
		}
	}
	return nil
}

// receiptOf finds the receipt of a round's shard among those from number from
// on. In a job that did not come to its end, some may have none.
func (a *auditor) receiptOf(round, index int, from int64) (receipt.Receipt, bool, error) {
	want := receipt.ShardNumber(round, index)
	for n := min(from+int64(index), a.report.Shards-1); n >= from; n-- {
		r, err := a.lines.receipt(n)
		if err != nil || r.Shard <= want {
			return r, err == nil && r.Shard == want, err
		}
	}
	return receipt.Receipt{}, false, nil
}

// compareShard compares a shard's program and inputs with its receipt.
func (a *auditor) compareShard(s job.Shard, r receipt.Receipt) {
	wrong := func(format string, args ...any) {
		a.report.add(Problem{Kind: Refuted, Where: "shard " + r.Name(), Text: fmt.Sprintf(format, args...)})
	}
	if receipt.Hash(s.Program) != r.Program {
		wrong("the receipt names program %v, the job has %v", r.Program, s.Program)
		return
	}
	if len(s.Inputs) != len(r.Inputs) {
		wrong("the receipt names %d inputs, the job has %d", len(r.Inputs), len(s.Inputs))
		return
	}
	for i, in := range s.Inputs {
		if want := nameOf(in); receipt.Hash(want) != r.Inputs[i] {
			wrong("the receipt names %v as input %d, the job has %v", r.Inputs[i], i, want)
			return
		}
	}
}

// nameOf is the hash by which a receipt names an input.
func nameOf(in job.Input) job.Hash {
	if in.Data != nil {
		return job.Sum(in.Data)
	}
	return in.Blob
}
