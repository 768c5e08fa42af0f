package wasmhost

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/wasm/simd"
)

// module is the SIMD module beside the guest. The guest cannot reach into it
// by itself: it copies and calls through these functions, which return 0 for
// success. The zero module stands for none.
type module struct {
	memory api.Memory
	entry  api.Function
}

func newModule(ctx context.Context, runtime wazero.Runtime, code []byte) (module, error) {
	compiled, err := runtime.CompileModule(ctx, code)
	if err != nil {
		return module{}, err
	}
	m, err := runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("simd"))
	if err != nil {
		return module{}, err
	}
	made := module{memory: m.ExportedMemory(simd.MemoryName), entry: m.ExportedFunction(simd.RunName)}
	if made.memory == nil || made.entry == nil {
		return module{}, errors.New("it exports no memory or no function to run")
	}
	return made, nil
}

const (
	done    = 0
	refused = 1
)

func (m module) pages() uint32 {
	if m.memory == nil {
		return 0
	}
	return m.memory.Size() / simd.PageSize
}

func (m module) grow(pages uint32) uint32 {
	if _, ok := m.memory.Grow(pages); !ok {
		return refused
	}
	return done
}

func (m module) write(_ context.Context, guest api.Module, to, from, size uint32) uint32 {
	data, ok := guest.Memory().Read(from, size)
	if !ok || !m.memory.Write(to, data) {
		return refused
	}
	return done
}

func (m module) read(_ context.Context, guest api.Module, from, to, size uint32) uint32 {
	data, ok := m.memory.Read(from, size)
	if !ok || !guest.Memory().Write(to, data) {
		return refused
	}
	return done
}

func (m module) run(ctx context.Context, steps, count uint32) uint32 {
	if _, err := m.entry.Call(ctx, uint64(steps), uint64(count)); err != nil {
		return refused
	}
	return done
}
