package gpu

import (
	"context"
	"errors"
	"fmt"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// machine implements gpu.Machine over one device of the library. Package
// webgpu/gpu calls it from one goroutine at a time.
type machine struct {
	info     gpu.Info
	align    int64 // of a uniform block's offset
	spirv    bool  // code is translated here, not in the library
	dot4     bool  // as in Adapter
	instance hal.Instance
	adapter  hal.Adapter
	device   hal.Device
	queue    hal.Queue

	batches  batches
	layouts  layouts
	groups   groups
	staging  staging
	readback *memory
	zero     *pipeline

	modules   []hal.ShaderModule
	pipelines []hal.ComputePipeline

	live map[*memory]struct{}
	lost error // why nothing works any more
}

var _ gpu.Machine = (*machine)(nil)

// Open opens an adapter. What this computer does not have, or conf does not
// allow, is an error that wraps device.ErrUnavailable.
func Open(ctx context.Context, conf Config) (gpu.Machine, error) {
	m, err := openMachine(ctx, conf)
	if err != nil {
		return nil, err // and no machine that is not nil
	}
	return m, nil
}

func openMachine(ctx context.Context, conf Config) (*machine, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if conf.Memory < 0 || conf.Binding < 0 || conf.Binding%page != 0 {
		return nil, fmt.Errorf("native/gpu: config: want memory (%d) of 0 or more and binding (%d) a multiple of %d", conf.Memory, conf.Binding, page)
	}
	hal.SetLogger(conf.Log)
	found, why := enumerate()
	chosen, err := choose(found.adapters, conf)
	if err != nil {
		found.close(nil)
		if len(found.adapters) == 0 && why != nil {
			return nil, fmt.Errorf("native/gpu: %w (%w)", err, why)
		}
		return nil, fmt.Errorf("native/gpu: %w", err)
	}
	found.close(chosen.instance)
	m := &machine{
		instance: chosen.instance,
		spirv:    chosen.exposed.Info.Backend == gputypes.BackendVulkan,
		dot4:     chosen.Dot4,
	}
	m.info, m.align = inform(chosen, conf)
	if err := guard(func() error { return m.open(chosen.exposed) }); err != nil {
		m.Close()
		return nil, fmt.Errorf("native/gpu: %w: open %s: %w", device.ErrUnavailable, chosen.Adapter, err)
	}
	return m, nil
}

func (m *machine) open(e hal.ExposedAdapter) error {
	m.adapter = e.Adapter
	opened, err := e.Adapter.Open(0, e.Capabilities.Limits)
	if err != nil {
		return err
	}
	m.device, m.queue = opened.Device, opened.Queue
	m.zero, err = m.compile(zeroCode)
	return err
}

// inform derives what the machine tells about itself, and how uniform blocks
// are aligned.
func inform(c candidate, conf Config) (gpu.Info, int64) {
	const (
		whole = 1 << 30   // bytes of one binding that 32-bit indices surely reach
		side  = 1<<16 - 1 // what WebGPU promises
	)
	l := c.exposed.Capabilities.Limits
	binding := int64(min(l.MaxStorageBufferBindingSize, whole)) &^ (page - 1)
	if conf.Binding > 0 {
		binding = min(binding, conf.Binding)
	}
	buffer := int64(min(l.MaxBufferSize, 1<<40))
	if c.exposed.Info.Backend == gputypes.BackendVulkan {
		// The library reports a default of its own here; this is what every
		// driver must be able to allocate at once.
		buffer = 1 << 30
	}
	memory := conf.Memory
	switch {
	case memory > 0:
	case c.Software || c.Memory == 0:
		memory = 2 << 30
	default:
		memory = c.Memory / 4 * 3
	}
	return gpu.Info{
		Lane:     "vulkan",
		Adapter:  c.Name,
		Driver:   c.Backend + ", driver " + c.Driver,
		Software: c.Software,
		Memory:   memory,
		Buffer:   min(max(buffer, binding), memory),
		Limits: launch.Limits{
			Bindings: int(min(l.MaxStorageBuffersPerShaderStage, 64)),
			Binding:  binding,
			Lanes:    int(min(l.MaxComputeInvocationsPerWorkgroup, l.MaxComputeWorkgroupSizeX, 1024)),
			Shared:   int(min(l.MaxComputeWorkgroupStorageSize, 1<<20)),
			Side:     int(min(l.MaxComputeWorkgroupsPerDimension, side)),
		},
	}, int64(max(l.MinUniformBufferOffsetAlignment, 16))
}

func (m *machine) Info() gpu.Info { return m.info }

// Compile makes a pipeline. The library compiles at once, so ctx is only
// looked at before.
func (m *machine) Compile(ctx context.Context, code *launch.Code) (gpu.Pipeline, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var p *pipeline
	err := m.do(func() (err error) {
		p, err = m.compile(code)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (m *machine) compile(code *launch.Code) (*pipeline, error) {
	layout, err := m.layout(code)
	if err != nil {
		return nil, fmt.Errorf("native/gpu: bind %s: %w", code.Key, err)
	}
	source := hal.ShaderSource{WGSL: code.Text}
	if m.spirv {
		if source.SPIRV, err = translate(code.Text); err != nil {
			return nil, fmt.Errorf("native/gpu: translate %s: %w", code.Key, err)
		}
		source.WGSL = ""
	}
	module, err := m.device.CreateShaderModule(&hal.ShaderModuleDescriptor{Label: code.Key, Source: source})
	if err != nil {
		return nil, fmt.Errorf("native/gpu: compile %s: %w", code.Key, err)
	}
	m.modules = append(m.modules, module)
	raw, err := m.device.CreateComputePipeline(&hal.ComputePipelineDescriptor{
		Label:  code.Key,
		Layout: layout.raw,
		Compute: hal.ComputeState{
			Module:                        module,
			EntryPoint:                    code.Entry,
			ZeroInitializeWorkgroupMemory: false, // printed code writes before it reads
		},
	})
	if err != nil {
		return nil, fmt.Errorf("native/gpu: pipeline of %s: %w", code.Key, err)
	}
	m.pipelines = append(m.pipelines, raw)
	return &pipeline{raw: raw, layout: layout}, nil
}

// Close waits for what runs and gives everything back. Memory need not have
// been released.
func (m *machine) Close() error {
	if m.instance == nil {
		return nil
	}
	err := guard(func() error {
		if m.device != nil {
			m.shut()
		}
		return nil
	})
	destroy := guard(func() error {
		if m.device != nil {
			m.device.Destroy()
		}
		if m.adapter != nil {
			m.adapter.Destroy()
		}
		m.instance.Destroy()
		return nil
	})
	m.device, m.adapter, m.instance = nil, nil, nil
	m.lost = errors.New("native/gpu: closed")
	return errors.Join(err, destroy)
}

// shut destroys what the device's own end does not. Of a lost device nobody
// knows what the hardware still holds: the driver cleans up.
func (m *machine) shut() {
	if m.lost != nil || m.wait() != nil {
		return
	}
	m.batches.destroy()
	m.groups.destroy(m.device)
	for _, p := range m.pipelines {
		m.device.DestroyComputePipeline(p)
	}
	for _, s := range m.modules {
		m.device.DestroyShaderModule(s)
	}
	m.layouts.destroy(m.device)
	m.staging.destroy(m.device)
	for mem := range m.live {
		mem.Release()
	}
}
