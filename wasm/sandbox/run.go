package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
)

// Instance is a Binary's Code that an engine has instantiated.
type Instance interface {
	Memory
	// Enter calls the export of that name. Its error is ErrTrap when the
	// module trapped, and of the machine when anything else went wrong, as
	// when the engine's own stack was too small.
	Enter(what Entry, a, b uint32) (uint32, error)
}

// Memory is that of an instance.
type Memory interface {
	// Read copies from the memory, Write to it. They report whether all of it
	// is inside.
	Read(dst []byte, ptr uint32) bool
	Write(ptr uint32, src []byte) bool
}

// Entry is what a host can want of a module.
type Entry uint32

// The entries.
const (
	EnterStart  Entry = iota // run what comes first; of a Command, all of it
	EnterAlloc               // shoal_alloc(a)
	EnterRun                 // shoal_run(a, b)
	EnterResult              // what shoal_run returned: the low half, and at the next number the high
	_
	EnterFuel // the fuel left, as two halves
	_
	EnterFlags // why it trapped
)

// Run is one run of a Binary.
type Run struct {
	ctx    context.Context // of the host's callback, which is given none
	binary *Binary
	wasi
	ended ending
	code  uint32 // it exited with
}

// ending is why the host stopped a module.
type ending uint8

const (
	notEnded ending = iota
	exited
	tooMuch // output
	interrupted
)

// Start begins a run. The instance that is passed to Finish must be fresh, and
// its import be Call.
func (b *Binary) Start(ctx context.Context, input []byte) *Run {
	return &Run{ctx: ctx, binary: b, wasi: wasi{input: input, form: b.Form, most: int(b.limits.Output)}}
}

// Finish runs the instance to its end.
func (r *Run) Finish(inst Instance) (job.Outcome, error) {
	if r.binary.fuel < 0 {
		return job.Outcome{Status: job.OutOfFuel, Fuel: r.binary.limits.Fuel}, nil
	}
	if err := r.ctx.Err(); err != nil {
		return job.Outcome{}, err
	}
	err := r.enter(inst)
	trapped := errors.Is(err, ErrTrap)
	if err != nil && !trapped {
		return job.Outcome{}, fmt.Errorf("sandbox: %w", err)
	}
	if r.ended == interrupted {
		if err := context.Cause(r.ctx); err != nil {
			return job.Outcome{}, err
		}
		return job.Outcome{}, context.DeadlineExceeded
	}
	return r.outcome(inst, trapped)
}

// over reports whether nobody waits for the run any longer. Where the run holds
// the only thread, no timer ends a context, so that its deadline is compared
// with the time too.
func (r *Run) over() bool {
	deadline, ok := r.ctx.Deadline()
	return r.ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// enter makes the calls that the module's form has.
func (r *Run) enter(inst Instance) error {
	if _, err := inst.Enter(EnterStart, 0, 0); err != nil || r.binary.Form == Command {
		return err
	}
	ptr, err := inst.Enter(EnterAlloc, uint32(len(r.input)), 0)
	if err != nil {
		return err
	}
	if !inst.Write(ptr, r.input) {
		return ErrTrap
	}
	if _, err := inst.Enter(EnterRun, ptr, uint32(len(r.input))); err != nil {
		return err
	}
	size, err := inst.Enter(EnterResult, 0, 0)
	if err != nil {
		return err
	}
	if ptr, err = inst.Enter(EnterResult+1, 0, 0); err != nil {
		return err
	}
	if uint64(size) > uint64(r.most) {
		r.ended = tooMuch
		return ErrTrap
	}
	output := make([]byte, size)
	if !inst.Read(output, ptr) {
		return ErrTrap
	}
	r.output = output
	return nil
}

// outcome puts into words how the module ended.
func (r *Run) outcome(inst Instance, trapped bool) (job.Outcome, error) {
	left, err := fuelLeft(inst)
	if err != nil {
		return job.Outcome{}, fmt.Errorf("sandbox: %w", err)
	}
	flags, err := inst.Enter(EnterFlags, 0, 0)
	if err != nil {
		return job.Outcome{}, fmt.Errorf("sandbox: %w", err)
	}
	if flags&flagHost != 0 {
		return job.Outcome{}, fmt.Errorf("sandbox: this machine has no memory for the module, which may have %d pages", r.binary.limits.Memory)
	}
	if r.binary.Form == Plain { // Its input and output were moved by the host.
		left -= int64(len(r.input)+len(r.output)) >> shiftBytes
	}
	o := job.Outcome{Fuel: r.binary.limits.Fuel - uint64(max(left, 0)), Output: r.stderr}
	refused := flags&flagRefused != 0
	switch {
	case left < 0:
		o.Status = job.OutOfFuel
	case flags&flagDepth != 0:
		o.Status = job.OutOfStack
	case r.ended == tooMuch:
		o.Status = job.OutputTooBig
	case refused && (trapped && r.ended == notEnded || r.code != 0):
		o.Status = job.OutOfMemory
	case r.ended == exited && (r.code != 0 || r.binary.Form == Plain):
		o.Status = job.Exited
	case trapped && r.ended == notEnded:
		o.Status = job.Trapped
	default:
		o.Status, o.Output = job.Returned, r.output
	}
	return o, nil
}

func fuelLeft(inst Instance) (int64, error) {
	low, err := inst.Enter(EnterFuel, 0, 0)
	if err != nil {
		return 0, err
	}
	high, err := inst.Enter(EnterFuel+1, 0, 0)
	return int64(uint64(high)<<32 | uint64(low)), err
}
