package mapping

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Kind is the job kind "map".
type Kind struct{}

var _ job.Kind = Kind{}

// Name is the word in the job file.
func (Kind) Name() string { return "map" }

// Check validates spec with its module and inputs. A module that passes can be
// run by every sandbox: whether one can does not depend on the engine.
func (Kind) Check(ctx context.Context, spec *job.Spec, env job.Env) (job.Plan, error) {
	s, err := newSetup(ctx, spec, env)
	if err != nil {
		return job.Plan{}, err
	}
	if err := s.inputs.check(ctx); err != nil {
		return job.Plan{}, err
	}
	_, err = sandbox.Rewrite(s.module, s.limits())
	var refused *sandbox.ModuleError
	if errors.As(err, &refused) {
		return job.Plan{}, job.Fieldf("map.module", "%s", refused.Reason)
	}
	if err != nil {
		return job.Plan{}, fmt.Errorf("map: %w", err)
	}
	return s.plan(), nil
}

// Start begins or resumes a run.
func (Kind) Start(ctx context.Context, spec *job.Spec, env job.Env, checkpoint []byte) (job.Run, error) {
	s, err := newSetup(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	return newRun(ctx, s, env, checkpoint)
}

// setup is everything about a run that does not change while it runs. It is a
// function of the job file and the data.
type setup struct {
	settings
	name   string
	module []byte
	inputs *inputs
	task   job.Task
}

func newSetup(ctx context.Context, spec *job.Spec, env job.Env) (*setup, error) {
	for name, section := range map[string]any{"model": spec.Model, "data": spec.Data, "train": spec.Train} {
		if !reflect.ValueOf(section).IsZero() {
			return nil, job.Fieldf(name, "does not belong to kind map")
		}
	}
	s := &setup{name: spec.Name}
	var err error
	if s.settings, err = newSettings(spec.Map); err != nil {
		return nil, err
	}
	if s.module, err = openModule(ctx, spec.Map.Module, env); err != nil {
		return nil, err
	}
	if s.inputs, err = openInputs(ctx, spec.Map.Inputs, env); err != nil {
		return nil, err
	}
	l := s.limits()
	s.task = job.Task{Module: job.Sum(s.module), Fuel: l.Fuel, Memory: l.Memory, Output: l.Output}
	return s, s.task.Validate()
}

// plan says what the run will take at most.
func (s *setup) plan() job.Plan {
	n := s.inputs.count
	ops := int64(math.MaxInt64)
	if s.fuel <= ops/int64(n) {
		ops = s.fuel * int64(n)
	}
	return job.Plan{
		Rounds:     ceil(n, s.perRound()),
		Shards:     ceil(n, s.batch),
		Ops:        ops,
		PeakBytes:  s.memory,
		InputBytes: int64(len(s.module) + len(s.task.Encode())),
		Steps:      n,
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }
