// Package incident reads and writes what happened on a hub: who came and went,
// what they computed, and what the hub made of it.
//
// An incident is a text of JSON lines: one Header, then Events in the order of
// their time. INCIDENTS.md describes the format for whoever writes it by other
// means. The package refuses to know how events come about: package detail
// makes them and plays them again, package export makes them of a real job.
//
// An incident may be shown to anybody. Volunteers are numbers in it; there is
// no field for a key, an address or a name that a volunteer gave itself.
package incident

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// Format and Version begin every incident. Version 1 had no Round events; it
// is still read.
const (
	Format  = "shoal-incident"
	Version = 2
)

// Recorded is the strategy of real people: nobody knows what they were up to.
const Recorded = "as recorded"

// Header is what held during the incident. Times are nanoseconds.
type Header struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	About   About  `json:"about"`
	Policy  Policy `json:"policy"`
	Hub     Hub    `json:"hub"`
	Jobs    []Job  `json:"jobs"` // the most urgent first
	// Until is when it ends.
	Until time.Duration `json:"until"`
	// Seed is of what a replay has to make up where the record ends.
	Seed uint64 `json:"seed"`
	// Whole says that the record begins with the hub, so that playing it again
	// has to give the very same events. A cutting from a longer one lacks what
	// was under way when it begins.
	Whole bool `json:"whole"`
}

// About is for readers; nothing depends on it.
type About struct {
	Source     string  `json:"source"`
	Volunteers int     `json:"volunteers"`
	Cheaters   float64 `json:"cheaters"`
	Strategy   string  `json:"strategy"`
	// Gaps says in words what of this is not known and had to be left out.
	Gaps []string `json:"gaps,omitempty"`
}

// Policy is what the jobs asked for.
type Policy struct {
	Epsilon   float64         `json:"epsilon"`
	Assurance trust.Assurance `json:"assurance"`
	Replicas  int             `json:"replicas,omitempty"`
	Secret    Secret          `json:"secret"` // of the lots
	Gain      int64           `json:"gain"`   // of a lie that is never found, in prices of a shard
}

// Hub holds the hub's constants.
type Hub struct {
	LeaseTime   time.Duration `json:"lease_time"`
	BackupAfter time.Duration `json:"backup_after"`
	MaxBackups  int           `json:"max_backups"`
	MaxLeases   int           `json:"max_leases"` // of one device
	InHand      int           `json:"in_hand"`    // leases that a device asks for
	PlanEvery   time.Duration `json:"plan_every"` // least time between two plans
	LostAfter   time.Duration `json:"lost_after"` // silence after which a connection is given up
	Fold        time.Duration `json:"fold"`       // between two rounds
	Learn       time.Duration `json:"learn"`      // of older programs: hubs learn as evidence comes, not by the clock
	Auditors    int           `json:"auditors"`   // lanes of the operator
	AuditSpeed  int64         `json:"audit_speed"`
}

// Job is where shards come from.
type Job struct {
	Width  int   `json:"width"`  // shards in a round, unless a Round event says otherwise; 0: no rounds, every shard is free to go out
	Rounds int   `json:"rounds"` // 0: until the end
	Shards int64 `json:"shards"` // of a job without rounds; 0: until the end
	Ops    int64 `json:"ops"`    // of a shard, likewise
	Memory int64 `json:"memory"` // that a device needs
}

// Limits that decoding holds incidents to.
const (
	MaxVolunteers = 10_000_000
	MaxDevices    = 16
	MaxJobs       = 16
	MaxWidth      = 1 << 20
	MaxText       = 200
	MaxGaps       = 16
	MaxTime       = 10 * 365 * 24 * time.Hour
)

// Validate names the first field that is wrong.
func (h Header) Validate() error {
	switch {
	case h.Format != Format:
		return fmt.Errorf("format: %q, want %q", h.Format, Format)
	case h.Version < 1 || h.Version > Version:
		return fmt.Errorf("version: %d, this program reads 1 to %d", h.Version, Version)
	case h.Until <= 0 || h.Until > MaxTime:
		return fmt.Errorf("until: %d, want 1 to %d", h.Until, MaxTime)
	case len(h.Jobs) == 0 || len(h.Jobs) > MaxJobs:
		return fmt.Errorf("jobs: %d, want 1 to %d", len(h.Jobs), MaxJobs)
	case h.Policy.Replicas != 0 && h.Policy.Assurance != trust.Replicated:
		return fmt.Errorf("policy.replicas: %d has no meaning with assurance %s", h.Policy.Replicas, h.Policy.Assurance)
	case h.Policy.Gain < 0 || h.Policy.Gain > 1_000_000_000:
		return fmt.Errorf("policy.gain: %d, want 0 to 1000000000", h.Policy.Gain)
	}
	if err := h.About.validate(); err != nil {
		return err
	}
	if _, err := trust.NewTerms(h.Policy.Epsilon, h.Policy.Assurance, h.Policy.Replicas); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	for i, j := range h.Jobs {
		if err := j.validate(); err != nil {
			return fmt.Errorf("jobs[%d].%w", i, err)
		}
	}
	return h.Hub.validate()
}

