package audit

import (
	"context"
	"errors"
	"io"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
)

// ErrDamaged means that a source has something, but not with the bytes it
// should have, or in no form that is read. An error that wraps fs.ErrNotExist means that it has nothing.
// Any other error ends an audit.
var ErrDamaged = errors.New("audit: damaged")

// Source is where a finished job lies: a hub, or a folder. What it returns is
// not believed, so it need not check anything but what its errors say.
type Source interface {
	// Head returns the signed head.
	Head(ctx context.Context) ([]byte, error)
	// Receipts returns the lines and how many bytes they are. The caller closes
	// them.
	Receipts(ctx context.Context) (Lines, int64, error)
	// JobFile returns the job file as it was submitted.
	JobFile(ctx context.Context) ([]byte, error)
	// Artifact copies one of the job's files to w. The bytes are checked by the
	// caller.
	Artifact(ctx context.Context, name string, w io.Writer) error
	// Blob returns the bytes whose SHA-256 is h, checked.
	Blob(ctx context.Context, h job.Hash) ([]byte, error)
	// Data reads a data file that the job file names, as job.Env's Data.
	Data(ctx context.Context, name string) ([]byte, error)
	// Damages looks for damage where nothing else will. It calls found for each.
	Damages(ctx context.Context, p Parts, found func(where string, err error)) error
}

// Parts are what a job must have, as its head and receipts say.
type Parts struct {
	Blobs []job.Hash // that receipts name, in their order; none unless the audit is of every shard
	Files []string   // names of the artifacts
}

// Lines are a file of receipts.
type Lines interface {
	io.ReaderAt
	io.Closer
}

// ErrShard is the error of an Executor for a shard that no machine can compute,
// because its program is none or its inputs do not fit it: a receipt that has an
// output for it is wrong. Any other error is the auditor's own trouble.
var ErrShard = local.ErrShard

// Executor computes shards: a *local.Executor.
type Executor interface {
	Execute(ctx context.Context, s job.Shard) ([][]byte, error)
	// Forget lets go of all blobs that are not in keep.
	Forget(keep map[job.Hash]bool)
	Close() error
}
