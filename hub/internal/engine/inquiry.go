package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// auditQueue is how many audits may wait before shards that more replicas
// would settle as well are left to the replicas.
const auditQueue = 8

// inquire starts what the shard's verdict asks for: a dispute where two results
// differ, or else an audit. The caller holds mu.
func (e *Engine) inquire(j *jobRun, s *shard) {
	v := s.verdict
	if v.Accepted || s.inquiry || s.mute || j.start == nil {
		return
	}
	var inquiry func(ctx context.Context) error
	switch {
	case v.Conflict && s.program.Task == nil && !s.played && e.playable(s.rivals()):
		s.played = true
		inquiry = func(ctx context.Context) error { return e.playDispute(ctx, j, s) }
	case v.Conflict, v.Audit == trust.MustAudit, v.Audit == trust.MayAudit && e.audits < auditQueue:
		e.audits++
		inquiry = func(ctx context.Context) error {
			defer e.audited()
			return e.audit(ctx, j, s)
		}
	default:
		return
	}
	s.inquiry = true
	j.start(func(ctx context.Context) {
		err := inquiry(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		s.inquiry = false
		switch {
		case ctx.Err() != nil || errors.Is(err, errRedundant):
		case err == nil:
			e.inquire(j, s) // what was learned may ask for more
		case j.terms == nil:
			// Counted replicas can still settle it.
			s.mute = true
			e.log.Warn("no inquiry", "job", j.record.ID, "shard", s.id.String(), "err", err)
		case j.cancel != nil:
			j.cancel(fmt.Errorf("audit of shard %v: %w", s.id, err))
		}
		signal(e.kick)
	})
}

// playable reports whether a dispute between rivals may tell more than an audit
// would: not with somebody who was proved wrong already, or who has stayed away
// from one before. The caller holds mu.
func (e *Engine) playable(rivals []Result) bool {
	for _, r := range rivals {
		if e.absent[r.Volunteer] || e.repute.Discredited(r.device()) {
			return false
		}
	}
	return rivals != nil
}

func (e *Engine) audited() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.audits--
}

// rivals are two results that differ, neither refuted; nil if there are none.
// The caller holds mu.
func (s *shard) rivals() []Result {
	var first *Result
	for i, r := range s.results {
		switch {
		case r.Standing == trust.Refuted:
		case first == nil:
			first = &s.results[i]
		case r.Output != first.Output:
			return []Result{*first, r}
		}
	}
	return nil
}

// audit runs the shard here and settles it.
func (e *Engine) audit(ctx context.Context, j *jobRun, s *shard) error {
	e.mu.Lock()
	var claims []job.Hash
	for _, r := range s.results {
		if r.Standing != trust.Refuted {
			claims = append(claims, r.Output)
		}
	}
	e.mu.Unlock()
	truth, encoded, err := e.execute(ctx, j, s.shard, claims...)
	if err != nil {
		return err
	}
	spent := s.program.spent(encoded)
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	e.mu.Lock()
	s.audits++
	s.spent[truth] = spent
	e.mu.Unlock()
	return e.learn(context.WithoutCancel(ctx), j, s, news{truth: &truth})
}

// execute runs a shard on a device the operator trusts, one shard at a time,
// and stores its outputs.
//
// Where that contradicts what somebody claims, another engine decides if there
// is one: nobody is held to have lied because a compiler has a fault.
func (e *Engine) execute(ctx context.Context, j *jobRun, s job.Shard, claims ...job.Hash) (job.Hash, []byte, error) {
	if e.config.Execute == nil {
		return job.Hash{}, nil, errors.New("engine: this hub has no auditor")
	}
	select {
	case e.exec <- struct{}{}:
	case <-ctx.Done():
		return job.Hash{}, nil, ctx.Err()
	}
	defer func() { <-e.exec }()
	outputs, err := e.config.Execute(ctx, s, j.holder)
	if err != nil {
		return job.Hash{}, nil, err
	}
	encoded := job.EncodeOutputs(outputs)
	h := job.Sum(encoded)
	contradicts := slices.ContainsFunc(claims, func(claim job.Hash) bool { return claim != h })
	if contradicts && e.config.Confirm != nil {
		outputs, err := e.config.Confirm(ctx, s, j.holder)
		if err != nil {
			return job.Hash{}, nil, err
		}
		if outputs != nil {
			confirmed := job.EncodeOutputs(outputs)
			if sum := job.Sum(confirmed); sum != h {
				e.log.Error("two engines of this hub disagree", "job", j.record.ID, "program", s.Program.String(), "first", h.String(), "second", sum.String())
				encoded, h = confirmed, sum
			}
		}
	}
	if err := j.holder.PutSum(context.WithoutCancel(ctx), h, encoded); err != nil {
		e.fail(err)
		return h, nil, err
	}
	return h, encoded, nil
}

// playDispute has the volunteers of two results that differ find the op in
// which they do. Whoever is proved wrong is refuted. Where nobody is, an audit
// follows: also where one of them did not play, since an honest volunteer may
// have left, and an audit finds the liar as well.
func (e *Engine) playDispute(ctx context.Context, j *jobRun, s *shard) error {
	e.mu.Lock()
	rivals := s.rivals()
	e.mu.Unlock()
	if rivals == nil {
		return nil
	}
	ruling, d, err := e.dispute(ctx, j, s, rivals[0], rivals[1])
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || !ruling.Settled {
		e.log.Info("no dispute", "job", j.record.ID, "shard", s.id.String(), "reason", ruling.Reason, "err", err)
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := e.config.Store.Dispute(ctx, d); err != nil {
		e.fail(err)
		return err
	}
	lost := map[volunteer.ID]string{}
	for i, v := range []volunteer.ID{d.A, d.B} {
		if f := d.Faults[i]; f.Text != "" && !f.Absent {
			lost[v] = d.lost(f)
		}
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	e.mu.Lock()
	s.dispute = s.dispute || len(lost) > 0
	j.disputes++
	e.mu.Unlock()
	if len(lost) == 0 {
		return nil
	}
	return e.learn(ctx, j, s, news{lost: lost})
}

// lost says why a party lost: it may have contradicted itself before an op was
// reached.
func (d Dispute) lost(f Fault) string {
	if d.Op < 0 {
		return "lost a dispute: " + f.Text
	}
	return fmt.Sprintf("lost a dispute at op %d (%s): %s", d.Op, d.Name, f.Text)
}