func (a About) validate() error {
	if len(a.Gaps) > MaxGaps {
		return fmt.Errorf("about.gaps: %d, want at most %d", len(a.Gaps), MaxGaps)
	}
	for _, text := range append([]string{a.Source, a.Strategy}, a.Gaps...) {
		if len(text) > MaxText {
			return fmt.Errorf("about: a text of more than %d bytes", MaxText)
		}
	}
	return nil
}

func (j Job) validate() error {
	switch {
	case j.Width < 0 || j.Width > MaxWidth:
		return fmt.Errorf("width: %d, want 0 to %d", j.Width, MaxWidth)
	case j.Rounds < 0 || j.Width == 0 && j.Rounds != 0:
		return fmt.Errorf("rounds: %d with width %d", j.Rounds, j.Width)
	case j.Shards < 0 || j.Width != 0 && j.Shards != 0:
		return fmt.Errorf("shards: %d with width %d", j.Shards, j.Width)
	case j.Ops < 1:
		return fmt.Errorf("ops: %d, want at least 1", j.Ops)
	case j.Memory < 0:
		return fmt.Errorf("memory: %d, want at least 0", j.Memory)
	}
	return nil
}

func (c Hub) validate() error {
	for _, d := range []struct {
		name string
		time time.Duration
	}{
		{"lease_time", c.LeaseTime}, {"backup_after", c.BackupAfter}, {"plan_every", c.PlanEvery},
		{"lost_after", c.LostAfter}, {"fold", c.Fold}, {"learn", c.Learn},
	} {
		if d.time < time.Millisecond || d.time > 24*time.Hour {
			return fmt.Errorf("hub.%s: %d, want a millisecond to a day", d.name, d.time)
		}
	}
	for _, n := range []struct {
		name         string
		n, low, high int64
	}{
		{"max_backups", int64(c.MaxBackups), 0, 100},
		{"max_leases", int64(c.MaxLeases), 1, 1000},
		{"in_hand", int64(c.InHand), 1, 16},
		{"auditors", int64(c.Auditors), 1, 1_000_000},
		{"audit_speed", c.AuditSpeed, 1, 1 << 50},
	} {
		if n.n < n.low || n.n > n.high {
			return fmt.Errorf("hub.%s: %d, want %d to %d", n.name, n.n, n.low, n.high)
		}
	}
	return nil
}

// Answer is what somebody returned for a shard: Right, or wrong in one of many
// ways. Equal ways give equal bytes.
type Answer int64

// The answers that are not wrong.
const (
	Right   Answer = 0
	Aborted Answer = -1 // the run was broken off: revoked, or its volunteer left
	Silent  Answer = -2 // nothing was ever returned
)

// Wrong reports whether the answer is a wrong result.
func (a Answer) Wrong() bool { return a > Right }

// MarshalText writes right, aborted, silent or wrong-N.
func (a Answer) MarshalText() ([]byte, error) {
	switch {
	case a == Right:
		return []byte("right"), nil
	case a == Aborted:
		return []byte("aborted"), nil
	case a == Silent:
		return []byte("silent"), nil
	case a.Wrong():
		return strconv.AppendInt([]byte("wrong-"), int64(a), 10), nil
	}
	return nil, fmt.Errorf("incident: answer %d", int64(a))
}

// UnmarshalText is the inverse of MarshalText.
func (a *Answer) UnmarshalText(text []byte) error {
	switch s := string(text); s {
	case "right":
		*a = Right
	case "aborted":
		*a = Aborted
	case "silent":
		*a = Silent
	default:
		digits, ok := strings.CutPrefix(s, "wrong-")
		n, err := strconv.ParseInt(digits, 10, 64)
		if !ok || err != nil || n < 1 || strconv.FormatInt(n, 10) != digits {
			return fmt.Errorf("answer: %.40q, want right, aborted, silent or wrong-N", s)
		}
		*a = Answer(n)
	}
	return nil
}
