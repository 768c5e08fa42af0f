package browser

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// webglState is what the context is set to, so that a call that would change
// nothing is left out.
type webglState struct {
	program js.Value
	frame   *frame
	unit    int
	bound   [mostUnits]*texture
	area    area
}

// mostUnits is how many texture units are used: more than any kernel needs.
const mostUnits = 32

const (
	glFramebuffer      = 0x8d40
	glColorAttachment0 = 0x8ce0
	glColor            = 0x1800
	glTriangles        = 0x0004
)

// Run draws the dispatches.
func (m *webgl) Run(ctx context.Context, list []gpu.Dispatch) error {
	if err := m.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	fault := promise.Try(func() {
		for i := range list {
			if err = m.draw(&list[i]); err != nil {
				break
			}
		}
		m.gl.Call("flush")
	})
	return errors.Join(err, fault)
}

func (m *webgl) draw(d *gpu.Dispatch) error {
	for _, mem := range d.Clear {
		if err := m.clear(mem.(*webglMemory)); err != nil {
			return err
		}
	}
	p, c := d.Pipeline.(*webglProgram), d.Constants.(*webglConstants)
	m.targets = m.targets[:0]
	for i := p.reads; i < len(d.Bound); i++ {
		m.targets = append(m.targets, d.Bound[i].Memory.(*webglMemory))
	}
	if err := m.level(m.targets, d.Groups); err != nil {
		return err
	}
	for i := range p.reads {
		mem := d.Bound[i].Memory.(*webglMemory)
		if err := m.fit(mem, 1); err != nil { // never written
			return err
		}
		m.bind(i, mem.texture)
	}
	m.points = m.points[:0]
	for _, mem := range m.targets {
		m.points = append(m.points, mem.texture)
	}
	m.target(m.frames.find(m, m.points))
	m.use(p.program)
	m.js.bindBufferRange.Invoke(m.gl, glUniformBuffer, 0, c.buffer, c.place*d.Index, c.sizes[d.Index])
	width, height := rectangle(d.Groups, m.width)
	rows := max(int(int64(height)*mostCost/max(d.Cost, 1)), 1)
	for y := 0; y < height; y += rows {
		if y > 0 {
			m.gl.Call("flush")
		}
		m.cover(area{y, width, min(rows, height-y)})
		m.js.drawArrays.Invoke(m.gl, glTriangles, 0, 3)
	}
	return nil
}

// mostCost is how many integer operations one draw should take: drivers end
// what takes seconds, and the page is drawn in between.
const mostCost = 1 << 30

// area is rows of texels.
type area struct{ y, width, height int }

func (m *webgl) cover(a area) {
	if m.state.area != a {
		m.state.area = a
		m.js.viewport.Invoke(m.gl, 0, a.y, a.width, a.height)
	}
}

func (m *webgl) clear(mem *webglMemory) error {
	if err := m.fit(mem, (mem.elems+texelParts-1)/texelParts); err != nil {
		return err
	}
	m.target(m.frames.find(m, []*texture{mem.texture}))
	m.gl.Call("clearBufferiv", glColor, 0, []any{0, 0, 0, 0})
	return nil
}

// bind binds a texture to a unit.
func (m *webgl) bind(unit int, t *texture) {
	s := &m.state
	if s.unit != unit {
		s.unit = unit
		m.js.activeTexture.Invoke(m.gl, glTexture0+unit)
	}
	if s.bound[unit] != t {
		s.bound[unit] = t
		m.js.bindTexture.Invoke(m.gl, glTexture2D, t.value)
	}
}

func (m *webgl) use(p js.Value) {
	if !m.state.program.Equal(p) {
		m.state.program = p
		m.js.useProgram.Invoke(m.gl, p)
	}
}

func (m *webgl) target(f *frame) {
	if m.state.frame != f {
		m.state.frame = f
		m.js.bindFramebuffer.Invoke(m.gl, glFramebuffer, f.value)
	}
}

// frame is a framebuffer: textures as targets of one draw.
type frame struct {
	key     string
	value   js.Value
	members []*texture
}

// frames keeps framebuffers, since a program that runs again mostly writes the
// same textures again. One that names a deleted texture is dropped with it.
type frames struct {
	made map[string]*frame
	key  []byte // of the one that is looked for
}

// mostFrames bounds the cache: when it is full it starts anew.
const mostFrames = 8192

func (f *frames) find(m *webgl, targets []*texture) *frame {
	f.key = f.key[:0]
	for _, t := range targets {
		f.key = binary.LittleEndian.AppendUint64(f.key, t.id)
	}
	if known := f.made[string(f.key)]; known != nil {
		return known
	}
	if len(f.made) >= mostFrames {
		f.clear(m)
	}
	made := &frame{key: string(f.key), value: m.gl.Call("createFramebuffer"), members: slices.Clone(targets)}
	m.target(made)
	points := make([]any, len(targets))
	for i, t := range targets {
		points[i] = glColorAttachment0 + i
		m.gl.Call("framebufferTexture2D", glFramebuffer, points[i], glTexture2D, t.value, 0)
		t.used = append(t.used, made)
	}
	m.gl.Call("drawBuffers", points)
	f.made[made.key] = made
	return made
}

// forget drops the framebuffers that name t.
func (f *frames) forget(m *webgl, t *texture) {
	for _, old := range t.used {
		delete(f.made, old.key)
		for _, other := range old.members {
			if other != t {
				i := slices.Index(other.used, old)
				other.used = slices.Delete(other.used, i, i+1)
			}
		}
		m.drop(old)
	}
	t.used = nil
}

func (f *frames) clear(m *webgl) {
	for _, old := range f.made {
		for _, t := range old.members {
			t.used = nil
		}
		m.drop(old)
	}
	clear(f.made)
}

func (m *webgl) drop(f *frame) {
	m.gl.Call("deleteFramebuffer", f.value)
	if m.state.frame == f {
		m.state.frame = nil
	}
}
