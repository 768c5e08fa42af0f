// Package device is the seam between programs and whatever runs them.
//
// A Device is one lane on a volunteer: reference, cpu, wasm and, later,
// webgpu, webgl, vulkan, cuda. Every device returns the same bytes for the
// same program and inputs; package devicetest holds them to it.
//
// The package refuses to know any concrete device, how shards travel, and why
// anybody wants a program run.
package device

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
)

// ErrUnavailable reports that a lane cannot run on this machine: no such
// hardware, driver or CPU feature. Callers try the next lane.
var ErrUnavailable = errors.New("device: not available on this machine")

// ErrLost reports that a device is gone for good: its driver was reset, its
// process killed, its page frozen. Its buffers and executables are void; the
// lane may be opened again.
var ErrLost = errors.New("device: lost")

// ErrMemory reports that a device has no room. It still works.
var ErrMemory = errors.New("device: out of memory")

// Caps describes a device to schedulers and to people. It is data: nothing
// may be switched on the concrete type of a device.
type Caps struct {
	Lane    string // webgpu, webgl, wasm, cpu, vulkan, cuda, reference
	Detail  string // adapter, driver, CPU features: for people and for marking bad lanes
	Threads int    // threads the device uses at most
	Memory  int64  // bytes a program's inputs, outputs and temporaries may occupy; 0 means unknown
}

// Device runs programs. Its methods are safe for concurrent use unless said
// otherwise.
type Device interface {
	// Caps does not change over the life of the device.
	Caps() Caps

	// Upload copies data to the device. The caller keeps data.
	Upload(data []byte) (Buffer, error)

	// Load plans and prepares p, which may be run any number of times. It
	// fails with a clear error when p needs more memory than Caps allows.
	Load(p *program.Program) (Executable, error)

	// Close releases everything; executables and buffers of the device must
	// not be used afterwards.
	Close() error
}

// Traffic counts what a device did since it was opened.
type Traffic struct {
	Submits    int64 // times work was handed to the hardware
	Dispatches int64 // kernels started
	Written    int64 // bytes copied to the device
	Read       int64 // bytes copied back
}

// Meter is a device that counts.
type Meter interface{ Traffic() Traffic }

// Waiter is a device whose runs may return before they are done. Wait returns
// when nothing is under way any more, with what went wrong meanwhile.
type Waiter interface {
	Wait(ctx context.Context) error
}

// Buffer is device memory holding one tensor, little-endian and dense.
type Buffer interface {
	Size() int
	// Read copies the whole buffer to dst, which has Size bytes.
	Read(dst []byte) error
	// Release frees the buffer. It may be called more than once.
	Release()
}

// Executable is a program made ready for one device.
type Executable interface {
	// Run executes the program once. inputs are in the order of the program's
	// inputs, each exactly as large as declared; they are only read, and stay
	// the caller's. The returned buffers are in the order of the program's
	// outputs and are the caller's to release. Calls on one Executable may
	// not overlap. A cancelled context ends the run early with its error.
	Run(ctx context.Context, inputs []Buffer) ([]Buffer, error)
	Close() error
}

// Run is the short way: load p, upload inputs, execute once and read the
// outputs back.
func Run(ctx context.Context, d Device, p *program.Program, inputs [][]byte) ([][]byte, error) {
	exe, err := d.Load(p)
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	return Execute(ctx, d, exe, inputs)
}

// Execute uploads inputs, runs exe once and reads the outputs back.
func Execute(ctx context.Context, d Device, exe Executable, inputs [][]byte) ([][]byte, error) {
	in := make([]Buffer, len(inputs))
	defer func() {
		for _, b := range in {
			if b != nil {
				b.Release()
			}
		}
	}()
	for i, data := range inputs {
		b, err := d.Upload(data)
		if err != nil {
			return nil, fmt.Errorf("device: upload input %d: %w", i, err)
		}
		in[i] = b
	}
	out, err := exe.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	res := make([][]byte, len(out))
	for i, b := range out {
		res[i] = make([]byte, b.Size())
		err = errors.Join(err, b.Read(res[i]))
		b.Release()
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}
