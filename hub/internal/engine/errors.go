package engine

import (
	"errors"
	"regexp"
	"strings"
)

// What can be wrong with what a volunteer sends. Each costs the attempt at
// most, never the connection.
var (
	// ErrBadLease means that the lease is not this volunteer's, or its job or
	// shard does not exist.
	ErrBadLease = errors.New("engine: no such lease")
	// ErrLeaseExpired means that the lease's deadline has passed.
	ErrLeaseExpired = errors.New("engine: the lease has expired")
	// ErrDuplicate means that the volunteer has already delivered this shard.
	ErrDuplicate = errors.New("engine: this shard has a result of yours already")
	// ErrBadSeal means that outputs were shown unsealed, too early, or that
	// they are not the ones sealed.
	ErrBadSeal = errors.New("engine: seal")
	// ErrBadResult means that the outputs do not have the program's shapes.
	ErrBadResult = errors.New("engine: the outputs do not fit the program")
	// ErrSuperseded means that another lease of the same shard, to the same
	// volunteer, is further: its result is sealed.
	ErrSuperseded = errors.New("engine: another lease of yours for this shard is sealed")
	// ErrDenied means that the device gets no leases any more.
	ErrDenied = errors.New("engine: device is not served")
)

var (
	// ErrNotFound means that there is no such job or artifact.
	ErrNotFound = errors.New("engine: not found")
	// ErrFinished means that a job has already ended.
	ErrFinished = errors.New("engine: job has ended")
	// ErrStopping means that the hub is shutting down: try again later.
	ErrStopping = errors.New("engine: shutting down")
)

// InvalidError reports a job file that cannot be run, in words for its author.
type InvalidError struct {
	Field string // as in "train.batch"; empty when the fault has no field
	Err   error
}

func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// fieldPrefix is how parsers and kinds name a field: "train.batch: must be...".
var fieldPrefix = regexp.MustCompile(`(?:^|[ :])([a-z][a-z0-9_]*(?:\.[a-z0-9_]+|\[\d+\])*):`)

// knownFields are the first parts a field's path may have.
var knownFields = regexp.MustCompile(`^(kind|name|model|data|train|map|trust|limits)($|[.\[])`)

// invalid finds the field in err's text. A field inside a section is
// preferred: "train: data.file: no such file" is about data.file, its first
// word being whose error it is.
func invalid(err error) *InvalidError {
	field := ""
	for _, m := range fieldPrefix.FindAllStringSubmatch(err.Error(), -1) {
		if !knownFields.MatchString(m[1]) {
			continue
		}
		if strings.ContainsAny(m[1], ".[") {
			return &InvalidError{Field: m[1], Err: err}
		}
		if field == "" {
			field = m[1]
		}
	}
	return &InvalidError{Field: field, Err: err}
}
