package mapping

import (
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Limits of a run where the job file names none.
const (
	DefaultFuel   = 1_000_000_000
	DefaultMemory = job.Bytes(64 << 20)
	DefaultOutput = job.Bytes(1 << 20)
)

const (
	pageSize = 64 << 10 // bytes of a WebAssembly page

	maxBatch = 1024 // inputs of a shard

	// outcomeHead bounds what an outcome takes besides its output: status, fuel
	// and, within a shard's outputs, its length.
	outcomeHead = 32

	// maxInline is the size up to which an input travels with its shard; a
	// larger one is a blob.
	maxInline = 1 << 10

	// roundBytes and roundShards bound a round: what its shards may return in
	// all, which somebody must hold while it is folded.
	roundBytes  = 1 << 30
	roundShards = 1024
)

// settings are the fields of a map section with their defaults.
type settings struct {
	batch  int
	fuel   int64
	memory int64 // bytes, whole pages
	output int64 // bytes
	strict bool  // on_error: fail
}

func newSettings(m job.Map) (settings, error) {
	s := settings{batch: m.Batch, fuel: m.Fuel, memory: int64(m.Memory), output: int64(m.Output)}
	if s.fuel == 0 {
		s.fuel = DefaultFuel
	}
	if s.memory == 0 {
		s.memory = int64(DefaultMemory)
	}
	if s.output == 0 {
		s.output = int64(DefaultOutput)
	}
	switch {
	case s.fuel < 0 || s.fuel > job.MaxFuel:
		return s, job.Fieldf("map.fuel", "must be between 1 and %d, got %d", int64(job.MaxFuel), s.fuel)
	case s.memory > job.MaxPages*pageSize:
		return s, job.Fieldf("map.memory", "must be at most %v, got %v", job.Bytes(job.MaxPages*pageSize), m.Memory)
	case s.memory%pageSize != 0:
		return s, job.Fieldf("map.memory", "must be a multiple of %v, got %v", job.Bytes(pageSize), m.Memory)
	case s.output > job.MaxTaskOutput:
		return s, job.Fieldf("map.output", "must be at most %v, got %v", job.Bytes(job.MaxTaskOutput), m.Output)
	}
	fit := int(job.MaxResult / s.worst())
	if s.batch == 0 {
		s.batch = min(16, fit)
	}
	switch {
	case s.batch < 1 || s.batch > maxBatch:
		return s, job.Fieldf("map.batch", "must be between 1 and %d, got %d", maxBatch, s.batch)
	case s.batch > fit:
		return s, job.Fieldf("map.batch", "is %d outputs of up to %v, and a result holds %v: at most %d fit",
			s.batch, job.Bytes(s.output), job.Bytes(job.MaxResult), fit)
	}
	switch m.OnError {
	case "", "keep":
	case "fail":
		s.strict = true
	default:
		return s, job.Fieldf("map.on_error", "want keep or fail, got %q", m.OnError)
	}
	return s, nil
}

// Limits returns what m allows one run. Its errors are FieldErrors.
func Limits(m job.Map) (sandbox.Limits, error) {
	s, err := newSettings(m)
	return s.limits(), err
}

func (s settings) limits() sandbox.Limits {
	return sandbox.Limits{Fuel: uint64(s.fuel), Memory: uint32(s.memory / pageSize), Output: uint32(s.output)}
}

// worst is the most that one outcome can take.
func (s settings) worst() int64 { return max(s.output, job.MaxComplaint) + outcomeHead }

// perRound is how many inputs a round has.
func (s settings) perRound() int {
	shards := roundBytes / (int64(s.batch) * (s.worst() + maxInline))
	return s.batch * int(min(max(shards, 1), roundShards))
}
