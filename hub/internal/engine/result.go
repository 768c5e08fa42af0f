package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// ErrSettled means that the shard has been settled without this result: it is
// neither right nor wrong, and earns nothing.
var ErrSettled = errors.New("engine: the shard was settled without it")

// Delivery is a result as its session hands it over: the token has been
// verified and is the volunteer's, the signature holds, Output is the SHA-256
// of Outputs, and Seal is what sealing that output must have given.
type Delivery struct {
	Lease     lease.Lease
	Token     []byte
	Outputs   []byte
	Output    job.Hash
	Seal      [32]byte
	Signature [64]byte
	Millis    uint64
}

// Seal commits the volunteer to a result. Once every replica that is needed
// is sealed, OpenNotice asks for it. ErrSettled says that it is not wanted
// any more.
func (m *Member) Seal(ctx context.Context, l lease.Lease, token []byte, seal [32]byte) error {
	if !l.Sealed {
		return fmt.Errorf("%w: this lease has none", ErrBadSeal)
	}
	e := m.engine
	_, s, err := e.locate(ctx, l)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.adopt(m, s, l, token)
	if err != nil {
		return err
	}
	if a.opened {
		if *a.seal != seal {
			return fmt.Errorf("%w: another one was opened", ErrBadSeal)
		}
		m.notify(OpenNotice{Token: a.token}) // again, after a reconnect
		return nil
	}
	if a.seal == nil {
		m.measure(a, s, e.config.Now())
	}
	a.seal = &seal
	s.openSealed(e.config.Now(), e.config.Scheduler)
	signal(e.kick)
	return nil
}

// Result judges a delivery and returns the verdict once it is durable. The
// errors of errors.go say what is wrong with it; any other error is the hub's.
func (m *Member) Result(ctx context.Context, d Delivery) (VerdictNotice, error) {
	e := m.engine
	j, s, err := e.locate(ctx, d.Lease)
	if errors.Is(err, ErrSettled) {
		return surplus(d.Token), nil
	}
	if err != nil {
		return VerdictNotice{}, err
	}
	a, err := e.begin(m, s, d)
	switch {
	case errors.Is(err, ErrSettled):
		return surplus(d.Token), nil
	case errors.Is(err, errLied):
		return VerdictNotice{}, e.blame(ctx, d, fmt.Errorf("%w: not what was sealed", ErrBadSeal))
	case err != nil:
		return VerdictNotice{}, err
	}
	defer e.end(s, a)
	if err := fits(s.program.Outputs, d.Outputs); err != nil {
		return VerdictNotice{}, e.blame(ctx, d, err)
	}
	// From here on the connection no longer matters: what is half done would
	// leave memory and store in disagreement.
	ctx = context.WithoutCancel(ctx)
	if err := j.holder.PutSum(ctx, d.Output, d.Outputs); err != nil {
		e.fail(err)
		return VerdictNotice{}, err
	}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return e.judge(ctx, j, s, d)
}

func surplus(token []byte) VerdictNotice {
	return VerdictNotice{Token: token, Standing: trust.Pending, Reason: ErrSettled.Error()}
}

// Surplus reports whether v says that the shard was settled without the result.
func (v VerdictNotice) Surplus() bool { return v.Standing == trust.Pending && v.Reason != "" }

// locate finds the shard a lease is for. After a restart the job may still be
// folding its way back to the shard's round: then it waits, until the lease
// expires at the latest. ErrSettled means that the round is over.
func (e *Engine) locate(ctx context.Context, l lease.Lease) (*jobRun, *shard, error) {
	id := ShardID(l.Shard)
	for {
		e.mu.Lock()
		j := e.job(l.Job)
		if j == nil || j.ended || id.Round() < j.at || e.stopped {
			e.mu.Unlock()
			return nil, nil, ErrSettled
		}
		s, changed := j.round.find(id), j.changed
		open := j.round != nil && j.at == id.Round()
		e.mu.Unlock()
		if s != nil {
			return j, s, nil
		}
		if open { // a shard the round does not have
			return nil, nil, ErrBadLease
		}
		if err := e.await(ctx, changed, l.Deadline); err != nil {
			return nil, nil, err
		}
	}
}

// await returns when c is closed, or with an error at the deadline.
func (e *Engine) await(ctx context.Context, c <-chan struct{}, deadline time.Time) error {
	left := deadline.Sub(e.config.Now())
	if left <= 0 {
		return ErrLeaseExpired
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-c:
		return nil
	case <-timer.C:
		return ErrLeaseExpired
	case <-ctx.Done():
		return ctx.Err()
	}
}

