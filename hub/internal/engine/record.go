package engine

import (
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// State is where a job is in its life.
type State string

// A job is queued, then running, then one of the three ends.
const (
	Queued    State = "queued"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended reports whether s is final.
func (s State) Ended() bool { return s == Done || s == Failed || s == Cancelled }

// Job is what is stored of a job.
type Job struct {
	ID   string
	Name string
	Kind string
	File []byte // the job file as submitted: the spec is always parsed from it
	Plan job.Plan

	// Generation counts how often results were withdrawn and the job was
	// taken back to an earlier round.
	Generation int
	// Edition counts the ends that stand no more: the job was done, was reopened,
	// and what had come of it was withdrawn or given up.
	Edition int
	State   State
	Reason  string // why it failed or was cancelled; of a reopened one, why it runs again
	Created time.Time
	// Finished is when the job came to its end. A job that is reopened keeps it
	// as long as nothing is withdrawn: then that end still stands.
	Finished time.Time
}

// Reopened reports whether the job runs again after it was done.
func (j Job) Reopened() bool {
	return !j.State.Ended() && (j.Edition > 0 || !j.Finished.IsZero())
}

// ShardID numbers a shard within its job: round << 24 | index. It stays below
// 2^53, so that it is exact in JSON.
type ShardID uint64

const (
	indexBits = 24
	maxIndex  = 1<<indexBits - 1
	maxRound  = 1<<29 - 1
)

// NewShardID returns the ID of a round's shard.
func NewShardID(round, index int) ShardID { return ShardID(round)<<indexBits | ShardID(index) }

// Round returns the round the shard is part of.
func (s ShardID) Round() int { return int(s >> indexBits) }

// Index returns the shard's place in its round.
func (s ShardID) Index() int { return int(s & maxIndex) }

func (s ShardID) String() string { return fmt.Sprintf("%d/%d", s.Round(), s.Index()) }

// Result is one volunteer's committed answer to one shard.
type Result struct {
	Job       string
	Shard     ShardID
	Volunteer volunteer.ID
	Lane      string
	Class     string   // of the device, which is a lane and what its volunteer says of it
	Output    job.Hash // of the encoded outputs, which are a blob of that name
	Token     []byte   // with Output, what Signature covers (protocol.ResultBytes)
	Signature [64]byte
	Millis    uint64 // compute time as the volunteer states it
	At        time.Time
	Standing  trust.Standing

	// Identity is what may relate the device to others; zero where an older hub
	// did not note it.
	Identity trust.Identity

	// What was believed of the device when its lease was handed out.
	Risk  float64
	Alone bool
	Check bool // the lot fell on it: another volunteer checks it
}

// Acceptance is a settled shard: what receipts are made of.
type Acceptance struct {
	Shard   ShardID
	Program job.Hash
	Inputs  []job.Hash // of each input's bytes
	Ops     int64      // what each execution was paid for
	Output  job.Hash
	At      time.Time

	Path     Path
	Risk     float64 // of the output being wrong; 1 where the policy weighs nobody
	Executed int     // how often the shard was computed: results and audits
}

// Path is how a shard's output came to be accepted.
type Path string

// The paths.
const (
	Alone    Path = "alone"    // one volunteer, believed
	Agreed   Path = "agreed"   // several volunteers
	Checked  Path = "checked"  // one believed, whom another checked
	Audited  Path = "audited"  // an auditor of the operator
	Disputed Path = "disputed" // who said otherwise lost a dispute
)

// DeviceRecord is what the store keeps of one class of device of one volunteer.
type DeviceRecord = reputation.Record

// Mark is proof that a device returned something wrong.
type Mark struct {
	Volunteer volunteer.ID
	Lane      string
	Job       string
	Shard     ShardID
	Reason    string
	At        time.Time
}

// Change is a new standing of an earlier result.
type Change struct {
	Volunteer volunteer.ID
	Standing  trust.Standing
}

// Commit is everything that follows from one result, one audit or one fault
// found, all or nothing.
type Commit struct {
	Job      string
	Shard    ShardID
	Result   *Result              // the newest; nil when something else has spoken
	Changes  []Change             // earlier results of the shard
	Accepted *Acceptance          // set when this settles the shard
	Ledger   []ledger.Transaction // payments and slashes
	Marks    []Mark
	Devices  []DeviceRecord // as they are from now on
	Spent    int64          // executions that settle nothing: canaries, and some of repairs
}

// Account sums up what a job's acceptances are worth and what they took.
type Account struct {
	trust.Account
	Audited int64 // accepted on an auditor's word
	Refuted int64 // of those: shards where a volunteer's result is refuted
}

// note adds an acceptance. It is contested where a result is refuted.
func (a *Account) note(n Acceptance, contested bool) {
	a.Accept(1, n.Risk, int64(n.Executed))
	if n.Path == Audited {
		a.Audited++
		if contested {
			a.Refuted++
		}
	}
}

// Withdrawal takes a job back: every verdict and result from a round on, and
// checkpoints after it, count no more. They are kept, apart. If the job was
// done, that end stands no more, and its artifacts are none.
type Withdrawal struct {
	Job        string
	From       int // the first round
	Generation int // of the job from now on
	Ledger     []ledger.Transaction
	At         time.Time
}

// Checkpoint is a stored job.Checkpoint.
type Checkpoint struct {
	Round  int // the round that Start will resume at
	Record []byte
	Blobs  []job.Hash
}

// Artifact names one file of a finished job; its bytes are a blob.
type Artifact struct {
	Name string   `json:"name"`
	Type string   `json:"type"`
	Size int64    `json:"size"`
	Hash job.Hash `json:"-"`
}

// Receipt is the proof of one shard: who computed what from what.
type Receipt struct {
	Acceptance
	Results []Result // in order of arrival
}

// Standing is what the store knows of a volunteer.
type Standing struct {
	Volunteer volunteer.ID
	Agent     string
	Shards    int64         // confirmed
	Credit    ledger.Amount // what it may dispose of
	Stake     ledger.Amount // what it has earned and would lose for a lie
	First     time.Time
	Seen      time.Time
	Marks     map[string]int // by lane
}

// Stats are totals over the hub's life.
type Stats struct {
	Jobs       int64 `json:"jobs"`
	Shards     int64 `json:"shards"`  // accepted
	Results    int64 `json:"results"` // committed
	Refuted    int64 `json:"refuted"`
	Ops        int64 `json:"ops"`    // of accepted shards, before replication
	Credit     int64 `json:"credit"` // paid
	Slashed    int64 `json:"slashed"`
	Volunteers int64 `json:"volunteers"`
}
