package incident

import (
	"fmt"
	"time"
)

// Kind is what an event says.
type Kind string

// What people do. A replay lets them do it again.
const (
	Meet  Kind = "meet"  // a volunteer is seen for the first time: who, Devices, Latency, and what the hub knows already
	Join  Kind = "join"  // it connects
	Leave Kind = "leave" // it goes; Lost: without a word
	Run   Kind = "run"   // one of its devices has ended a run: Compute, Answer
)

// What a job asks for, where its rounds are unlike. A replay is told beforehand.
const Round Kind = "round" // the rounds of a number: Width, Ops

// What the hub does. A replay does it anew, and compares.
const (
	Lease    Kind = "lease"   // the hub hands out a shard; Backup
	Result   Kind = "result"  // a result is in and is judged; Answer
	Verdict  Kind = "verdict" // the shard is accepted; Answer, Risk
	Capture  Kind = "capture" // a volunteer is proved wrong
	Repair   Kind = "repair"  // an accepted result was wrong and is replaced
	Rollback Kind = "rollback"
)

// Exogenous reports whether it comes from outside: people do it, or a job asks
// for it, and not the hub.
func (k Kind) Exogenous() bool {
	return k == Meet || k == Join || k == Leave || k == Run || k == Round
}

// anonymous reports whether no volunteer is part of it.
func (k Kind) anonymous() bool {
	return k == Verdict || k == Repair || k == Rollback || k == Round
}

// Event is one thing that happened. Fields that do not belong to its kind are
// zero. Volunteers count from 1, everything else from 0.
type Event struct {
	At        time.Duration `json:"t"`
	Kind      Kind          `json:"e"`
	Volunteer int           `json:"v,omitempty"`
	Device    int           `json:"d,omitempty"`
	Job       int           `json:"j,omitempty"`
	Shard     int64         `json:"s,omitempty"` // counts all shards of the job; for Rollback and Round the round

	// Meet.
	Block   string        `json:"block,omitempty"`
	Build   string        `json:"build,omitempty"`
	Created time.Duration `json:"created,omitempty"` // before the beginning when negative
	Latency time.Duration `json:"latency,omitempty"` // one way
	Devices []Device      `json:"devices,omitempty"`
	Caught  bool          `json:"caught,omitempty"` // proved wrong before the beginning, with its first device

	// Leave.
	Lost bool `json:"lost,omitempty"`

	// Run.
	Compute time.Duration `json:"compute,omitempty"`
	Answer  *Answer       `json:"answer,omitempty"` // also Result, Verdict, Repair

	Backup bool    `json:"backup,omitempty"`
	Risk   float64 `json:"risk,omitempty"`

	// Round.
	Width int   `json:"width,omitempty"` // shards
	Ops   int64 `json:"ops,omitempty"`   // of each
}

// Device is one lane of a volunteer.
type Device struct {
	Class    string  `json:"class"`
	Speed    int64   `json:"speed"` // operations per second
	Memory   int64   `json:"memory,omitempty"`
	Verified int64   `json:"verified,omitempty"` // results found right before the beginning
	Evidence float64 `json:"evidence,omitempty"` // what of that has not faded
	Caught   bool    `json:"caught,omitempty"`   // proved wrong before the beginning
}

