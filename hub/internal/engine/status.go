package engine

import (
	"context"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Status is what every volunteer may see of the hub: the oldest running job
// and who is there.
type Status struct {
	Job        string   `json:"job,omitempty"`
	Name       string   `json:"name,omitempty"`
	Kind       string   `json:"kind,omitempty"`
	State      State    `json:"state,omitempty"`
	Round      int      `json:"round"`
	Step       int      `json:"step"`
	Steps      int      `json:"steps"`
	Loss       *float64 `json:"loss,omitempty"`
	Val        *float64 `json:"val,omitempty"`
	Volunteers int      `json:"volunteers"`
	Jobs       int      `json:"jobs"` // queued and running
}

// Status returns the hub's state for people.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := Status{Volunteers: len(e.members), Jobs: len(e.active)}
	if len(e.active) == 0 {
		return s
	}
	j := e.active[0]
	s.Job, s.Name, s.Kind, s.State = j.record.ID, j.record.Name, j.record.Kind, j.record.State
	s.Round, s.Step, s.Steps = j.at, j.latest.Step, j.latest.Steps
	s.Loss, s.Val = j.latest.Loss, j.val
	if s.Steps == 0 {
		s.Steps = j.record.Plan.Steps
	}
	return s
}

// Presence is one volunteer, connected or not.
type Presence struct {
	ID        volunteer.ID
	Agent     string
	Lanes     []string // of a connected one
	Unfit     []Unfit  // of a connected one: lanes that failed on its machine
	Connected bool
	Leases    int
	Shards    int64
	Credit    ledger.Amount
	Stake     ledger.Amount
	Marks     int
	Seen      time.Time
}

// Volunteers lists up to limit volunteers, highest credit first.
func (e *Engine) Volunteers(ctx context.Context, limit int) ([]Presence, error) {
	known, err := e.config.Store.Volunteers(ctx, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Presence, len(known))
	at := make(map[volunteer.ID]*Presence, len(known))
	for i, k := range known {
		marks := 0
		for _, n := range k.Marks {
			marks += n
		}
		list[i] = Presence{ID: k.Volunteer, Agent: k.Agent, Shards: k.Shards, Credit: k.Credit, Stake: k.Stake, Marks: marks, Seen: k.Seen}
		at[k.Volunteer] = &list[i]
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.members {
		p := at[m.id]
		if p == nil {
			continue
		}
		p.Connected = true
		p.Unfit = append(p.Unfit, m.unfit...)
		for i, d := range m.devices {
			p.Lanes = append(p.Lanes, d.Lane)
			p.Leases += m.load[i]
		}
	}
	return list, nil
}

// Totals are Stats and what is going on now.
type Totals struct {
	Stats
	Connected int `json:"connected"`
	Running   int `json:"running"`
	Queued    int `json:"queued"`
	Leases    int `json:"leases"` // live
}

// Totals returns the hub's totals.
func (e *Engine) Totals(ctx context.Context) (Totals, error) {
	stats, err := e.config.Store.Stats(ctx)
	if err != nil {
		return Totals{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := Totals{Stats: stats, Connected: len(e.members)}
	for _, j := range e.active {
		if j.started {
			t.Running++
		} else {
			t.Queued++
		}
	}
	for _, m := range e.members {
		for _, n := range m.load {
			t.Leases += n
		}
	}
	return t, nil
}

// Transactions returns up to limit transactions touching an account, newest first.
func (e *Engine) Transactions(ctx context.Context, a ledger.Account, limit int) ([]ledger.Transaction, error) {
	return e.config.Store.Transactions(ctx, a, limit)
}
