package browser

import (
	"fmt"
	"math/bits"
	"slices"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// texture is a texture of the browser, of four elements a texel.
type texture struct {
	id     uint64
	value  js.Value
	extent extent
	used   []*frame // framebuffers that name it
}

// extent is what textures that can take each other's place have in common.
type extent struct {
	dtype         kernel.DType
	width, height int
}

func (e extent) bytes() int64 {
	return texelParts * int64(e.dtype.Size()) * int64(e.width) * int64(e.height)
}

// texelParts is how many elements a texel holds.
const texelParts = 4

// covers tells whether a number of texels fits.
func (t *texture) covers(texels, width int) bool {
	if t == nil {
		return false
	}
	w, h := rectangle(texels, width)
	return t.extent.width >= w && t.extent.height >= h
}

// rectangle is how far texels reach in rows of width.
func rectangle(texels, width int) (w, h int) {
	return min(texels, width), (texels + width - 1) / width
}

// texelFormat is how elements of a type lie in textures.
type texelFormat struct {
	internal, kind int // of the texels, and of their parts in bytes
	array          string
}

var texelFormats = map[kernel.DType]texelFormat{
	kernel.I8:  {0x8d8e, 0x1400, "Int8Array"},  // RGBA8I, BYTE
	kernel.I16: {0x8d88, 0x1402, "Int16Array"}, // RGBA16I, SHORT
	kernel.I32: {0x8d82, 0x1404, "Int32Array"}, // RGBA32I, INT
}

const (
	glTexture2D        = 0x0de1
	glTexture0         = 0x84c0
	glTextureMinFilter = 0x2801
	glTextureMagFilter = 0x2800
	glNearest          = 0x2600
)

// textures hands out textures and keeps those that no memory has at the
// moment. WebGL draws only into textures of one size at a time, while memories
// of any size are written together: so a memory changes its texture for one of
// another size, which it can whenever it is written anew.
type textures struct {
	idle  map[extent][]*texture
	taken int64 // bytes
	spare int64
	last  uint64 // id
}

// extentFor is the extent of textures for a number of texels: near sizes share
// one.
func (m *webgl) extentFor(t kernel.DType, texels int) extent {
	w, h := rectangle(max(texels, 1), m.width)
	if h == 1 {
		return extent{t, 1 << bits.Len(uint(w-1)), 1}
	}
	step := max(1<<bits.Len(uint(h))/16, 1)
	return extent{t, w, min((h+step-1)/step*step, m.info.Limits.Side)}
}

// take hands out a texture.
func (m *webgl) take(e extent) (*texture, error) {
	s := &m.textures
	if list := s.idle[e]; len(list) > 0 {
		t := list[len(list)-1]
		s.idle[e] = list[:len(list)-1]
		s.spare -= e.bytes()
		s.taken += e.bytes()
		return t, nil
	}
	if s.taken+s.spare+e.bytes() > m.info.Memory {
		m.trim()
	}
	t, err := m.newTexture(e)
	if err != nil && s.spare > 0 {
		m.trim()
		t, err = m.newTexture(e)
	}
	return t, err
}

// newTexture waits for the browser's word on whether there was room, which is
// one trip to its GPU process.
func (m *webgl) newTexture(e extent) (*texture, error) {
	s := &m.textures
	if e.height > m.info.Limits.Side {
		return nil, fmt.Errorf("browser: %w: a texture of %d rows, WebGL allows %d here", device.ErrMemory, e.height, m.info.Limits.Side)
	}
	s.last++
	t := &texture{id: s.last, value: m.gl.Call("createTexture"), extent: e}
	m.bind(0, t)
	m.gl.Call("texStorage2D", glTexture2D, 1, texelFormats[e.dtype].internal, e.width, e.height)
	m.gl.Call("texParameteri", glTexture2D, glTextureMinFilter, glNearest)
	m.gl.Call("texParameteri", glTexture2D, glTextureMagFilter, glNearest)
	if err := m.fault(); err != nil {
		m.discard(t)
		return nil, err
	}
	s.taken += e.bytes()
	return t, nil
}

// give takes a texture back.
func (m *webgl) give(t *texture) {
	s := &m.textures
	s.idle[t.extent] = append(s.idle[t.extent], t)
	s.taken -= t.extent.bytes()
	s.spare += t.extent.bytes()
}

// trim lets go of what is idle. What was queued before still sees it.
func (m *webgl) trim() {
	s := &m.textures
	for _, list := range s.idle {
		for _, t := range list {
			m.discard(t)
		}
	}
	clear(s.idle)
	s.spare = 0
}

// discard deletes a texture that counts no more.
func (m *webgl) discard(t *texture) {
	m.frames.forget(m, t)
	for i, x := range m.state.bound {
		if x == t {
			m.state.bound[i] = nil
		}
	}
	m.gl.Call("deleteTexture", t.value)
}

// fit gives a memory that is to be written a texture that holds texels.
func (m *webgl) fit(mem *webglMemory, texels int) error {
	if mem.texture.covers(texels, m.width) {
		return nil
	}
	return m.change(mem, m.extentFor(mem.dtype, texels))
}

// level gives memories that are to be written together textures of one size.
func (m *webgl) level(list []*webglMemory, texels int) error {
	same := !slices.ContainsFunc(list, func(x *webglMemory) bool {
		return !x.texture.covers(texels, m.width) ||
			x.texture.extent.width != list[0].texture.extent.width || x.texture.extent.height != list[0].texture.extent.height
	})
	if same {
		return nil
	}
	for _, x := range list {
		if err := m.change(x, m.extentFor(x.dtype, texels)); err != nil {
			return err
		}
	}
	return nil
}

// change gives a memory a texture of an extent, with any content.
func (m *webgl) change(mem *webglMemory, e extent) error {
	if mem.texture != nil && mem.texture.extent == e {
		return nil
	}
	if mem.texture != nil {
		m.give(mem.texture)
		mem.texture = nil
	}
	t, err := m.take(e)
	mem.texture = t
	return err
}
