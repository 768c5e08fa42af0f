package browser

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/glsl"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// WebGL opens the lane webgl. Its error wraps device.ErrUnavailable where this
// browser has no WebGL2 that cfg accepts.
func WebGL(ctx context.Context, cfg Config) (device.Device, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m, err := openWebGL(cfg)
	if err != nil {
		return nil, err
	}
	return overWebGL(ctx, m, cfg)
}

// overWebGL is the device over m, which is closed where there can be none.
func overWebGL(ctx context.Context, m *webgl, cfg Config) (device.Device, error) {
	d, err := func() (device.Device, error) {
		var printers []launch.Printer
		for _, o := range glsl.Variants(glsl.Options{Limits: m.info.Limits, Width: m.width}) {
			p, err := glsl.New(o)
			if err != nil {
				return nil, err
			}
			printers = append(printers, p)
		}
		printer, err := cfg.choose(ctx, m, printers)
		if err != nil {
			return nil, err
		}
		return gpu.New(ctx, gpu.Config{Machine: m, Printer: printer})
	}()
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return d, nil
}

// openWebGL is the machine behind WebGL2.
func openWebGL(cfg Config) (*webgl, error) {
	class := js.Global().Get("OffscreenCanvas")
	if !class.Truthy() {
		return nil, fmt.Errorf("%w: the browser has no OffscreenCanvas", device.ErrUnavailable)
	}
	canvas := class.New(1, 1)
	gl := canvas.Call("getContext", "webgl2", map[string]any{
		"alpha": false, "antialias": false, "depth": false, "stencil": false,
		"powerPreference": "high-performance",
	})
	if !gl.Truthy() {
		return nil, fmt.Errorf("%w: the browser has no WebGL2", device.ErrUnavailable)
	}
	info := describeWebGL(gl)
	if info.Software && !cfg.Software {
		loseContext(gl)
		return nil, fmt.Errorf("%w: the WebGL renderer %s is a processor", device.ErrUnavailable, info.Adapter)
	}
	m := newWebGL(canvas, gl, info)
	m.setLimits(cfg)
	if n := m.info.Limits.Targets; n < leastTargets {
		return nil, errors.Join(fmt.Errorf("%w: the WebGL renderer %s draws into %d integer textures at once, want %d", device.ErrUnavailable, info.Adapter, n, leastTargets), m.Close())
	}
	return m, nil
}

// Constants of WebGL2.
const (
	glRenderer            = 0x1f01
	glUnmaskedVendor      = 0x9245
	glUnmaskedRenderer    = 0x9246
	glMaxTextureSize      = 0x0d33
	glMaxViewport         = 0x0d3a
	glMaxTextureUnits     = 0x8872
	glMaxDrawBuffers      = 0x8824
	glMaxColorAttachments = 0x8cdf
	glOffsetAlignment     = 0x8a34
	glFramebufferComplete = 0x8cd5
)

// describeWebGL says who draws. Where it stands decides nothing but Software.
func describeWebGL(gl js.Value) gpu.Info {
	var words []string
	add := func(v js.Value) {
		if v.Type() == js.TypeString && v.String() != "" {
			words = append(words, v.String())
		}
	}
	if gl.Call("getExtension", "WEBGL_debug_renderer_info").Truthy() {
		add(gl.Call("getParameter", glUnmaskedVendor))
		add(gl.Call("getParameter", glUnmaskedRenderer))
	} else {
		add(gl.Call("getParameter", glRenderer))
	}
	name := strings.Join(words, " ")
	software := false
	for _, processor := range []string{"swiftshader", "llvmpipe", "softpipe", "software", "basic render"} {
		software = software || strings.Contains(strings.ToLower(name), processor)
	}
	if name == "" {
		name = "unnamed"
	}
	return gpu.Info{Lane: "webgl", Adapter: name, Driver: browserName(), Software: software, Typed: true}
}

// mostWidth is how many texels lie side by side at most: enough for tensors of
// all sizes, and few for what is drawn in vain at the end.
const mostWidth = 4096

func (m *webgl) setLimits(cfg Config) {
	number := func(name int) int { return m.gl.Call("getParameter", name).Int() }
	viewport := m.gl.Call("getParameter", glMaxViewport)
	side := min(number(glMaxTextureSize), viewport.Index(0).Int(), viewport.Index(1).Int())
	m.width = min(1<<(bits.Len(uint(side))-1), mostWidth)
	m.align = max(number(glOffsetAlignment), words)
	buffer := 4 * int64(m.width) * int64(side) // of the smallest elements
	if cfg.Binding > 0 {
		buffer = min(buffer, cfg.Binding)
	}
	buffer = buffer / grain * grain
	m.info.Memory, m.info.Buffer = cfg.memory(), buffer
	m.info.Limits = launch.Limits{
		Bindings: min(number(glMaxTextureUnits), mostUnits),
		Binding:  buffer,
		Side:     side,
	}
	m.info.Limits.Targets = m.countTargets(min(number(glMaxDrawBuffers), number(glMaxColorAttachments), mostTargets))
}

// leastTargets is what every WebGL2 promises; more than mostTargets would be
// of no use.
const (
	leastTargets = 4
	mostTargets  = 8
)

// countTargets tells how many textures of the widest texels one draw can fill,
// of n at most: some GPUs have less room for them than they have targets. None
// is right where those of different types cannot be filled together.
func (m *webgl) countTargets(n int) int {
	defer m.trim()
	complete := func(types ...kernel.DType) bool {
		var points []*texture
		for _, t := range types {
			x, err := m.take(extent{t, 1, 1})
			if err != nil {
				return false
			}
			defer m.give(x)
			points = append(points, x)
		}
		m.target(m.frames.find(m, points))
		return m.gl.Call("checkFramebufferStatus", glFramebuffer).Int() == glFramebufferComplete
	}
	for _, t := range []kernel.DType{kernel.I8, kernel.I16} {
		if !complete(t) || !complete(kernel.I32, t, t, kernel.I32) {
			return 0
		}
	}
	for n >= leastTargets && !complete(slices.Repeat([]kernel.DType{kernel.I32}, n)...) {
		n /= 2
	}
	return n
}

func loseContext(gl js.Value) {
	if e := gl.Call("getExtension", "WEBGL_lose_context"); e.Truthy() {
		e.Call("loseContext")
	}
}
