// Package job says what a job is made of: shards that volunteers compute,
// their results, and the contract a job kind fulfils to split a job into
// rounds of shards and to fold their results back together.
//
// The package refuses to know how shards travel, who computes them and
// whether a result is to be believed: it sees only accepted outputs.
// Everything here is deterministic: a run's artifacts depend on its Spec and
// data alone.
package job

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// Hash names a blob by the SHA-256 of its bytes.
type Hash [32]byte

// Sum returns the name of data.
func Sum(data []byte) Hash { return sha256.Sum256(data) }

// String returns the lower-case hexadecimal form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits, with or without a "sha256:" prefix.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) > 7 && s[:7] == "sha256:" {
		s = s[7:]
	}
	if len(s) != 64 {
		return h, fmt.Errorf("job: %q is not a SHA-256: want 64 hexadecimal digits", s)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return h, fmt.Errorf("job: %q is not a SHA-256: %w", s, err)
	}
	return h, nil
}

// Shard is the unit that is leased: a program and its inputs. The program's
// canonical encoding is itself a blob.
type Shard struct {
	Program Hash
	Inputs  []Input
	Cost    int64 // exact integer operations, recomputed from the program: what credit is paid by
}

// Input is one input tensor: either named as a blob or carried inline.
type Input struct {
	Blob Hash   // used when Data is nil
	Data []byte // small inputs travel with the shard
}

// Blobs holds immutable bytes by their SHA-256.
type Blobs interface {
	// Put stores data and returns its name; storing twice is free. What a
	// Checkpoint names is durable once that checkpoint is stored; the rest a
	// crash may lose, and a run resumed from the checkpoint makes it again.
	Put(ctx context.Context, data []byte) (Hash, error)
	// Get returns the bytes, or an error wrapping fs.ErrNotExist. The caller
	// must not change them.
	Get(ctx context.Context, h Hash) ([]byte, error)
}

// Env is what the surroundings lend to a job kind.
type Env struct {
	Blobs  Blobs
	Device device.Device                                          // runs the folding programs (the optimiser): a trusted lane of this process
	Data   func(ctx context.Context, name string) ([]byte, error) // reads a data file named in the job file, decompressed
}

// Plan is what is known of a job before it runs: the answer to a dry run.
type Plan struct {
	Rounds     int   // including evaluation rounds
	Shards     int   // over all rounds, before replication
	Ops        int64 // exact integer operations, before replication
	PeakBytes  int64 // largest peak memory of any shard
	InputBytes int64 // what a volunteer downloads for the first round
	Parameters int   // trained values
	Steps      int
}

// Kind makes runs of one kind of job ("train", later "infer", "map").
type Kind interface {
	// Name is the word in the job file's kind field.
	Name() string
	// Check validates spec completely, reading its data, and says what the
	// job will take. Its errors name the offending field, as in
	// "train.batch: must be at least 1".
	Check(ctx context.Context, spec *Spec, env Env) (Plan, error)
	// Start begins a run, or resumes one from what Checkpoint returned.
	Start(ctx context.Context, spec *Spec, env Env, checkpoint []byte) (Run, error)
}

// Run is one job under way: a deterministic state machine. It is driven by
// one goroutine. The hub drives it with volunteers' verified outputs;
// `shoal reproduce` drives it with outputs computed on the spot.
type Run interface {
	// Round returns the current round. It is stable until Fold is called.
	Round() Round
	// Fold takes the outputs of every shard of the current round, in the
	// order of its shards, and moves to the next round.
	Fold(ctx context.Context, outputs [][][]byte) (Report, error)
	// Checkpoint returns a small record (it may name blobs it has stored)
	// from which Start resumes at the current round.
	Checkpoint(ctx context.Context) (Checkpoint, error)
	// Artifacts returns the finished job's files once Round is done.
	Artifacts(ctx context.Context) ([]Artifact, error)
	Close() error
}

// Round is a set of shards that may be computed in any order by anyone.
type Round struct {
	Index  int // from 0; never reused within a job
	Shards []Shard
	Done   bool // no rounds are left; Shards is empty
}

// Checkpoint is a resumable state and the blobs that must outlive it.
type Checkpoint struct {
	Record []byte
	Blobs  []Hash
}

// Report tells people how a run is doing after a round. Losses are in nats
// per token or per example; they are for people and never fed back.
type Report struct {
	Round    int      `json:"round"`
	Step     int      `json:"step"`               // optimiser steps done; of a map job, inputs
	Steps    int      `json:"steps"`              // optimiser steps in all; of a map job, inputs
	Loss     *float64 `json:"loss,omitempty"`     // mean training loss of this round
	Val      *float64 `json:"val,omitempty"`      // mean held-out loss, when this round evaluated
	Accuracy *float64 `json:"accuracy,omitempty"` // held-out accuracy in 0..1, for classifiers

	// Of a map job, so far: how many inputs' runs did not return, how they ended
	// ("2 ran out of fuel, 1 trapped"), and why the first of them did.
	Failed       int    `json:"failed,omitempty"`
	Failures     string `json:"failures,omitempty"`
	FirstFailure string `json:"first_failure,omitempty"`
}

// Artifact is one file of a finished job.
type Artifact struct {
	Name string // file name, no directories
	Type string // media type
	Data []byte
}
