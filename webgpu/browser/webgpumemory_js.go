package browser

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Bits of GPUBufferUsage and GPUMapMode.
const (
	usageMapRead = 0x0001
	usageCopySrc = 0x0004
	usageCopyDst = 0x0008
	usageUniform = 0x0040
	usageStorage = 0x0080
	mapRead      = 0x0001
)

// words is what the size of every buffer and binding is rounded up to: code
// may see memory as vectors of four words.
const words = 16

// webgpuMemory is a GPUBuffer.
type webgpuMemory struct {
	of     *webgpu
	id     uint64
	buffer js.Value
	size   int64
	used   map[*group]bool // bind groups that name it
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// patience is the size of a memory that is worth a trip to the browser's GPU
// process, to hear at once whether there was room. That there was none for
// less shows at the next wait.
const patience = 1 << 20

func (m *webgpu) Alloc(t kernel.DType, elems int) (gpu.Memory, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	size := max(roundUp(int64(elems)*int64(t.Size()), words), words)
	if size > m.info.Buffer {
		return nil, fmt.Errorf("browser: %w: %d bytes in one buffer, WebGPU allows %d here", device.ErrMemory, size, m.info.Buffer)
	}
	if size >= patience {
		m.device.Call("pushErrorScope", "out-of-memory")
	}
	buffer, err := m.newBuffer(size, usageStorage|usageCopySrc|usageCopyDst)
	if size >= patience {
		caught := m.device.Call("popErrorScope")
		if err == nil {
			err = m.roomFor(buffer, caught)
		}
	}
	if err != nil {
		return nil, err
	}
	m.serial++
	return &webgpuMemory{of: m, id: m.serial, buffer: buffer, size: size, used: map[*group]bool{}}, nil
}

// roomFor waits for what the browser caught while it made buffer.
func (m *webgpu) roomFor(buffer, caught js.Value) error {
	failed, err := m.await(context.Background(), caught)
	if err == nil && failed.Truthy() {
		err = fmt.Errorf("browser: %w: %s", device.ErrMemory, message(failed))
	}
	if err != nil {
		buffer.Call("destroy")
	}
	return err
}

func (m *webgpu) newBuffer(size int64, usage int) (buffer js.Value, err error) {
	err = promise.Try(func() {
		buffer = m.device.Call("createBuffer", map[string]any{"size": float64(size), "usage": usage})
	})
	return buffer, err
}

// Release frees the memory. What was submitted before still sees it.
func (b *webgpuMemory) Release() {
	b.of.groups.forget(b)
	b.buffer.Call("destroy")
}

func (m *webgpu) Write(mem gpu.Memory, data []byte) error {
	if err := m.usable(); err != nil {
		return err
	}
	return m.fill(mem.(*webgpuMemory).buffer, data)
}

// fill copies data to the start of a buffer, in pieces.
func (m *webgpu) fill(buffer js.Value, data []byte) error {
	return promise.Try(func() {
		for at := 0; at < len(data); {
			n := m.out.put(data[at:])
			m.js.writeBuffer.Invoke(m.queue, buffer, at, m.out.array, 0, roundUp(int64(n), 4))
			at += n
		}
	})
}

// staging is the buffer through which bytes come back: only such a one can be
// mapped. It grows with what is read and is kept.
type staging struct {
	buffer js.Value
	size   int
}

const (
	leastStaging = 64 << 10
	mostStaging  = 16 << 20
)

func (m *webgpu) Read(ctx context.Context, mem gpu.Memory, dst []byte) error {
	b := mem.(*webgpuMemory)
	if err := m.usable(); err != nil {
		return err
	}
	for at := 0; at < len(dst); at += mostStaging {
		if err := m.read(ctx, b, at, dst[at:min(at+mostStaging, len(dst))]); err != nil {
			m.dropStaging() // it may be left mapped, or waiting to be
			return err
		}
	}
	return nil
}

// read copies what fits into the staging buffer.
func (m *webgpu) read(ctx context.Context, b *webgpuMemory, at int, dst []byte) error {
	if err := m.stage(len(dst)); err != nil {
		return err
	}
	size := roundUp(int64(len(dst)), 4)
	var mapped js.Value
	err := promise.Try(func() {
		encoder := m.js.createEncoder.Invoke(m.device)
		m.js.copyBuffer.Invoke(encoder, b.buffer, at, m.staging.buffer, 0, size)
		m.js.submit.Invoke(m.queue, []any{m.js.finish.Invoke(encoder)})
		mapped = m.staging.buffer.Call("mapAsync", mapRead, 0, size)
	})
	if err != nil {
		return err
	}
	if err := m.sync(ctx, mapped); err != nil {
		return err
	}
	return promise.Try(func() {
		js.CopyBytesToGo(dst, uint8Array.New(m.staging.buffer.Call("getMappedRange", 0, size), 0, len(dst)))
		m.staging.buffer.Call("unmap")
	})
}

// stage makes the staging buffer hold size bytes.
func (m *webgpu) stage(size int) error {
	if m.staging.size >= size {
		return nil
	}
	m.dropStaging()
	n := leastStaging
	for n < size {
		n *= 2
	}
	buffer, err := m.newBuffer(int64(n), usageMapRead|usageCopyDst)
	if err != nil {
		return err
	}
	m.staging = staging{buffer, n}
	return nil
}

func (m *webgpu) dropStaging() {
	if m.staging.size > 0 {
		m.staging.buffer.Call("destroy")
		m.staging = staging{}
	}
}

// constants are parameters in one uniform buffer: each set at a place of its
// own, which a dispatch names by its offset.
type constants struct {
	buffer  js.Value
	group   js.Value
	offsets js.Value // Uint32Array of the places
}

func (m *webgpu) Constants(params [][]int32) (gpu.Constants, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	longest := 1
	for _, p := range params {
		longest = max(longest, len(p))
	}
	seen := roundUp(int64(longest)*4, words)
	place := roundUp(seen, grain)
	image := make([]byte, place*int64(max(len(params), 1)))
	offsets := make([]byte, 4*len(params))
	for i, p := range params {
		at := place * int64(i)
		putWord(offsets[4*i:], uint32(at))
		for j, v := range p {
			putWord(image[at+4*int64(j):], uint32(v))
		}
	}
	buffer, err := m.newBuffer(int64(len(image)), usageUniform|usageCopyDst)
	if err != nil {
		return nil, err
	}
	c := &constants{buffer: buffer}
	if err := m.fill(buffer, image); err != nil {
		c.Release()
		return nil, err
	}
	err = promise.Try(func() {
		c.group = m.device.Call("createBindGroup", map[string]any{
			"layout": m.layouts.params,
			"entries": []any{map[string]any{
				"binding":  0,
				"resource": map[string]any{"buffer": buffer, "size": seen},
			}},
		})
		bytes := uint8Array.New(len(offsets))
		js.CopyBytesToJS(bytes, offsets)
		c.offsets = js.Global().Get("Uint32Array").New(bytes.Get("buffer"))
	})
	if err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

func (c *constants) Release() { c.buffer.Call("destroy") }

func putWord(b []byte, v uint32) {
	b[0], b[1], b[2], b[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}
