package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
)

// Record is the public record of a job: an audit.Source.
type Record interface {
	Head(ctx context.Context) ([]byte, error)
	Receipts(ctx context.Context) (audit.Lines, int64, error)
	JobFile(ctx context.Context) ([]byte, error)
}

// Parse reads the trust section of a job file.
type Parse func(file []byte) (job.Trust, error)

// FromRecord reads a job's public record and checks that it is whole: the
// hub's signature and those of the volunteers. An error that wraps
// receipt.ErrDamaged means that it is not.
func FromRecord(ctx context.Context, from Record, parse Parse) (*History, error) {
	signed, err := from.Head(ctx)
	if err != nil {
		return nil, err
	}
	head, err := receipt.OpenHead(signed)
	if err != nil {
		return nil, err
	}
	file, err := from.JobFile(ctx)
	if err != nil {
		return nil, err
	}
	if receipt.Sum(file) != head.File {
		return nil, fmt.Errorf("%w: the job file is not the one that the head names", receipt.ErrDamaged)
	}
	h := &History{Job: head.Job, Created: head.Created, Ended: head.Ended}
	if h.Trust, err = parse(file); err != nil {
		return nil, fmt.Errorf("export: job file: %w", err)
	}
	if err := h.readReceipts(ctx, from, head); err != nil {
		return nil, err
	}
	h.Gaps = append(h.Gaps,
		"what devices had earned before the job is guessed from the risk of their first results",
		"who looked related to whom is not known: nobody does")
	if head.Withdrawn > 0 {
		h.Gaps = append(h.Gaps, fmt.Sprintf("the job was taken back %d times; what was withdrawn then, lies that were believed for a while among it, is not in the public record", head.Withdrawn))
	}
	return h, nil
}

func (h *History) readReceipts(ctx context.Context, from Record, head receipt.Head) (err error) {
	file, size, err := from.Receipts(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines, err := receipt.ReadLines(file, size, func(_ int64, line []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := receipt.Decode(line)
		if err == nil {
			err = r.Verify()
		}
		if err == nil && r.Job != head.Job {
			err = fmt.Errorf("%w: a receipt of job %q in the record of %q", receipt.ErrDamaged, r.Job, head.Job)
		}
		if err != nil {
			return err
		}
		h.add(r)
		return nil
	})
	if err != nil {
		return err
	}
	root, err := lines.Log().Root()
	if err != nil {
		return err
	}
	if root != head.Root || lines.Log().Size() != head.Receipts {
		return fmt.Errorf("%w: the receipts are not those that the head names", receipt.ErrDamaged)
	}
	return nil
}

// add takes a receipt.
func (h *History) add(r receipt.Receipt) {
	s := Shard{
		Round: r.Round, Index: r.Index, Ops: r.Ops, Subject: subjectOf(job.Hash(r.Program), r.Inputs),
		Accepted: r.At, Output: job.Hash(r.Output), Risk: r.Risk, Audited: r.Path == receipt.Audited,
		Results: make([]Result, len(r.Results)),
	}
	for i, res := range r.Results {
		s.Results[i] = Result{
			Volunteer: Volunteer(res.Volunteer), Lane: res.Lane, Output: job.Hash(res.Output),
			Refuted: res.Standing == receipt.Refuted, Risk: res.Risk, Millis: res.Millis, At: res.At, Lease: leaseOf(res.Token),
		}
		if s.Results[i].Refuted {
			h.Faults = append(h.Faults, Fault{Volunteer: Volunteer(res.Volunteer), Lane: res.Lane, Round: r.Round, Index: r.Index, At: r.At})
		}
	}
	h.Shards = append(h.Shards, s)
}

// subjectOf hashes what a shard computes, and from what.
func subjectOf[H ~[32]byte](program job.Hash, inputs []H) job.Hash {
	h := sha256.New()
	h.Write(program[:])
	for _, in := range inputs {
		h.Write(in[:])
	}
	return job.Hash(h.Sum(nil))
}