// adopt returns the live attempt that l names. An attempt that was lost with
// its connection, or with the hub, is live again. The caller holds mu.
func (e *Engine) adopt(m *Member, s *shard, l lease.Lease, token []byte) (*attempt, error) {
	if s.delivered(m.id) {
		return nil, ErrDuplicate
	}
	if s.verdict.Accepted {
		return nil, ErrSettled
	}
	dev := slices.IndexFunc(m.devices, func(d Device) bool { return d.Lane == l.Lane })
	if trust.Excluded(m.marks[l.Lane]) {
		return nil, ErrDenied
	}
	a := s.by(m.id)
	if a != nil && a.committing {
		return nil, ErrDuplicate
	}
	if a != nil && a.lease.Nonce == l.Nonce {
		if a.member != m && dev >= 0 { // it has come back on another connection
			a.member.load[a.device]--
			a.member, a.device = m, dev
			m.load[dev]++
		}
		return a, nil
	}
	now := e.config.Now()
	if !l.Deadline.After(now) {
		return nil, ErrLeaseExpired
	}
	if dev < 0 {
		return nil, fmt.Errorf("%w: no device of lane %q here", ErrBadLease, l.Lane)
	}
	if a != nil { // leased again meanwhile; the one that is further counts
		s.drop(a)
		a.member.notify(RevokeNotice{Token: a.token, Reason: "an earlier lease of the same shard is still good"})
	}
	a = &attempt{
		lease: l, token: token, member: m, device: dev,
		overdue: now.Add(e.config.Scheduler.BackupAfter), deadline: l.Deadline,
	}
	s.attempts = append(s.attempts, a)
	m.load[dev]++
	return a, nil
}

// errLied means that the outputs are not the ones that were sealed.
var errLied = errors.New("engine: seal broken")

// begin claims the attempt for a delivery: from here on it cannot be lost.
func (e *Engine) begin(m *Member, s *shard, d Delivery) (*attempt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.adopt(m, s, d.Lease, d.Token)
	if err != nil {
		return nil, err
	}
	switch {
	case !d.Lease.Sealed:
		m.measure(a, s, e.config.Now())
	case a.seal == nil:
		return nil, fmt.Errorf("%w: send it before the result", ErrBadSeal)
	case !a.opened:
		return nil, fmt.Errorf("%w: not opened yet", ErrBadSeal)
	case *a.seal != d.Seal:
		s.drop(a)
		signal(e.kick)
		return nil, errLied
	}
	a.committing = true
	return a, nil
}

// end takes a claimed attempt off its shard.
func (e *Engine) end(s *shard, a *attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.drop(a)
	s.openSealed(e.config.Now(), e.config.Scheduler)
	signal(e.kick)
}

// fits checks that outputs decode to the sizes the program declares.
func fits(sizes []int, encoded []byte) error {
	outputs, err := job.DecodeOutputs(encoded)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadResult, err)
	}
	if len(outputs) != len(sizes) {
		return fmt.Errorf("%w: %d outputs, want %d", ErrBadResult, len(outputs), len(sizes))
	}
	for i, out := range outputs {
		if len(out) != sizes[i] {
			return fmt.Errorf("%w: output %d has %d bytes, want %d", ErrBadResult, i, len(out), sizes[i])
		}
	}
	return nil
}

