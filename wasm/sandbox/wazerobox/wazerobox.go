// Package wazerobox runs sandboxed modules under wazero: natively, and in the
// hub when it audits. It is a package of its own so that what runs in a page
// does not link wazero.
package wazerobox

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Options of a Box.
type Options struct {
	Interpreter bool   // even where wazero has a compiler for this processor: slow, and with less that can be wrong
	Memory      uint32 // pages that this machine gives a module; 0: as many as it may have
}

// Box is a sandbox.Host. Modules that it loaded are closed with it.
type Box struct {
	name    string
	runtime wazero.Runtime
}

var _ sandbox.Host = (*Box)(nil)

// New starts wazero.
func New(ctx context.Context, o Options) (*Box, error) {
	config, kind := wazero.NewRuntimeConfig(), "wazero"
	if o.Interpreter {
		config, kind = wazero.NewRuntimeConfigInterpreter(), "wazero's interpreter"
	}
	config = config.WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
	if o.Memory > 0 {
		config = config.WithMemoryLimitPages(o.Memory)
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	five := []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}
	_, err := r.NewHostModuleBuilder(sandbox.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(answer), five, five[:1]).Export(sandbox.ImportName).Instantiate(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wazerobox: %w", err), r.Close(ctx))
	}
	return &Box{name: kind + version(), runtime: r}, nil
}

var version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/tetratelabs/wazero" {
			return " " + dep.Version
		}
	}
	return ""
})

// runKey is of the *sandbox.Run in the context of a call.
type runKey struct{}

// answer is the one function that modules import.
func answer(ctx context.Context, m api.Module, stack []uint64) {
	run := ctx.Value(runKey{}).(*sandbox.Run)
	stack[0] = uint64(run.Call(memory{m.Memory()}, uint32(stack[0]), uint32(stack[1]), uint32(stack[2]), uint32(stack[3]), uint32(stack[4])))
}

// Name says which engine it is.
func (b *Box) Name() string { return b.name }

// Load rewrites and compiles a module.
func (b *Box) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	binary, err := sandbox.Rewrite(code, l)
	if err != nil {
		return nil, err
	}
	compiled, err := b.runtime.CompileModule(ctx, binary.Code)
	if err != nil {
		return nil, fmt.Errorf("wazerobox: compile: %w", err)
	}
	return &module{box: b, binary: binary, compiled: compiled}, nil
}

// Close ends wazero.
func (b *Box) Close() error { return b.runtime.Close(context.Background()) }

type module struct {
	box      *Box
	binary   *sandbox.Binary
	compiled wazero.CompiledModule
}

func (m *module) Run(ctx context.Context, input []byte) (o job.Outcome, err error) {
	run := m.binary.Start(ctx, input)
	ctx = context.WithValue(ctx, runKey{}, run)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	inst, err := m.box.runtime.InstantiateModule(ctx, m.compiled, config)
	if err != nil {
		return job.Outcome{}, fmt.Errorf("wazerobox: instantiate: %w", err)
	}
	defer func() { err = errors.Join(err, inst.Close(context.WithoutCancel(ctx))) }()
	return run.Finish(&instance{memory{inst.Memory()}, ctx, inst.ExportedFunction(sandbox.EnterName)})
}

func (m *module) Close() error { return m.compiled.Close(context.Background()) }

// instance is a sandbox.Instance, for one run.
type instance struct {
	memory
	ctx context.Context // of the run, since sandbox.Instance has none
	run api.Function
}

func (i *instance) Enter(what sandbox.Entry, a, b uint32) (uint32, error) {
	stack := [3]uint64{uint64(what), uint64(a), uint64(b)}
	if err := i.run.CallWithStack(i.ctx, stack[:]); err != nil {
		return 0, failure(err)
	}
	return uint32(stack[0]), nil
}

type memory struct{ api.Memory }

func (m memory) Read(dst []byte, ptr uint32) bool {
	src, ok := m.Memory.Read(ptr, uint32(len(dst)))
	return ok && copy(dst, src) == len(dst)
}

func (m memory) Write(ptr uint32, src []byte) bool { return m.Memory.Write(ptr, src) }
