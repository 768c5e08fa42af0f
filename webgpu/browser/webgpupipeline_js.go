package browser

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// pipeline is compiled code.
type pipeline struct {
	pipeline js.Value
	layout   *layout
}

// layout is what codes with the same kinds of bindings share: memories in
// group 0, the parameters in group 1.
type layout struct {
	id    byte
	group js.Value // GPUBindGroupLayout of the memories
	whole js.Value // GPUPipelineLayout
}

type layouts struct {
	device js.Value
	params js.Value           // GPUBindGroupLayout of the parameters
	known  map[string]*layout // by kinds of bindings, one letter each
}

func (l *layouts) open(dev js.Value) {
	l.device, l.known = dev, map[string]*layout{}
	l.params = l.newGroup(map[string]any{"type": "uniform", "hasDynamicOffset": true})
}

func (l *layouts) newGroup(buffers ...any) js.Value {
	entries := make([]any, len(buffers))
	for i, b := range buffers {
		const compute = 0x4 // of GPUShaderStage
		entries[i] = map[string]any{"binding": i, "visibility": compute, "buffer": b}
	}
	return l.device.Call("createBindGroupLayout", map[string]any{"entries": entries})
}

func (l *layouts) of(bindings []launch.Binding) *layout {
	kinds := make([]byte, len(bindings))
	buffers := make([]any, len(bindings))
	for i, b := range bindings {
		kind, name := byte('r'), "read-only-storage"
		if b.Write || b.Atomic {
			kind, name = 'w', "storage"
		}
		kinds[i], buffers[i] = kind, map[string]any{"type": name}
	}
	if known := l.known[string(kinds)]; known != nil {
		return known
	}
	made := &layout{id: byte(len(l.known)), group: l.newGroup(buffers...)}
	made.whole = l.device.Call("createPipelineLayout", map[string]any{"bindGroupLayouts": []any{made.group, l.params}})
	l.known[string(kinds)] = made
	return made
}

// compiling is a pipeline that the browser works on, beside others.
type compiling struct {
	layout *layout
	made   js.Value // promise of the GPUComputePipeline
	caught js.Value // promise of what was wrong with the text
	err    error    // of asking for it
}

// Start has the browser compile code, which Compile then waits for.
func (m *webgpu) Start(code *launch.Code) {
	if m.usable() == nil && m.started[code] == nil {
		m.started[code] = m.start(code)
	}
}

func (m *webgpu) start(code *launch.Code) *compiling {
	c := &compiling{layout: m.layouts.of(code.Bindings)}
	c.err = promise.Try(func() {
		// What is wrong with the text is told here, and not at the next wait.
		m.device.Call("pushErrorScope", "validation")
		module := m.device.Call("createShaderModule", map[string]any{"code": code.Text, "label": code.Key})
		c.caught = m.device.Call("popErrorScope")
		c.made = m.device.Call("createComputePipelineAsync", map[string]any{
			"label":   code.Key,
			"layout":  c.layout.whole,
			"compute": map[string]any{"module": module, "entryPoint": code.Entry},
		})
	})
	return c
}

func (m *webgpu) Compile(ctx context.Context, code *launch.Code) (gpu.Pipeline, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	m.Start(code)
	c := m.started[code]
	delete(m.started, code)
	if c.err != nil {
		return nil, fmt.Errorf("browser: %s: %w", code.Key, c.err)
	}
	made, err := m.await(ctx, c.made)
	if err == nil {
		return &pipeline{made, c.layout}, nil
	}
	if lost := m.usable(); lost != nil {
		return nil, lost
	}
	if wrong, badly := m.await(ctx, c.caught); badly == nil && wrong.Truthy() {
		return nil, fmt.Errorf("browser: %s does not compile: %s", code.Key, message(wrong))
	}
	return nil, fmt.Errorf("browser: %s: %w", code.Key, err)
}