// blame marks the device that delivered d and returns why.
func (e *Engine) blame(ctx context.Context, d Delivery, why error) error {
	mark := Mark{
		Volunteer: d.Lease.Volunteer, Lane: d.Lease.Lane, Job: d.Lease.Job,
		Shard: ShardID(d.Lease.Shard), Reason: why.Error(), At: e.config.Now(),
	}
	if err := e.config.Store.Mark(context.WithoutCancel(ctx), mark); err != nil {
		e.fail(err)
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applyMarks([]Mark{mark})
	return why
}

// applyMarks ends the leases of devices that are no longer served. The caller
// holds mu.
func (e *Engine) applyMarks(marks []Mark) {
	for _, mark := range marks {
		e.connected(mark.Volunteer, func(m *Member) {
			m.marks[mark.Lane]++
			m.exclude()
		})
		e.dropAttempts(func(_ *shard, a *attempt) bool {
			return a.lease.Volunteer == mark.Volunteer && trust.Excluded(a.member.marks[a.lease.Lane])
		}, "this device has returned a wrong result")
		e.log.Warn("device marked", "volunteer", mark.Volunteer.Short(), "lane", mark.Lane,
			"job", mark.Job, "shard", mark.Shard.String(), "reason", mark.Reason)
	}
}

// judge commits d with its consequences. The caller holds the shard's turn.
func (e *Engine) judge(ctx context.Context, j *jobRun, s *shard, d Delivery) (VerdictNotice, error) {
	now := e.config.Now()
	e.mu.Lock()
	settled := s.verdict.Accepted
	results := append(slices.Clone(s.results), Result{
		Job: j.record.ID, Shard: s.id, Volunteer: d.Lease.Volunteer, Lane: d.Lease.Lane,
		Output: d.Output, Token: d.Token, Signature: d.Signature, Millis: d.Millis, At: now,
	})
	e.mu.Unlock()
	if settled {
		return surplus(d.Token), nil
	}
	before := slices.Clone(results)
	v := j.policy.Judge(evidence(results))
	for i := range results {
		results[i].Standing = v.Standings[i]
	}
	c, err := consequences(s, before, results, v, now)
	if err != nil {
		return VerdictNotice{}, err
	}
	inserted, err := e.config.Store.Commit(ctx, c)
	if err != nil {
		e.fail(err)
		return VerdictNotice{}, err
	}
	if !inserted {
		return VerdictNotice{}, ErrDuplicate
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.apply(j, s, results, v, c), nil
}

// consequences collects all that the newest of results changes.
func consequences(s *shard, before, results []Result, v trust.Verdict, now time.Time) (Commit, error) {
	last := len(results) - 1
	c := Commit{Result: results[last]}
	for i, r := range results[:last] {
		if r.Standing != before[i].Standing {
			c.Changes = append(c.Changes, Change{r.Volunteer, r.Standing})
		}
	}
	if !v.Accepted {
		return c, nil
	}
	accepted := s.receipt
	accepted.Output, accepted.At = v.Result, now
	c.Accepted = &accepted
	var paid []volunteer.ID
	for _, r := range results {
		switch r.Standing {
		case trust.Confirmed:
			paid = append(paid, r.Volunteer)
		case trust.Refuted:
			c.Marks = append(c.Marks, Mark{
				Volunteer: r.Volunteer, Lane: r.Lane, Job: r.Job, Shard: r.Shard,
				Reason: "the result differs from the one the other replicas agree on", At: now,
			})
		}
	}
	payment, err := ledger.Payment(now, ledger.Reference{
		Job: c.Result.Job, Shard: uint64(s.id), Output: v.Result.String(),
		Reason: fmt.Sprintf("verified shard %v of %d integer operations, %d replicas", s.id, s.program.Ops, len(paid)),
	}, s.program.Ops, paid)
	c.Payment = &payment
	return c, err
}

// apply makes memory agree with what was committed, tells whom it concerns and
// returns the verdict on the newest result. The caller holds mu.
func (e *Engine) apply(j *jobRun, s *shard, results []Result, v trust.Verdict, c Commit) VerdictNotice {
	s.results, s.verdict = results, v
	each := ledger.Credit(s.program.Ops)
	var own VerdictNotice
	for i, r := range results {
		n := VerdictNotice{Token: r.Token, Standing: r.Standing}
		if v.Accepted && r.Standing == trust.Confirmed {
			n.Credit = each
			e.connected(r.Volunteer, func(m *Member) { m.credit += each })
		}
		if r.Standing == trust.Refuted {
			n.Reason = "the other replicas agree on another result"
		}
		if i == len(results)-1 {
			own = n
		} else if v.Accepted {
			e.connected(r.Volunteer, func(m *Member) { m.notify(n) })
		}
	}
	e.applyMarks(c.Marks)
	if !v.Accepted {
		return own
	}
	for _, a := range slices.Clone(s.attempts) {
		if !a.committing {
			s.drop(a)
			a.member.notify(RevokeNotice{Token: a.token, Reason: "the shard is settled"})
		}
	}
	if j.round != nil && j.round.find(s.id) == s {
		j.round.settle(s)
		e.announce(j)
	}
	return own
}

// announceEvery spaces progress events: they are for people.
const announceEvery = 250 * time.Millisecond

// announce tells subscribers how far the round is. The caller holds mu.
func (e *Engine) announce(j *jobRun) {
	now := e.config.Now()
	if now.Sub(j.announced) < announceEvery {
		return
	}
	j.announced = now
	e.events.publish(j.record.ID, Event{Type: "progress", Progress: j.progress()})
}

// measure updates the device's speed by a finished attempt. The caller holds mu.
func (m *Member) measure(a *attempt, s *shard, now time.Time) {
	took := now.Sub(a.granted).Milliseconds()
	if took <= 0 || a.granted.IsZero() || a.member != m {
		return
	}
	// ops/ms*1000, without leaving 64 bits for any shard a device can finish.
	speed := s.program.Ops / took * 1000
	if old := m.speed[a.device]; old > 0 {
		speed = old - old/4 + speed/4
	}
	m.speed[a.device] = max(speed, 1)
}
