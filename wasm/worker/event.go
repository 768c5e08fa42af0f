package worker

import (
	"encoding/hex"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Kind says what an Event is about.
type Kind string

// The kinds of events, with the fields they set besides Kind.
const (
	Connecting   Kind = "connecting"   // Reason: why the last try failed; Wait
	Connected    Kind = "connected"    // Hub: consent accepted, leases may come
	Disconnected Kind = "disconnected" // Reason
	Started      Kind = "started"      //
	Paused       Kind = "paused"       //
	Finishing    Kind = "finishing"    //
	Stopped      Kind = "stopped"      //
	Leased       Kind = "leased"       // Job, Shard, Device
	Computing    Kind = "computing"    // Job, Shard, Device
	Computed     Kind = "computed"     // Job, Shard, Device, Took, Ops
	Sealed       Kind = "sealed"       // Job, Shard, Device
	Delivered    Kind = "delivered"    // Job, Shard, Device
	Judged       Kind = "judged"       // Job, Shard, Device, Status, Credit, Reason
	Returned     Kind = "returned"     // Job, Shard, Device, Reason
	Revoked      Kind = "revoked"      // Job, Shard, Device, Reason
	Refused      Kind = "refused"      // Code, Reason; Job, Shard, Device when it is about one
	Lost         Kind = "lost"         // Device, Lane, Reason: it computes nothing until it is reopened
	Reopened     Kind = "reopened"     // Device, Lane
	Dropped      Kind = "dropped"      // Device, Lane, Reason: for the rest of this Run
	Progress     Kind = "progress"     // JSON: what the hub says about the job
)

// Event is something that happened. Fields that a kind does not list are
// zero.
type Event struct {
	Kind   Kind
	Hub    string
	Job    string
	Shard  uint64
	Device int // index into Config.Devices, or their number: the sandbox
	Lane   string
	Took   time.Duration
	Wait   time.Duration
	Ops    int64
	Status protocol.Status
	Credit int64
	Code   protocol.Code
	Reason string
	JSON   []byte
}

// State is what the volunteer was last told to do.
type State string

// States of a worker.
const (
	StateRunning   State = "running"
	StatePaused    State = "paused"
	StateFinishing State = "finishing"
	StateStopped   State = "stopped"
)

// Stats is a snapshot for people.
type Stats struct {
	Volunteer string // public key, hexadecimal
	State     State
	Connected bool
	Hub       string
	Credit    int64  // paid to this worker since New; the hub knows the whole balance
	Computed  uint64 // shards computed since New
	Accepted  uint64
	Rejected  uint64
	Waiting   int // results sealed or delivered, and not yet judged
	Devices   []DeviceStats
}

// DeviceStats is one device's part of Stats.
type DeviceStats struct {
	Lane     string
	Detail   string
	Threads  int
	Computed uint64        // shards since New
	Busy     time.Duration // spent computing since New
	Ops      int64         // integer operations since New; of the sandbox, instructions
	Job      string        // being computed now; empty when idle
	Shard    uint64
	Dropped  bool // after it was lost
}

func hexID(id [32]byte) string { return hex.EncodeToString(id[:]) }
