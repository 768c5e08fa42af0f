package browser

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

const (
	glRGBAInteger = 0x8d99
	glInt         = 0x1404

	glPixelPackBuffer = 0x88eb
	glUniformBuffer   = 0x8a11
	glStreamRead      = 0x88e1
	glStaticDraw      = 0x88e4
)

// webglMemory is elements of one type. It has a texture once it is written,
// and by and by several: whatever writes a memory writes all of it that will
// be read.
type webglMemory struct {
	of      *webgl
	dtype   kernel.DType
	elems   int
	texture *texture // nil before it is written
}

// Alloc makes no texture yet: which one is right shows when the memory is
// written.
func (m *webgl) Alloc(t kernel.DType, elems int) (gpu.Memory, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	if most := texelParts * m.width * m.info.Limits.Side; elems > most {
		return nil, fmt.Errorf("browser: %w: %d elements in one texture, WebGL allows %d here", device.ErrMemory, elems, most)
	}
	return &webglMemory{of: m, dtype: t, elems: elems}, nil
}

// Release frees the memory. What was queued before still sees it.
func (b *webglMemory) Release() {
	if b.texture == nil {
		return
	}
	b.of.give(b.texture)
	b.texture = nil
	b.of.trim()
}

// Write copies whole rows of texels, and what is left of the last row apart.
func (m *webgl) Write(mem gpu.Memory, data []byte) error {
	if err := m.usable(); err != nil {
		return err
	}
	b := mem.(*webglMemory)
	texel := texelParts * b.dtype.Size()
	if err := m.fit(b, (len(data)+texel-1)/texel); err != nil {
		return err
	}
	return promise.Try(func() {
		m.bind(0, b.texture)
		row := b.texture.extent.width * texel
		for y := 0; len(data) > 0; {
			n := min(len(data), max(mostScratch/row, 1)*row)
			width, height := b.texture.extent.width, n/row
			if height > 0 {
				n = height * row
			} else {
				width, height = (n+texel-1)/texel, 1
			}
			m.out.put(data[:n])
			f := texelFormats[b.dtype]
			view := js.Global().Get(f.array).New(m.out.array.Get("buffer"), 0, texelParts*width*height)
			m.gl.Call("texSubImage2D", glTexture2D, 0, 0, y, width, height, glRGBAInteger, f.kind, view)
			data = data[n:]
			y += height
		}
	})
}

// Read copies through a buffer of the GPU, so that nothing is held up while
// work is under way. Elements of all types come back as 32 bits, which is the
// one format that every implementation has.
func (m *webgl) Read(ctx context.Context, mem gpu.Memory, dst []byte) error {
	if err := m.usable(); err != nil {
		return err
	}
	b := mem.(*webglMemory)
	if b.texture == nil {
		return m.sync(ctx) // never written: dst has any content
	}
	for y, rows := 0, max(mostStaging/(4*texelParts*m.width), 1); len(dst) > 0; y += rows {
		n := min(len(dst), rows*m.width*texelParts*b.dtype.Size())
		if err := m.read(ctx, b, y, dst[:n]); err != nil {
			return err
		}
		dst = dst[n:]
	}
	return nil
}

// read copies rows of texels from row y on.
func (m *webgl) read(ctx context.Context, b *webglMemory, y int, dst []byte) error {
	size := b.dtype.Size()
	elems := (len(dst) + size - 1) / size
	width, height := rectangle((elems+texelParts-1)/texelParts, m.width)
	err := promise.Try(func() {
		m.stage(4 * texelParts * width * height)
		m.gl.Call("bindBuffer", glPixelPackBuffer, m.pack.buffer)
		m.target(m.frames.find(m, []*texture{b.texture}))
		m.gl.Call("readPixels", 0, y, width, height, glRGBAInteger, glInt, 0)
		m.gl.Call("bindBuffer", glPixelPackBuffer, js.Null())
	})
	if err != nil {
		return err
	}
	if err := m.sync(ctx); err != nil {
		return err
	}
	words := dst
	if size < 4 || len(dst)%4 != 0 {
		words = make([]byte, 4*elems)
	}
	if err := m.fetch(words); err != nil {
		return err
	}
	if len(words) != len(dst) {
		narrow(dst, words, size)
	}
	return nil
}

// fetch copies what was staged.
func (m *webgl) fetch(dst []byte) error {
	copied := 0
	err := promise.Try(func() {
		m.out.room(len(dst))
		m.gl.Call("bindBuffer", glPixelPackBuffer, m.pack.buffer)
		m.gl.Call("getBufferSubData", glPixelPackBuffer, 0, m.out.array, 0, len(dst))
		m.gl.Call("bindBuffer", glPixelPackBuffer, js.Null())
		copied = js.CopyBytesToGo(dst, m.out.array)
	})
	if err != nil {
		return err
	}
	if copied < len(dst) {
		return errors.New("browser: WebGL gave back less than was asked for")
	}
	return nil
}

// narrow keeps the low bytes of little-endian words.
func narrow(dst, words []byte, size int) {
	for i := range dst {
		dst[i] = words[i/size*4+i%size]
	}
}

// stage makes the buffer that is read through hold size bytes.
func (m *webgl) stage(size int) {
	if m.pack.size >= size {
		return
	}
	if m.pack.size > 0 {
		m.gl.Call("deleteBuffer", m.pack.buffer)
	}
	n := leastStaging
	for n < size {
		n *= 2
	}
	m.pack = staging{m.gl.Call("createBuffer"), n}
	m.gl.Call("bindBuffer", glPixelPackBuffer, m.pack.buffer)
	m.gl.Call("bufferData", glPixelPackBuffer, n, glStreamRead)
}

// webglConstants are parameters in one uniform buffer: each set at a place of
// its own.
type webglConstants struct {
	of     *webgl
	buffer js.Value
	place  int
	sizes  []int // bytes of each set
}

func (m *webgl) Constants(params [][]int32) (gpu.Constants, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	c := &webglConstants{of: m, sizes: make([]int, len(params))}
	longest := 1
	for i, p := range params {
		longest = max(longest, len(p))
		c.sizes[i] = int(roundUp(int64(max(len(p), 1))*4, words))
	}
	c.place = int(roundUp(int64(longest)*4, int64(m.align)))
	image := make([]byte, c.place*max(len(params), 1))
	for i, p := range params {
		for j, v := range p {
			putWord(image[c.place*i+4*j:], uint32(v))
		}
	}
	err := promise.Try(func() {
		bytes := uint8Array.New(len(image))
		js.CopyBytesToJS(bytes, image)
		c.buffer = m.gl.Call("createBuffer")
		m.gl.Call("bindBuffer", glUniformBuffer, c.buffer)
		m.gl.Call("bufferData", glUniformBuffer, bytes, glStaticDraw)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *webglConstants) Release() { c.of.gl.Call("deleteBuffer", c.buffer) }
