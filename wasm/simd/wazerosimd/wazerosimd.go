// Package wazerosimd instantiates the module of package simd under wazero:
// for the wasm lane outside browsers, in tests, benchmarks, and beside a
// headless worker. It is a package of its own so that what runs in a page
// does not link wazero.
package wazerosimd

import (
	"context"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Open is the wasm lane on a runtime of its own: the compiler where wazero has
// one for this processor, else its interpreter. memory bounds the module's
// memory; 0 means simd.DefaultMemory. ctx is used by every call.
func Open(ctx context.Context, memory int64) (device.Device, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2))
	inst, err := Instantiate(ctx, r)
	if err != nil {
		return nil, errors.Join(err, r.Close(ctx))
	}
	inst.close = func() error { return r.Close(ctx) }
	return simd.New(inst, device.Caps{Detail: "simd128 under wazero", Memory: memory}), nil
}

// Instance is an instantiated module.
type Instance struct {
	ctx    context.Context // of every call: simd.Instance has none, as in a browser nothing can stop a call
	memory api.Memory
	run    api.Function
	stack  [2]uint64
	close  func() error
}

var _ simd.Instance = (*Instance)(nil)

// Instantiate instantiates the module in r, anonymously: several instances
// may live in one runtime, each with a memory of its own. The instance's Close
// closes the module and leaves r open.
func Instantiate(ctx context.Context, r wazero.Runtime) (*Instance, error) {
	compiled, err := r.CompileModule(ctx, simd.Module)
	if err != nil {
		return nil, fmt.Errorf("wazerosimd: compile: %w", err)
	}
	m, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("wazerosimd: instantiate: %w", err)
	}
	i := &Instance{ctx: ctx, memory: m.ExportedMemory(simd.MemoryName), run: m.ExportedFunction(simd.RunName)}
	i.close = func() error { return errors.Join(m.Close(ctx), compiled.Close(ctx)) }
	if i.memory == nil || i.run == nil {
		return nil, errors.Join(errors.New("wazerosimd: the module lacks an export"), i.close())
	}
	return i, nil
}

// Size is the size of the memory.
func (i *Instance) Size() uint64 { return uint64(i.memory.Size()) }

// Grow adds pages to the memory.
func (i *Instance) Grow(pages uint32) error {
	if _, ok := i.memory.Grow(pages); !ok {
		return fmt.Errorf("wazerosimd: the memory cannot grow by %d pages", pages)
	}
	return nil
}

// Write copies data to the memory.
func (i *Instance) Write(ptr uint32, data []byte) error {
	if !i.memory.Write(ptr, data) {
		return fmt.Errorf("wazerosimd: write of %d bytes at %d leaves the memory", len(data), ptr)
	}
	return nil
}

// Read copies from the memory.
func (i *Instance) Read(ptr uint32, dst []byte) error {
	src, ok := i.memory.Read(ptr, uint32(len(dst)))
	if !ok {
		return fmt.Errorf("wazerosimd: read of %d bytes at %d leaves the memory", len(dst), ptr)
	}
	copy(dst, src)
	return nil
}

// Run calls the module.
func (i *Instance) Run(steps, count uint32) error {
	i.stack = [2]uint64{api.EncodeU32(steps), api.EncodeU32(count)}
	if err := i.run.CallWithStack(i.ctx, i.stack[:]); err != nil {
		return fmt.Errorf("wazerosimd: %w", err)
	}
	return nil
}

// Close closes the module.
func (i *Instance) Close() error { return i.close() }
