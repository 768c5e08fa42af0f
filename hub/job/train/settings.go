package train

import (
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/data"
)

// Limits of what a job may ask for, so that a job file cannot make the hub
// work for long before its first shard.
const (
	maxSteps = 1_000_000
	maxBatch = 1 << 16
)

// settings is job.Train with every default written out and checked, but for
// what depends on the data.
type settings struct {
	job.Train
}

func newSettings(spec *job.Spec) (settings, error) {
	s := settings{spec.Train}
	s.Method = or(s.Method, "sync")
	s.Optimizer = or(s.Optimizer, "adam")
	s.Schedule = or(s.Schedule, "cosine")
	if s.MicroBatch == 0 && s.Batch > 0 {
		s.MicroBatch = defaultMicroBatch(s.Batch)
	}
	text := spec.Model.Arch == "decoder"
	bad := func(field, format string, args ...any) (settings, error) {
		return settings{}, job.Fieldf("train."+field, format, args...)
	}
	switch {
	case s.Method != "sync":
		return bad("method", "want sync, got %q", s.Method)
	case s.Optimizer != "adam" && s.Optimizer != "lion" && s.Optimizer != "sgd":
		return bad("optimizer", "want adam, lion or sgd, got %q", s.Optimizer)
	case s.Schedule != "cosine" && s.Schedule != "cosine0" && s.Schedule != "constant":
		return bad("schedule", "want cosine, cosine0 or constant, got %q", s.Schedule)
	case s.LR == "" || s.LR == "0":
		return bad("lr", "is missing or zero")
	case s.Batch == 0:
		return bad("batch", "is missing or zero")
	case s.Batch < 1 || s.Batch > maxBatch:
		return bad("batch", "must be between 1 and %d, got %d", maxBatch, s.Batch)
	case text && s.Batch > data.MaxSequences:
		return bad("batch", "must be at most %d sequences, got %d", data.MaxSequences, s.Batch)
	case s.MicroBatch < 1 || s.Batch%s.MicroBatch != 0:
		return bad("micro_batch", "must divide the batch of %d, got %d", s.Batch, s.MicroBatch)
	case s.Batch/s.MicroBatch > data.MaxMicroBatches:
		return bad("micro_batch", "makes %d micro-batches of a batch of %d, at most %d are possible",
			s.Batch/s.MicroBatch, s.Batch, data.MaxMicroBatches)
	case s.Warmup < 0:
		return bad("warmup", "must not be negative, got %d", s.Warmup)
	case s.EvalEvery < -1:
		return bad("eval_every", "must be -1 for none, 0 for one at the end, or a number of steps, got %d", s.EvalEvery)
	case s.Steps < 0 || s.Steps > maxSteps:
		return bad("steps", "must be between 1 and %d, got %d", maxSteps, s.Steps)
	case s.Epochs < 0 || s.Epochs > maxSteps:
		return bad("epochs", "must be between 1 and %d, got %d", maxSteps, s.Epochs)
	case text && s.Epochs != 0:
		return bad("epochs", "only classifiers have epochs: use train.steps")
	case s.Steps != 0 && s.Epochs != 0:
		return bad("epochs", "set either train.steps or train.epochs")
	case s.Steps == 0 && s.Epochs == 0:
		return bad("steps", "is missing or zero")
	}
	return s, nil
}

// shards is the number of micro-batches of a step.
func (s settings) shards() int { return s.Batch / s.MicroBatch }

// evaluates reports whether an evaluation follows step t.
func (s settings) evaluates(t int) bool {
	return s.EvalEvery >= 0 && t == s.Steps || s.EvalEvery > 0 && t%s.EvalEvery == 0
}

// evaluations is the number of evaluations of the whole run.
func (s settings) evaluations() int {
	switch {
	case s.EvalEvery < 0:
		return 0
	case s.EvalEvery == 0 || s.EvalEvery > s.Steps:
		return 1
	}
	n := s.Steps / s.EvalEvery
	if s.Steps%s.EvalEvery != 0 {
		n++
	}
	return n
}

// schedule is the learning rate's.
func (s settings) schedule() schedule {
	return schedule{
		lr:     s.LR,
		shape:  s.Schedule,
		steps:  s.Steps,
		warmup: s.Warmup,
		adam:   s.Optimizer == "adam",
	}
}

// defaultMicroBatch is the smallest divisor of batch that leaves at most four
// micro-batches.
func defaultMicroBatch(batch int) int {
	for parts := 4; parts > 1; parts-- {
		if batch%parts == 0 {
			return batch / parts
		}
	}
	return batch
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
