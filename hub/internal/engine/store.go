package engine

import (
	"context"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// JobQuery picks some of the jobs. Only Limit is required.
type JobQuery struct {
	Limit  int    // at most so many
	Before string // only jobs submitted before this one
	State  State  // only jobs in this state
}

// Store keeps what must survive a crash. Its methods are safe for concurrent
// use. A method that writes returns after its transaction is durable, or with
// an error and nothing written; concurrent writes may share a transaction. An
// ended context ends the waiting, not necessarily the write: callers that
// must know the outcome pass a context that does not end. Package storetest
// holds implementations to all of this.
type Store interface {
	// CreateJob adds a job whose ID is new.
	CreateJob(ctx context.Context, j Job) error
	// Job returns a job, or ErrNotFound.
	Job(ctx context.Context, id string) (Job, error)
	// Jobs returns every job, oldest first.
	Jobs(ctx context.Context) ([]Job, error)
	// NewestJobs returns jobs, the newest first.
	NewestJobs(ctx context.Context, q JobQuery) ([]Job, error)
	// SetState moves a job to another state. at is kept when s is an end. With
	// Failed and Cancelled the artifacts of an earlier end go, and if that stood
	// until now the edition is raised.
	SetState(ctx context.Context, id string, s State, reason string, at time.Time) error
	// Finish moves a job to Done. Its artifacts are these and no others.
	Finish(ctx context.Context, id string, artifacts []Artifact, at time.Time) error
	// Reopen moves a job that is Done back to Running and keeps everything else
	// as it is. A job that is not done is ErrNotFound.
	Reopen(ctx context.Context, id, reason string) error
	// Reliant returns the jobs that are done, finished at since or later, in which
	// a confirmed result of one of the volunteers is of a shard that no auditor
	// has upheld; the oldest first.
	Reliant(ctx context.Context, volunteers []volunteer.ID, since time.Time) ([]string, error)
	// Artifacts returns a job's artifacts by name.
	Artifacts(ctx context.Context, id string) ([]Artifact, error)

	// Commit records c unless the volunteer of c.Result already has a result
	// for the shard: then it changes nothing and returns false.
	Commit(ctx context.Context, c Commit) (bool, error)
	// Results returns a job's results for the shards from <= ID < end, in
	// order of arrival.
	Results(ctx context.Context, id string, from, end ShardID) ([]Result, error)
	// Acceptances returns the settled shards from <= ID < end in order.
	Acceptances(ctx context.Context, id string, from, end ShardID) ([]Acceptance, error)

	// Account sums up a job's acceptances.
	Account(ctx context.Context, id string) (Account, error)
	// Devices returns what is known of every device.
	Devices(ctx context.Context) ([]DeviceRecord, error)
	// Stakes returns every stake that is not 0.
	Stakes(ctx context.Context) (map[volunteer.ID]ledger.Amount, error)
	// Uphold notes that an auditor found accepted outputs right. Those that were
	// withdrawn meanwhile are left out.
	Uphold(ctx context.Context, id string, upheld []Acceptance) error
	// Withdraw does what w says.
	Withdraw(ctx context.Context, w Withdrawal) error
	// Dispute records how a dispute ended.
	Dispute(ctx context.Context, d Dispute) error
	// Disputes returns a job's disputes, oldest first.
	Disputes(ctx context.Context, id string) ([]Dispute, error)

	// FinishRound records a round's report and, unless nil, the checkpoint
	// taken after it; checkpoints whose rounds are in drop go. Recording a
	// round again replaces its report.
	FinishRound(ctx context.Context, id string, r job.Report, c *Checkpoint, drop []int) error
	// Checkpoints returns a job's checkpoints in the order of their rounds.
	Checkpoints(ctx context.Context, id string) ([]Checkpoint, error)
	// Reports returns the reports of rounds from the given one on, in order.
	Reports(ctx context.Context, id string, from int) ([]job.Report, error)
	// Latest returns a job's last report, its Loss, Val and Accuracy being the
	// last ones reported by any round; the zero Report when there is none.
	Latest(ctx context.Context, id string) (job.Report, error)

	// See records that a volunteer is here and returns what is known of it.
	See(ctx context.Context, v volunteer.ID, agent string, at time.Time) (Standing, error)
	// Volunteers returns up to limit volunteers, highest credit first.
	Volunteers(ctx context.Context, limit int) ([]Standing, error)
	// Balance returns what an account holds; 0 for one never used.
	Balance(ctx context.Context, a ledger.Account) (ledger.Amount, error)
	// Transactions returns up to limit transactions touching a, newest first.
	Transactions(ctx context.Context, a ledger.Account, limit int) ([]ledger.Transaction, error)

	// Pin keeps a blob for good; twice is as good as once.
	Pin(ctx context.Context, h job.Hash, size int64, at time.Time) error
	// Pins returns the pinned blobs.
	Pins(ctx context.Context) ([]job.Hash, error)

	Stats(ctx context.Context) (Stats, error)
	Close() error
}
