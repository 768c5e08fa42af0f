package browser

import (
	"context"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// webglProgram is compiled code.
type webglProgram struct {
	program js.Value
	reads   int // of its bindings, which come first
}

// vertexText covers the viewport with one triangle.
const vertexText = `#version 300 es
void main() {
  vec2 p = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
  gl_Position = vec4(p * 2.0 - 1.0, 0.0, 1.0);
}
`

const (
	glVertexShader     = 0x8b31
	glFragmentShader   = 0x8b30
	glLinkStatus       = 0x8b82
	glCompletionStatus = 0x91b1
)

func (m *webgl) shader(kind int, text string) js.Value {
	s := m.gl.Call("createShader", kind)
	m.gl.Call("shaderSource", s, text)
	m.gl.Call("compileShader", s)
	return s
}

// linking is a program that the browser works on, beside others.
type linking struct{ fragment, program js.Value }

// Start has the browser compile code, which Compile then waits for.
func (m *webgl) Start(code *launch.Code) {
	if m.usable() != nil || m.started[code.Key] != nil {
		return
	}
	l := &linking{fragment: m.shader(glFragmentShader, code.Text), program: m.gl.Call("createProgram")}
	m.gl.Call("attachShader", l.program, m.vertex)
	m.gl.Call("attachShader", l.program, l.fragment)
	m.gl.Call("linkProgram", l.program)
	m.started[code.Key] = l
}

func (m *webgl) Compile(ctx context.Context, code *launch.Code) (gpu.Pipeline, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	m.Start(code)
	l := m.started[code.Key]
	delete(m.started, code.Key)
	defer m.gl.Call("deleteShader", l.fragment)
	if m.async {
		m.gl.Call("flush")
		err := m.clock.until(ctx, m.events.gone, func() bool {
			// A lost context says that all is ready.
			return m.gl.Call("getProgramParameter", l.program, glCompletionStatus).Truthy() || m.usable() != nil
		})
		if err != nil && m.usable() == nil {
			return nil, err
		}
	}
	linked := m.gl.Call("getProgramParameter", l.program, glLinkStatus).Truthy()
	if err := m.usable(); err != nil {
		return nil, err
	}
	if !linked {
		log := m.gl.Call("getShaderInfoLog", l.fragment).String() + " " + m.gl.Call("getProgramInfoLog", l.program).String()
		m.gl.Call("deleteProgram", l.program)
		return nil, fmt.Errorf("browser: %s does not compile: %s", code.Key, strings.Join(strings.Fields(log), " "))
	}
	return m.prepare(l.program, code), nil
}

// prepare tells a program where its memories and parameters are.
func (m *webgl) prepare(p js.Value, code *launch.Code) *webglProgram {
	m.use(p)
	m.gl.Call("uniformBlockBinding", p, m.gl.Call("getUniformBlockIndex", p, "Params"), 0)
	made := &webglProgram{program: p}
	for _, b := range code.Bindings {
		if b.Write {
			continue
		}
		at := m.gl.Call("getUniformLocation", p, fmt.Sprintf("b%d", made.reads))
		m.gl.Call("uniform1i", at, made.reads)
		made.reads++
	}
	return made
}
