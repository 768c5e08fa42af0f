package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// register is as much of a Store as Join needs: it remembers when whom was seen.
type register struct {
	Store
	first func(v volunteer.ID) time.Time
}

func (r register) See(_ context.Context, v volunteer.ID, agent string, at time.Time) (Standing, error) {
	return Standing{Volunteer: v, Agent: agent, First: r.first(v), Seen: at}, nil
}

// hall is an engine with a crowd that waits for work, and one job's open round.
type hall struct {
	*Engine
	job *jobRun
	now time.Time
}

func newHall(tb testing.TB, t job.Trust, members, shards int) *hall {
	tb.Helper()
	signer, err := lease.NewSigner(make([]byte, lease.MinKey))
	if err != nil {
		tb.Fatal(err)
	}
	policy, err := trust.NewPolicy(t)
	if err != nil {
		tb.Fatal(err)
	}
	h := hall{now: time.Unix(1_700_000_000, 0)}
	now := h.now
	e := &Engine{
		config: Config{
			Store: register{first: func(v volunteer.ID) time.Time {
				return now.Add(-time.Duration(int(v[0])|int(v[1])<<8) * time.Hour)
			}},
			Signer: signer, Rand: rand.Reader, Now: func() time.Time { return h.now },
			Related: trust.Related, Scheduler: scheduler.Default(), MaxLeases: 16,
		},
		log: slog.New(slog.DiscardHandler), kick: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		repute: reputation.New(nil, nil),
	}
	for i := range members {
		m, err := e.Join(tb.Context(), volunteer.ID{byte(i), byte(i >> 8)}, "bench/1", fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255),
			[]Device{{Lane: "wasm"}, {Lane: "webgpu", Detail: fmt.Sprint("adapter ", i%7)}})
		if err != nil {
			tb.Fatal(err)
		}
		m.consent = now.Add(time.Hour)
	}
	j := &jobRun{record: Job{ID: "bench"}, policy: policy, changed: make(chan struct{}), rollback: -1}
	if w, weighs := policy.(trust.Weighed); weighs {
		j.terms = &w.Terms
	}
	j.round = &round{job: j, done: make(chan struct{})}
	for i := range shards {
		s := &shard{
			id: NewShardID(0, i), program: Program{Ops: 1e9, PeakBytes: 1 << 20}, turn: make(chan struct{}, 1),
			away: map[volunteer.ID]time.Time{}, holders: map[volunteer.ID]trust.Identity{}, spent: map[job.Hash]int64{},
		}
		j.round.shards = append(j.round.shards, s)
	}
	j.round.open = append(j.round.open, j.round.shards...)
	e.active = []*jobRun{j}
	h.Engine, h.job = e, j
	h.reset()
	return &h
}

// reset takes all leases back: everybody wants one on the first device.
func (h *hall) reset() {
	for _, s := range h.job.round.shards {
		s.attempts, s.lonely, s.company = nil, false, nil
		s.verdict = h.job.policy.Judge(trust.Facts{})
	}
	for _, m := range h.members {
		m.want[0], m.want[1], m.load[0], m.load[1] = 2, 1, 0, 0
		for len(m.notices) > 0 {
			<-m.notices
		}
	}
}

// plans plans until nothing changes.
func (h *hall) plans(tb testing.TB) {
	for {
		if _, err := h.planOnce(); err != nil {
			tb.Fatal(err)
		}
		select {
		case <-h.kick:
		default:
			return
		}
	}
}
