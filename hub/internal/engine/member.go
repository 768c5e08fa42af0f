package engine

import (
	"context"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Device is one lane a volunteer offers.
type Device struct {
	Lane    string
	Detail  string
	Threads int
	Memory  int64 // bytes; 0 unknown
}

// laneSandbox is the lane that runs modules, and nothing else does.
const laneSandbox = "sandbox"

func (d Device) sandbox() bool { return d.Lane == laneSandbox }

// fits reports whether a device can run shards of a program.
func (d Device) fits(p Program) bool {
	return d.sandbox() == (p.Task != nil) && (d.Memory == 0 || d.Memory >= p.PeakBytes)
}

// Unfit is a lane of a volunteer's machine that failed there and is not
// offered.
type Unfit struct{ Lane, Detail, Reason string }

// Notice is something a volunteer must be told.
type Notice interface{ notice() }

type (
	// LeaseNotice hands out a lease. Payload is shared: it must not be changed.
	LeaseNotice struct {
		Token    []byte
		Nonce    [16]byte
		Job      string
		Shard    ShardID
		Device   int
		Deadline time.Time
		Sealed   bool
		Payload  []byte
	}
	// OpenNotice asks for a sealed result.
	OpenNotice struct{ Token []byte }
	// VerdictNotice tells the fate of an earlier result.
	VerdictNotice struct {
		Token    []byte
		Standing trust.Standing
		Credit   ledger.Amount
		Reason   string
	}
	// RevokeNotice voids a lease.
	RevokeNotice struct {
		Token  []byte
		Reason string
	}
)

func (LeaseNotice) notice()   {}
func (OpenNotice) notice()    {}
func (VerdictNotice) notice() {}
func (RevokeNotice) notice()  {}

// noticeQueue bounds what waits for one volunteer. Whoever lets it fill up
// does not listen any more and is let go.
const noticeQueue = 128

// Member is one connected volunteer. Its methods are safe for concurrent use.
type Member struct {
	engine     *Engine
	id         volunteer.ID
	devices    []Device
	classes    []string         // by device
	identities []trust.Identity // by device
	notices    chan Notice

	// Guarded by Engine.mu.
	consent  time.Time // leases are given until then
	unfit    []Unfit
	want     []int   // by device: leases asked for
	load     []int   // by device: live leases
	speed    []int64 // by device: operations per second, a moving average
	excluded []bool  // by device
	marks    map[string]int
	credit   ledger.Amount
	deaf     bool // notices is closed
	canaries []*canary
	tested   trial               // its last canary
	asked    map[[32]byte]*asked // by case: questions that wait for an answer
	left     bool
}

// Join connects a volunteer from a network block. It gets no lease before
// Consent and Want.
func (e *Engine) Join(ctx context.Context, id volunteer.ID, agent, block string, devices []Device) (*Member, error) {
	known, err := e.config.Store.See(ctx, id, agent, e.config.Now())
	if err != nil {
		return nil, err
	}
	m := &Member{
		engine: e, id: id, devices: devices,
		classes:    make([]string, len(devices)),
		identities: identities(devices, block, agent, known.First),
		notices:    make(chan Notice, noticeQueue),
		want:       make([]int, len(devices)),
		load:       make([]int, len(devices)),
		speed:      make([]int64, len(devices)),
		excluded:   make([]bool, len(devices)),
		marks:      known.Marks,
		credit:     known.Credit + known.Stake,
	}
	for i, d := range devices {
		m.classes[i] = classOf(d)
	}
	if m.marks == nil {
		m.marks = map[string]int{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || e.broken != nil {
		return nil, ErrStopping
	}
	m.exclude()
	e.members = append(e.members, m)
	return m, nil
}

// exclude applies the marks, and the quarantines, to the devices. The caller
// holds mu.
func (m *Member) exclude() {
	for i, d := range m.devices {
		m.excluded[i] = trust.Excluded(m.marks[d.Lane]) || m.engine.repute.Closed(m.classes[i])
	}
}

// class is that of the device of a lane.
func (m *Member) class(lane string) string {
	if i := slices.IndexFunc(m.devices, func(d Device) bool { return d.Lane == lane }); i >= 0 {
		return m.classes[i]
	}
	return lane
}

// Notices yields what the volunteer must be told, in order. It is closed when
// the volunteer has let too much pile up, or has left.
func (m *Member) Notices() <-chan Notice { return m.notices }

// notify queues n. The caller holds mu.
func (m *Member) notify(n Notice) {
	if m.deaf {
		return
	}
	select {
	case m.notices <- n:
	default:
		m.hush()
	}
}

// hush ends the notices; the session then leaves. The caller holds mu.
func (m *Member) hush() {
	if !m.deaf {
		m.deaf = true
		close(m.notices)
		m.abandon(court.ErrGone)
	}
}

// Consent lets leases be given until the given time.
func (m *Member) Consent(until time.Time) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.consent = until
	signal(m.engine.kick)
}

// Unfit notes which lanes failed on the volunteer's machine.
func (m *Member) Unfit(lanes []Unfit) {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	m.unfit = lanes
}

// Want asks for up to count further leases for a device; 0 withdraws what is
// left of earlier wants. A device that is not served is ErrDenied.
func (m *Member) Want(dev, count int) error {
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.excluded[dev] {
		return ErrDenied
	}
	if count == 0 {
		m.want[dev] = 0
		return nil
	}
	m.want[dev] = min(m.want[dev]+count, e.config.MaxLeases)
	signal(e.kick)
	return nil
}

// returnPause is how long a volunteer does not get a shard again that it has
// handed back: whoever cannot run it must not be offered it over and over.
const returnPause = 5 * time.Second

// Return hands leases back uncomputed. Leases that are not live are ignored.
func (m *Member) Return(tokens [][]byte) {
	given := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		given[string(t)] = true
	}
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	until := m.engine.config.Now().Add(returnPause)
	m.dropCanaries(func(c *canary) bool { return given[string(c.token)] }, "")
	m.engine.dropAttempts(func(s *shard, a *attempt) bool {
		if a.member != m || !given[string(a.token)] {
			return false
		}
		s.away[m.id] = until
		return true
	}, "")
}

// Credit returns what the volunteer has earned, its stake included.
func (m *Member) Credit() ledger.Amount {
	m.engine.mu.Lock()
	defer m.engine.mu.Unlock()
	return m.credit
}

// Leave disconnects the volunteer: every lease goes back at once. Calling it
// again does nothing.
func (m *Member) Leave() {
	e := m.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if m.left {
		return
	}
	m.left = true
	m.hush()
	m.canaries = nil
	e.members = slices.DeleteFunc(e.members, func(other *Member) bool { return other == m })
	e.dropAttempts(func(_ *shard, a *attempt) bool { return a.member == m }, "")
	signal(e.kick) // somebody may have waited for it
}

// dropAttempts ends every live attempt that match picks, except those whose
// result is being written. With a reason, its volunteer is told. The caller
// holds mu.
func (e *Engine) dropAttempts(match func(*shard, *attempt) bool, reason string) {
	now := e.config.Now()
	for _, j := range e.active {
		if j.round == nil {
			continue
		}
		for _, s := range j.round.open {
			dropped := false
			for _, a := range slices.Clone(s.attempts) {
				if a.committing || !match(s, a) {
					continue
				}
				s.drop(a)
				dropped = true
				if reason != "" {
					a.member.notify(RevokeNotice{Token: a.token, Reason: reason})
				}
			}
			if dropped {
				s.openSealed(now, e.config.Scheduler)
				signal(e.kick)
			}
		}
	}
}
