package engine

import (
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
)

// fits checks that encoded outputs are what the program can have made of s.
func (p Program) fits(s job.Shard, encoded []byte) error {
	outputs, err := job.DecodeOutputs(encoded)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadResult, err)
	}
	if p.Task != nil {
		return p.fitsTask(s, outputs)
	}
	if len(outputs) != len(p.Outputs) {
		return fmt.Errorf("%w: %d outputs, want %d", ErrBadResult, len(outputs), len(p.Outputs))
	}
	for i, out := range outputs {
		if len(out) != p.Outputs[i] {
			return fmt.Errorf("%w: output %d has %d bytes, want %d", ErrBadResult, i, len(out), p.Outputs[i])
		}
	}
	if p.Check != nil {
		if err := p.Check(outputs); err != nil {
			return fmt.Errorf("%w: %w", ErrBadResult, err)
		}
	}
	return nil
}

func (p Program) fitsTask(s job.Shard, outputs [][]byte) error {
	if len(outputs) != len(s.Inputs) {
		return fmt.Errorf("%w: %d outcomes, want %d", ErrBadResult, len(outputs), len(s.Inputs))
	}
	for i, out := range outputs {
		if _, err := p.Task.DecodeOutcome(out); err != nil {
			return fmt.Errorf("%w: outcome %d: %w", ErrBadResult, i, err)
		}
	}
	return nil
}

// cost is what a shard is expected to take, in integer operations: of a task,
// what it may take at most.
func (p Program) cost(s job.Shard) int64 {
	if p.Task == nil {
		return p.Ops
	}
	return p.Ops * int64(len(s.Inputs))
}

// spent is what making these outputs took. They fit.
func (p Program) spent(encoded []byte) int64 {
	if p.Task == nil {
		return p.Ops
	}
	outputs, err := job.DecodeOutputs(encoded)
	if err != nil {
		return 0
	}
	total := int64(0)
	for _, out := range outputs {
		if o, err := p.Task.DecodeOutcome(out); err == nil {
			total += int64(o.Fuel)
		}
	}
	return max(total, 1) // no verified shard is worth nothing
}
