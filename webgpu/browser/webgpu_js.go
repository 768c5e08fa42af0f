package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// WebGPU opens the lane webgpu. The error wraps device.ErrUnavailable where
// this browser has no adapter that cfg accepts.
func WebGPU(ctx context.Context, cfg Config) (device.Device, error) {
	m, err := openWebGPU(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return overWebGPU(ctx, m, cfg)
}

// overWebGPU is the device over m, which is closed where there can be none.
func overWebGPU(ctx context.Context, m *webgpu, cfg Config) (device.Device, error) {
	var printers []launch.Printer
	for _, o := range wgsl.Variants(m.info.Limits, dotProduct()) {
		printers = append(printers, wgsl.New(o))
	}
	printer, err := cfg.choose(ctx, m, printers)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	d, err := gpu.New(ctx, gpu.Config{Machine: m, Printer: printer})
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return d, nil
}

// openWebGPU is the machine behind WebGPU.
func openWebGPU(ctx context.Context, cfg Config) (*webgpu, error) {
	api := js.Global().Get("navigator").Get("gpu")
	if !api.Truthy() {
		return nil, fmt.Errorf("%w: the browser has no WebGPU", device.ErrUnavailable)
	}
	adapter, err := promise.Await(ctx, nil, api.Call("requestAdapter", map[string]any{"powerPreference": "high-performance"}))
	if err != nil {
		return nil, unavailable(ctx, "the browser gives no WebGPU adapter", err)
	}
	if !adapter.Truthy() {
		return nil, fmt.Errorf("%w: the browser has WebGPU, but no GPU that it may use", device.ErrUnavailable)
	}
	info := describe(adapter)
	if info.Software && !cfg.Software {
		return nil, fmt.Errorf("%w: the WebGPU adapter %s is played by a processor", device.ErrUnavailable, info.Adapter)
	}
	wanted := js.Global().Get("Object").New()
	limits := adapter.Get("limits")
	for _, name := range wantedLimits {
		if v := limits.Get(name); v.Type() == js.TypeNumber {
			wanted.Set(name, v)
		}
	}
	dev, err := promise.Await(ctx, nil, adapter.Call("requestDevice", map[string]any{"requiredLimits": wanted}))
	if err != nil {
		return nil, unavailable(ctx, "the WebGPU adapter "+info.Adapter+" gives no device", err)
	}
	setLimits(&info, dev.Get("limits"), cfg)
	return newWebGPU(dev, info), nil
}

// unavailable is the error of a lane that cannot be opened, unless it is only
// that ctx ended.
func unavailable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %s: %w", device.ErrUnavailable, what, err)
}

// wantedLimits are asked for as large as the adapter has them: a device has
// the least that WebGPU guarantees otherwise.
var wantedLimits = []string{
	"maxBufferSize",
	"maxStorageBufferBindingSize",
	"maxStorageBuffersPerShaderStage",
	"maxComputeInvocationsPerWorkgroup",
	"maxComputeWorkgroupSizeX",
	"maxComputeWorkgroupStorageSize",
	"maxComputeWorkgroupsPerDimension",
}

// describe says what an adapter is. Where it stands decides nothing but
// Software.
func describe(adapter js.Value) gpu.Info {
	about := adapter.Get("info")
	var words []string
	software := adapter.Get("isFallbackAdapter").Truthy() // where browsers had it first
	if about.Truthy() {
		software = software || about.Get("isFallbackAdapter").Truthy()
		for _, name := range []string{"vendor", "architecture", "device", "description"} {
			if word := about.Get(name); word.Type() == js.TypeString && word.String() != "" {
				words = append(words, word.String())
			}
		}
	}
	name := strings.Join(words, " ")
	for _, processor := range []string{"swiftshader", "llvmpipe", "basic render driver"} {
		software = software || strings.Contains(strings.ToLower(name), processor)
	}
	if name == "" {
		name = "unnamed"
	}
	return gpu.Info{Lane: "webgpu", Adapter: name, Driver: browserName(), Software: software}
}

// grain is what every offset of a binding is a multiple of.
const grain = 256

func setLimits(info *gpu.Info, limits js.Value, cfg Config) {
	number := func(name string) int64 { return int64(limits.Get(name).Float()) }
	binding := number("maxStorageBufferBindingSize")
	if cfg.Binding > 0 {
		binding = min(binding, cfg.Binding)
	}
	info.Memory = cfg.memory()
	info.Buffer = number("maxBufferSize")
	info.Limits = launch.Limits{
		Bindings: int(number("maxStorageBuffersPerShaderStage")),
		Binding:  binding / grain * grain,
		Lanes:    int(min(number("maxComputeInvocationsPerWorkgroup"), number("maxComputeWorkgroupSizeX"))),
		Shared:   int(number("maxComputeWorkgroupStorageSize")),
		Side:     int(number("maxComputeWorkgroupsPerDimension")),
	}
}

// dotProduct tells whether this browser's WGSL has dot4I8Packed.
func dotProduct() bool {
	features := js.Global().Get("navigator").Get("gpu").Get("wgslLanguageFeatures")
	return features.Truthy() && features.Call("has", "packed_4x8_integer_dot_product").Bool()
}

var errClosed = errors.New("browser: the machine is closed")
