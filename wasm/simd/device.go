package simd

import (
	"errors"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/device"
)

var (
	errClosed   = errors.New("simd: the device is closed")
	errReleased = errors.New("simd: the buffer was released")
)

// DefaultMemory bounds the module's memory where Caps names no bound.
const DefaultMemory = 1 << 30

// simd is the device. Two locks: running is held over a whole run, since
// runs share the arena; mu over every use of the instance and the heap.
type simd struct {
	caps device.Caps

	running sync.Mutex
	arena   block // guarded by running and mu together
	pace    pace  // guarded by running

	mu     sync.Mutex
	inst   Instance
	heap   *heap
	loaded map[*executable]bool
	broken error // why the instance must not be used any more

	pieceUnits int64
}

var _ device.Device = (*simd)(nil)

// New is the device that runs on inst, which it closes with itself. In caps,
// Lane and Detail say where inst lives; an empty Lane means "wasm", a Memory
// of 0 means DefaultMemory, and the device has one thread in any case.
func New(inst Instance, caps device.Caps) device.Device {
	if caps.Lane == "" {
		caps.Lane = "wasm"
	}
	if caps.Memory <= 0 {
		caps.Memory = DefaultMemory
	}
	caps.Memory = min(caps.Memory, 1<<32-PageSize)
	caps.Threads = 1
	return &simd{
		caps:       caps,
		inst:       inst,
		pace:       pace{perUnit: 1},
		heap:       newHeap(heapBase, inst.Size(), uint64(caps.Memory), inst.Grow),
		loaded:     map[*executable]bool{},
		pieceUnits: pieceUnits,
	}
}

func (d *simd) Caps() device.Caps { return d.caps }

func (d *simd) Upload(data []byte) (device.Buffer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	b, err := d.newBuffer(len(data))
	if err != nil {
		return nil, err
	}
	if err := d.inst.Write(uint32(b.block.ptr), data); err != nil {
		d.heap.release(b.block)
		return nil, err
	}
	return b, nil
}

// usable reports why the device cannot be used. mu is held.
func (d *simd) usable() error { return d.broken }

// call runs steps and marks the device broken if that fails: a trap leaves
// the module's stack pointer wherever it was. mu is held.
func (d *simd) call(ptr, count uint32) error {
	if err := d.usable(); err != nil {
		return err
	}
	if err := d.inst.Run(ptr, count); err != nil {
		d.broken = fmt.Errorf("simd: the module failed: %w", err)
		return d.broken
	}
	return nil
}

func (d *simd) Close() error {
	d.running.Lock()
	defer d.running.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(d.broken, errClosed) {
		return nil
	}
	d.broken = errClosed
	return d.inst.Close()
}
