package cuda

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// machine is a GPU with its primary context and one stream.
type machine struct {
	lib     *library
	adapter Adapter
	info    gpu.Info

	device  int32
	context uintptr
	stream  uintptr
	modules []uintptr
	args    arguments
	log     []byte // what the compiler says
	lost    error  // why nothing works any more
}

var _ gpu.Machine = (*machine)(nil)

// Flags of the driver.
const (
	blockingSync = 4 // CU_CTX_SCHED_BLOCKING_SYNC
	nonBlocking  = 1 // CU_STREAM_NON_BLOCKING: no order with the default stream
)

// Open opens a GPU. What this computer does not have is an error that wraps
// device.ErrUnavailable.
func Open(ctx context.Context, conf Config) (gpu.Machine, error) {
	m, err := openMachine(ctx, conf)
	if err != nil {
		return nil, err // a nil *machine would be an interface that is not nil
	}
	return m, nil
}

func openMachine(ctx context.Context, conf Config) (*machine, error) {
	l, a, err := pick(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	m := &machine{lib: l, adapter: a, log: make([]byte, 8<<10)}
	if m.device, err = l.device(a.ordinal); err != nil {
		return nil, fmt.Errorf("cuda: %w: %w", device.ErrUnavailable, err)
	}
	// It fails where the context is in use already, with flags of its own.
	_ = l.do(l.cuCtxSetFlags, uintptr(m.device), blockingSync)
	if err := l.do(l.cuCtxRetain, uintptr(unsafe.Pointer(&m.context)), uintptr(m.device)); err != nil {
		return nil, fmt.Errorf("cuda: %w: context on %s: %w", device.ErrUnavailable, a.Name, err)
	}
	memory := conf.Memory
	err = m.do("open", func() error {
		var free, total uint64
		if err := l.do(l.cuMemGetInfo, uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&total))); err != nil {
			return err
		}
		if memory == 0 {
			memory = int64(free / 8 * 7)
		}
		return l.do(l.cuStreamCreate, uintptr(unsafe.Pointer(&m.stream)), nonBlocking)
	})
	if err != nil {
		_ = l.do(l.cuCtxRelease, uintptr(m.device))
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	m.info = gpu.Info{
		Lane: "cuda", Adapter: a.Name,
		Driver: fmt.Sprintf("CUDA %d.%d, capability %d.%d", a.Driver/1000, a.Driver%1000/10, a.Capability/10, a.Capability%10),
		Memory: memory, Buffer: memory,
		Limits: launch.Limits{
			Bindings: 64, // parameters of a kernel take 4 KiB
			Binding:  1 << 40,
			Lanes:    1024,
			Shared:   a.shared,
			Side:     1<<31 - 1,
		},
	}
	return m, nil
}

// do runs f, which calls the driver, with the machine's context current.
func (m *machine) do(what string, f func() error) error {
	if m.lost != nil {
		return m.lost
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := m.lib.do(m.lib.cuCtxSetCurrent, m.context)
	if err == nil {
		err = f()
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, device.ErrLost):
		m.lost = fmt.Errorf("cuda: %w: %s: %w", device.ErrLost, what, err)
		return m.lost
	case errors.Is(err, device.ErrMemory):
		return fmt.Errorf("cuda: %s: %w: %w", what, device.ErrMemory, err)
	}
	return fmt.Errorf("cuda: %s: %w", what, err)
}

// Info implements gpu.Machine.
func (m *machine) Info() gpu.Info { return m.info }

// memory is a range of the GPU's addresses.
type memory struct {
	machine *machine
	address uint64
	bytes   int64
}

// Alloc implements gpu.Machine.
func (m *machine) Alloc(t kernel.DType, elems int) (gpu.Memory, error) {
	x := &memory{machine: m, bytes: int64(elems) * int64(t.Size())}
	err := m.do("allocate", func() error {
		return m.lib.do(m.lib.cuMemAlloc, uintptr(unsafe.Pointer(&x.address)), uintptr(x.bytes))
	})
	if err != nil {
		return nil, err
	}
	return x, nil
}

// Release implements gpu.Memory. The driver waits for what uses the memory.
func (x *memory) Release() {
	m := x.machine
	_ = m.do("free", func() error { return m.lib.do(m.lib.cuMemFree, uintptr(x.address)) }) // a lost machine says so elsewhere
}

// constants stay on the host: they travel with each launch, and code reads
// them as it reads constants.
type constants [][]int32

func (constants) Release() {}

// Constants implements gpu.Machine.
func (m *machine) Constants(params [][]int32) (gpu.Constants, error) {
	c := make(constants, len(params))
	for i, p := range params {
		c[i] = append([]int32(nil), p...)
	}
	return c, nil
}

// Write implements gpu.Machine. The driver has copied data by the time the
// call returns, as it does with all memory that is not pinned.
func (m *machine) Write(to gpu.Memory, data []byte) error {
	x := to.(*memory)
	if int64(len(data)) > x.bytes {
		return fmt.Errorf("cuda: write %d bytes into %d", len(data), x.bytes)
	}
	if len(data) == 0 {
		return nil
	}
	return m.do("write", func() error {
		return m.lib.do(m.lib.cuMemcpyHtoDAsync, uintptr(x.address), uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), m.stream)
	})
}

// Read implements gpu.Machine.
func (m *machine) Read(ctx context.Context, from gpu.Memory, dst []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x := from.(*memory)
	if int64(len(dst)) > x.bytes {
		return fmt.Errorf("cuda: read %d bytes of %d", len(dst), x.bytes)
	}
	return m.do("read", func() error {
		if len(dst) > 0 {
			if err := m.lib.do(m.lib.cuMemcpyDtoHAsync, uintptr(unsafe.Pointer(&dst[0])), uintptr(x.address), uintptr(len(dst)), m.stream); err != nil {
				return err
			}
		}
		return m.lib.do(m.lib.cuStreamSynchronize, m.stream)
	})
}

// Wait implements gpu.Machine. The driver cannot be told to stop waiting:
// package gpu hands over little enough at a time.
func (m *machine) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.do("wait", func() error { return m.lib.do(m.lib.cuStreamSynchronize, m.stream) })
}

// Close implements gpu.Machine. It waits for queued work. The context of a
// lost machine is reset, so that the GPU can be opened again.
func (m *machine) Close() error {
	if m.context == 0 {
		return nil
	}
	l := m.lib
	var err error
	if m.lost == nil {
		err = m.do("close", func() error {
			errs := []error{l.do(l.cuStreamSynchronize, m.stream), l.do(l.cuStreamDestroy, m.stream)}
			for _, x := range m.modules {
				errs = append(errs, l.do(l.cuModuleUnload, x))
			}
			return errors.Join(errs...)
		})
	}
	if m.lost != nil {
		_ = l.do(l.cuCtxReset, uintptr(m.device)) // it reports the fault that it clears
	}
	if release := l.do(l.cuCtxRelease, uintptr(m.device)); m.lost == nil {
		err = errors.Join(err, release)
	}
	m.context = 0
	if m.lost == nil {
		m.lost = fmt.Errorf("cuda: %w: the machine is closed", device.ErrLost)
	}
	return err
}