// validate checks the event by itself.
func (e *Event) validate() error {
	used := Event{At: e.At, Kind: e.Kind, Volunteer: e.Volunteer}
	if e.At < 0 || e.At > MaxTime {
		return fmt.Errorf("t: %d, want 0 to %d", e.At, MaxTime)
	}
	if !e.Kind.anonymous() {
		if e.Volunteer < 1 || e.Volunteer > MaxVolunteers {
			return fmt.Errorf("v: %d, want 1 to %d", e.Volunteer, MaxVolunteers)
		}
	} else if e.Volunteer != 0 {
		return fmt.Errorf("v: %d has no meaning here", e.Volunteer)
	}
	answer := false
	switch e.Kind {
	case Meet:
		used.Block, used.Build, used.Created, used.Latency, used.Devices, used.Caught =
			e.Block, e.Build, e.Created, e.Latency, e.Devices, e.Caught
		if err := e.meets(); err != nil {
			return err
		}
	case Join:
	case Leave:
		used.Lost = e.Lost
	case Run:
		used.Device, used.Compute, answer = e.Device, e.Compute, true
		if e.Compute < 0 || e.Compute > MaxTime {
			return fmt.Errorf("compute: %d, want 0 to %d", e.Compute, MaxTime)
		}
	case Lease:
		used.Device, used.Job, used.Shard, used.Backup = e.Device, e.Job, e.Shard, e.Backup
	case Result:
		used.Device, used.Job, used.Shard, answer = e.Device, e.Job, e.Shard, true
	case Verdict:
		used.Job, used.Shard, used.Risk, answer = e.Job, e.Shard, e.Risk, true
		if !(e.Risk >= 0 && e.Risk <= 1) {
			return fmt.Errorf("risk: %g, want 0 to 1", e.Risk)
		}
	case Repair:
		used.Job, used.Shard, answer = e.Job, e.Shard, true
	case Capture, Rollback:
		used.Job, used.Shard = e.Job, e.Shard
	case Round:
		used.Job, used.Shard, used.Width, used.Ops = e.Job, e.Shard, e.Width, e.Ops
		switch {
		case e.Width < 1 || e.Width > MaxWidth:
			return fmt.Errorf("width: %d, want 1 to %d", e.Width, MaxWidth)
		case e.Ops < 1:
			return fmt.Errorf("ops: %d, want at least 1", e.Ops)
		}
	default:
		return fmt.Errorf("e: %.40q is no kind of event", string(e.Kind))
	}
	if answer != (e.Answer != nil) {
		return fmt.Errorf("answer: present is %t, want %t", e.Answer != nil, answer)
	}
	if answer && e.Kind != Run && *e.Answer < Right {
		return fmt.Errorf("answer: a %s has none that is not a result", e.Kind)
	}
	used.Answer = e.Answer
	switch {
	case e.Device < 0 || e.Device >= MaxDevices:
		return fmt.Errorf("d: %d, want 0 to %d", e.Device, MaxDevices-1)
	case e.Job < 0 || e.Shard < 0:
		return fmt.Errorf("j, s: %d, %d, want at least 0", e.Job, e.Shard)
	case !used.equal(e):
		return fmt.Errorf("e: a field that a %s does not have", e.Kind)
	}
	return nil
}

func (e *Event) meets() error {
	switch {
	case len(e.Devices) == 0 || len(e.Devices) > MaxDevices:
		return fmt.Errorf("devices: %d, want 1 to %d", len(e.Devices), MaxDevices)
	case len(e.Block) > MaxText || len(e.Build) > MaxText:
		return fmt.Errorf("block, build: a text of more than %d bytes", MaxText)
	case e.Created < -MaxTime || e.Created > MaxTime:
		return fmt.Errorf("created: %d, want %d to %d", e.Created, -MaxTime, MaxTime)
	case e.Latency < 0 || e.Latency > time.Hour:
		return fmt.Errorf("latency: %d, want at most an hour", e.Latency)
	}
	for i, d := range e.Devices {
		switch {
		case len(d.Class) > MaxText:
			return fmt.Errorf("devices[%d].class: more than %d bytes", i, MaxText)
		case d.Speed < 1:
			return fmt.Errorf("devices[%d].speed: %d, want at least 1", i, d.Speed)
		case d.Memory < 0 || d.Verified < 0:
			return fmt.Errorf("devices[%d]: memory %d, verified %d, want at least 0", i, d.Memory, d.Verified)
		case !(d.Evidence >= 0 && d.Evidence <= float64(d.Verified)):
			return fmt.Errorf("devices[%d].evidence: %g, want 0 to verified (%d)", i, d.Evidence, d.Verified)
		}
	}
	return nil
}

// equal compares all but the devices, and answers by identity.
func (e *Event) equal(f *Event) bool {
	return e.At == f.At && e.Kind == f.Kind && e.Volunteer == f.Volunteer && e.Device == f.Device && e.Job == f.Job &&
		e.Shard == f.Shard && e.Block == f.Block && e.Build == f.Build && e.Created == f.Created && e.Latency == f.Latency &&
		len(e.Devices) == len(f.Devices) && e.Caught == f.Caught && e.Lost == f.Lost && e.Compute == f.Compute &&
		e.Answer == f.Answer && e.Backup == f.Backup && e.Risk == f.Risk && e.Width == f.Width && e.Ops == f.Ops
}

// Same reports whether the hub did the same at the same time.
func (e *Event) Same(f *Event) bool {
	a, b := *e, *f
	if (a.Answer == nil) != (b.Answer == nil) || a.Answer != nil && *a.Answer != *b.Answer {
		return false
	}
	a.Answer, b.Answer = nil, nil
	return a.equal(&b)
}
