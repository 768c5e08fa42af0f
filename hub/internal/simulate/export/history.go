package export

import (
	"errors"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
)

// ErrEmpty means that a job has no results: there is nothing to play again.
var ErrEmpty = errors.New("export: the job has no results")

// ErrRunning means that a job has not ended: its past is not complete.
var ErrRunning = errors.New("export: the job has not ended")

// Volunteer is a volunteer's key. It is never written.
type Volunteer [32]byte

// History is what a source knows of one job that has ended.
type History struct {
	Job     string
	Trust   job.Trust
	Created time.Time
	Ended   time.Time
	Shards  []Shard // in the order of their generations
	Faults  []Fault // in the order of their times

	// Devices is what was known before the job's first result; nil where the
	// source does not say. Then it follows from the risk of first results.
	Devices []Device

	// Identities is what may relate volunteers to one another; nil where the
	// source does not say. Then nobody looks related.
	Identities []Identity

	// Gaps says in words what this source leaves out that another would not.
	Gaps []string
}

// Shard is one shard, in one generation: whenever a job is taken back, what it
// has done from some round on is withdrawn and done again.
type Shard struct {
	Generation   int
	Round, Index int
	Subject      job.Hash // of program and inputs: what is equal there has one right answer
	Ops          int64
	Results      []Result

	// Of an accepted shard; Accepted is zero where it was not.
	Accepted time.Time
	Output   job.Hash
	Risk     float64
	Audited  bool // an auditor has decided
}

// Result is what one volunteer returned.
type Result struct {
	Volunteer Volunteer
	Lane      string
	Class     string // of the device, where the source says
	Output    job.Hash
	Refuted   bool
	Risk      float64
	Millis    uint64 // of computing, in the volunteer's words
	At        time.Time
	Lease     Lease
}

// Fault is proof that a volunteer returned something wrong for a shard.
type Fault struct {
	Volunteer    Volunteer
	Lane         string
	Round, Index int
	At           time.Time
}

// Identity is what a hub keeps of who a volunteer is.
type Identity struct {
	Volunteer Volunteer
	Block     string    // of its address; empty where the hub has not noted it
	First     time.Time // when its key was first seen
	Agent     string    // the software, in the volunteer's words
}

// Device is what a hub knew of a class of devices of one volunteer.
type Device struct {
	Volunteer Volunteer
	Class     string
	Verified  int64
	Evidence  float64 // what of that has not faded
	Caught    bool
}
