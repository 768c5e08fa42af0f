package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/trust"
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
	if canary, err := m.sealCanary(l, seal); canary {
		return err
	}
	e := m.engine
	j, s, err := e.locate(ctx, l)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.adopt(m, j, s, l, token)
	if err != nil {
		return err
	}
	if a.opened {
		if *a.seal != seal {
			return errOpened
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
	if v, ok, err := m.resultOfCanary(ctx, d); ok || err != nil {
		return v, err
	}
	j, s, err := e.locate(ctx, d.Lease)
	if errors.Is(err, ErrSettled) {
		return e.surplus(d.Token)
	}
	if err != nil {
		return VerdictNotice{}, err
	}
	a, err := e.begin(m, j, s, d)
	switch {
	case errors.Is(err, ErrSettled):
		return e.surplus(d.Token)
	case errors.Is(err, errLied):
		return VerdictNotice{}, m.blame(ctx, d, err)
	case err != nil:
		return VerdictNotice{}, err
	}
	defer e.end(s, a)
	if err := s.program.fits(s.shard, d.Outputs); err != nil {
		return VerdictNotice{}, m.blame(ctx, d, err)
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
	return e.judge(ctx, j, s, a, d)
}

// surplus is the verdict on a result that is not needed. A hub that is stopping
// cannot tell, and the volunteer has to ask again.
func (e *Engine) surplus(token []byte) (VerdictNotice, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return VerdictNotice{}, ErrStopping
	}
	return VerdictNotice{Token: token, Standing: trust.Pending, Reason: ErrSettled.Error()}, nil
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
		if j == nil || j.ended || !j.record.Finished.IsZero() || id.Round() < j.at || e.stopped || int(l.Generation) != j.record.Generation {
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
func (e *Engine) adopt(m *Member, j *jobRun, s *shard, l lease.Lease, token []byte) (*attempt, error) {
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
	if a != nil && a.seal != nil { // leased again meanwhile; the one that is further counts
		return nil, ErrSuperseded
	}
	if a != nil {
		s.drop(a)
		a.member.notify(RevokeNotice{Token: a.token, Reason: "an earlier lease of the same shard is still good"})
	} else if !j.affords(s) {
		return nil, ErrSettled
	}
	a = &attempt{
		lease: l, token: token, member: m, device: dev,
		overdue: now.Add(e.config.Scheduler.BackupAfter), deadline: l.Deadline,
	}
	a.believe(e, openShard{j, s}, now)
	s.attempts = append(s.attempts, a)
	m.load[dev]++
	return a, nil
}

// What is wrong with a seal, in the same words for canaries.
var (
	errUnsealed = fmt.Errorf("%w: send it before the result", ErrBadSeal)
	errOpened   = fmt.Errorf("%w: another one was opened", ErrBadSeal)
	errLied     = fmt.Errorf("%w: not what was sealed", ErrBadSeal)
)

// begin claims the attempt for a delivery: from here on it cannot be lost.
func (e *Engine) begin(m *Member, j *jobRun, s *shard, d Delivery) (*attempt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.adopt(m, j, s, d.Lease, d.Token)
	if err != nil {
		return nil, err
	}
	switch {
	case !d.Lease.Sealed:
		m.measure(a, s, e.config.Now())
	case a.seal == nil:
		if a.granted.IsZero() { // adopted just now: nobody is at work on it
			s.drop(a)
			signal(e.kick)
		}
		return nil, errUnsealed
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

// blame marks the device that delivered d, which is wrong by its form alone, and
// returns why.
func (m *Member) blame(ctx context.Context, d Delivery, why error) error {
	r := Result{
		Job: d.Lease.Job, Shard: ShardID(d.Lease.Shard), Volunteer: d.Lease.Volunteer,
		Lane: d.Lease.Lane, Class: m.class(d.Lease.Lane), Output: d.Output,
	}
	if err := m.engine.convict(ctx, r.Job, r.Shard, []Result{r}, why.Error(), 0); err != nil {
		return err
	}
	return why
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
