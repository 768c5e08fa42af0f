package jsbox

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Box is a sandbox.Host.
type Box struct {
	name   string
	engine *engine
}

var _ sandbox.Host = (*Box)(nil)

// New finds the engine. There is an error where it has no WebAssembly.
func New() (*Box, error) {
	e, err := newEngine()
	if err != nil {
		return nil, err
	}
	name := "JavaScript engine"
	if navigator := js.Global().Get("navigator"); navigator.Truthy() {
		name = navigator.Get("userAgent").String()
	}
	return &Box{name: name, engine: e}, nil
}

// Name says which engine it is, as it calls itself.
func (b *Box) Name() string { return b.name }

// Load rewrites and compiles a module.
func (b *Box) Load(_ context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	binary, err := sandbox.Rewrite(code, l)
	if err != nil {
		return nil, err
	}
	array := b.engine.uint8Array.New(len(binary.Code))
	js.CopyBytesToJS(array, binary.Code)
	binary.Code = nil // the engine has it now
	m := &module{engine: b.engine, binary: binary}
	if err := b.engine.try(func() { m.compiled = b.engine.module.New(array) }); err != nil {
		return nil, fmt.Errorf("jsbox: compile: %w", err)
	}
	return m, nil
}

// Close has nothing to do: the engine collects what is no longer used.
func (b *Box) Close() error { return nil }

type module struct {
	engine   *engine
	binary   *sandbox.Binary
	compiled js.Value
}

func (m *module) Close() error {
	m.compiled = js.Undefined()
	return nil
}

func (m *module) Run(ctx context.Context, input []byte) (job.Outcome, error) {
	run := m.binary.Start(ctx, input)
	inst := &instance{engine: m.engine}
	call := js.FuncOf(func(_ js.Value, args []js.Value) any {
		var n [5]uint32
		for i := range n {
			n[i] = uint32(int32(args[i].Int()))
		}
		return run.Call(inst, n[0], n[1], n[2], n[3], n[4])
	})
	defer call.Release()
	imports := map[string]any{sandbox.ImportModule: map[string]any{sandbox.ImportName: call}}
	if err := inst.instantiate(m.compiled, imports); err != nil {
		return job.Outcome{}, fmt.Errorf("jsbox: instantiate: %w", err)
	}
	defer inst.drop()
	return run.Finish(inst)
}
