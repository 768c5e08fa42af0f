package browser

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// webgl is the machine behind one WebGL2 context. Memory is a texture, and a
// dispatch draws a triangle that covers the texels to be written.
type webgl struct {
	info   gpu.Info
	width  int // texels in a row of a texture
	align  int // of the parameters of a dispatch, in bytes
	canvas js.Value
	gl     js.Value
	js     webglCalls
	events webglEvents
	clock  clock

	out     scratch
	pack    staging
	vertex  js.Value // the vertex shader of every program
	started map[string]*linking
	frames  frames
	state   webglState
	async   bool // programs can be asked whether they are ready
	closed  bool

	textures textures
	targets  []*webglMemory // of a draw
	points   []*texture     // and theirs
}

var _ gpu.Machine = (*webgl)(nil)

func newWebGL(canvas, gl js.Value, info gpu.Info) *webgl {
	m := &webgl{
		info: info, canvas: canvas, gl: gl, js: newWebglCalls(),
		started: map[string]*linking{}, frames: frames{made: map[string]*frame{}}, textures: textures{idle: map[extent][]*texture{}},
	}
	m.events.watch(canvas)
	m.clock.open()
	m.async = gl.Call("getExtension", "KHR_parallel_shader_compile").Truthy()
	gl.Call("pixelStorei", glPackAlignment, 1)
	gl.Call("pixelStorei", glUnpackAlignment, 1)
	gl.Call("bindVertexArray", gl.Call("createVertexArray"))
	m.vertex = m.shader(glVertexShader, vertexText)
	return m
}

const (
	glPackAlignment   = 0x0d05
	glUnpackAlignment = 0x0cf5
)

// webglCalls are the methods that a run calls for every dispatch.
type webglCalls struct {
	useProgram, bindFramebuffer, activeTexture, bindTexture js.Value
	bindBufferRange, viewport, drawArrays                   js.Value
}

func newWebglCalls() webglCalls {
	const class = "WebGL2RenderingContext"
	return webglCalls{
		useProgram:      method(class, "useProgram"),
		bindFramebuffer: method(class, "bindFramebuffer"),
		activeTexture:   method(class, "activeTexture"),
		bindTexture:     method(class, "bindTexture"),
		bindBufferRange: method(class, "bindBufferRange"),
		viewport:        method(class, "viewport"),
		drawArrays:      method(class, "drawArrays"),
	}
}

func (m *webgl) Info() gpu.Info { return m.info }

// usable reports why the machine cannot be used.
func (m *webgl) usable() error {
	if m.closed {
		return errClosed
	}
	if m.gl.Call("isContextLost").Bool() {
		m.events.lose("the browser took the WebGL context away")
	}
	return m.events.lost()
}

const (
	glNoError     = 0
	glOutOfMemory = 0x0505
	glContextLost = 0x9242

	glCommandsComplete = 0x9117
	glTimeoutExpired   = 0x911b
)

// fault is what was wrong with calls since it was last asked for.
func (m *webgl) fault() error {
	var all []error
	for {
		switch code := m.gl.Call("getError").Int(); code {
		case glNoError:
			return errors.Join(all...)
		case glOutOfMemory:
			all = append(all, fmt.Errorf("browser: %w: WebGL has no more", device.ErrMemory))
		case glContextLost:
			m.events.lose("the browser took the WebGL context away")
			return m.events.lost()
		default:
			all = append(all, fmt.Errorf("browser: WebGL error %#x", code))
		}
		if len(all) > 16 { // there are only some flags
			return errors.Join(all...)
		}
	}
}

// sync waits for everything queued so far, and for what went wrong until then.
func (m *webgl) sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fence := m.gl.Call("fenceSync", glCommandsComplete, 0)
	defer m.gl.Call("deleteSync", fence)
	m.gl.Call("flush")
	err := m.clock.until(ctx, m.events.gone, func() bool {
		status := m.gl.Call("clientWaitSync", fence, 0, 0).Int()
		return status != glTimeoutExpired
	})
	if lost := m.usable(); lost != nil {
		return lost
	}
	if err != nil {
		return err
	}
	return m.fault()
}

func (m *webgl) Wait(ctx context.Context) error {
	if err := m.usable(); err != nil {
		return err
	}
	return m.sync(ctx)
}

// Close ends the context, and with it everything that it made.
func (m *webgl) Close() error {
	if m.closed {
		return nil
	}
	m.closed = true
	m.events.close(m.canvas)
	m.clock.close()
	loseContext(m.gl)
	return nil
}
