package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
)

// run is a job between two rounds.
type run struct {
	*setup
	env     job.Env
	program job.Hash // of the task
	round   job.Round
	results results
}

var _ job.Run = (*run)(nil)

func newRun(ctx context.Context, s *setup, env job.Env, checkpoint []byte) (*run, error) {
	r := &run{setup: s, env: env}
	// What Start stores stays to the end: shards name the task, and the task the
	// module.
	var err error
	if _, err = env.Blobs.Put(ctx, s.module); err != nil {
		return nil, fmt.Errorf("map: store the module: %w", err)
	}
	if r.program, err = env.Blobs.Put(ctx, s.task.Encode()); err != nil {
		return nil, fmt.Errorf("map: store the task: %w", err)
	}
	index := 0
	if checkpoint != nil {
		if index, err = r.results.restore(ctx, env.Blobs, checkpoint, s); err != nil {
			return nil, err
		}
	}
	r.round, err = r.makeRound(ctx, index, r.results.Inputs)
	return r, err
}

// Round returns the current round.
func (r *run) Round() job.Round { return r.round }

// makeRound lists the shards of the inputs from first on.
func (r *run) makeRound(ctx context.Context, index, first int) (job.Round, error) {
	round := job.Round{Index: index}
	end := min(first+r.perRound(), r.inputs.count)
	for ; first < end; first += r.batch {
		s := job.Shard{Program: r.program, Inputs: make([]job.Input, min(r.batch, end-first))}
		s.Cost = r.fuel * int64(len(s.Inputs))
		for i := range s.Inputs {
			var err error
			if s.Inputs[i], err = r.input(ctx, first+i); err != nil {
				return job.Round{}, err
			}
		}
		round.Shards = append(round.Shards, s)
	}
	round.Done = len(round.Shards) == 0
	return round, nil
}

// input makes input i ready to travel: inline when it is small.
func (r *run) input(ctx context.Context, i int) (job.Input, error) {
	if r.inputs.blob != nil {
		return job.Input{Blob: r.inputs.blob(i)}, nil
	}
	data, err := r.inputs.at(ctx, i)
	if err != nil {
		return job.Input{}, err
	}
	if len(data) <= maxInline {
		return job.Input{Data: append([]byte{}, data...)}, nil // never nil, which would be a blob
	}
	h, err := r.env.Blobs.Put(ctx, data)
	if err != nil {
		return job.Input{}, fmt.Errorf("map: store input %d: %w", i, err)
	}
	return job.Input{Blob: h}, nil
}

// Fold takes down the outcomes. After an error nothing has changed.
func (r *run) Fold(ctx context.Context, outputs [][][]byte) (job.Report, error) {
	if r.round.Done {
		return job.Report{}, errors.New("map: fold after the last round")
	}
	outcomes, err := r.decode(outputs)
	if err != nil {
		return job.Report{}, err
	}
	if err := r.results.room(outcomes); err != nil {
		return job.Report{}, err
	}
	round, err := r.makeRound(ctx, r.round.Index+1, r.results.Inputs+len(outcomes))
	if err != nil {
		return job.Report{}, err
	}
	for _, o := range outcomes {
		r.results.add(o)
	}
	report := job.Report{
		Round: r.round.Index, Step: r.results.Inputs, Steps: r.inputs.count,
		Failed:   r.results.Inputs - r.results.returned(),
		Failures: r.results.failures(), FirstFailure: r.results.first,
	}
	r.round = round
	return report, nil
}

// decode reads the outcomes of the round, in the order of its inputs.
func (r *run) decode(outputs [][][]byte) ([]job.Outcome, error) {
	if len(outputs) != len(r.round.Shards) {
		return nil, fmt.Errorf("map: outputs of %d shards, want %d", len(outputs), len(r.round.Shards))
	}
	var list []job.Outcome
	for i, shard := range outputs {
		if want := len(r.round.Shards[i].Inputs); len(shard) != want {
			return nil, fmt.Errorf("map: shard %d: %d outcomes, want %d", i, len(shard), want)
		}
		for _, encoded := range shard {
			o, err := r.task.DecodeOutcome(encoded)
			if err != nil {
				return nil, fmt.Errorf("map: shard %d: %w", i, err)
			}
			if r.strict && o.Status != job.Returned {
				return nil, &FailedError{Input: r.results.Inputs + len(list), Outcome: o}
			}
			list = append(list, o)
		}
	}
	return list, nil
}

// Checkpoint stores the outcomes so far.
func (r *run) Checkpoint(ctx context.Context) (job.Checkpoint, error) {
	return r.results.checkpoint(ctx, r.env.Blobs, r.round.Index, r.task)
}

// Close has nothing to release.
func (r *run) Close() error { return nil }

// FailedError is the failed run that ends a job whose on_error is fail.
type FailedError struct {
	Input   int // its number
	Outcome job.Outcome
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("map: input %d %s", e.Input, Reason(e.Outcome))
}
