package gpu

import (
	"encoding/binary"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// page is what sizes of memory are rounded up to, and what offsets of
// bindings and their largest size are multiples of. One workgroup of the
// zeroing kernel writes a page.
const page = 256

// memory is a buffer of the library.
type memory struct {
	m      *machine
	raw    hal.Buffer
	size   int64
	number uint64              // names it in keys of groups
	groups map[*group]struct{} // that bind it
}

// Alloc makes storage. Its contents are anything.
func (m *machine) Alloc(t kernel.DType, elems int) (gpu.Memory, error) {
	var mem *memory
	err := m.do(func() (err error) {
		mem, err = m.alloc(int64(elems)*int64(t.Size()), gputypes.BufferUsageStorage|gputypes.BufferUsageCopySrc|gputypes.BufferUsageCopyDst)
		return err
	})
	if err != nil {
		return nil, err
	}
	return mem, nil
}

func (m *machine) alloc(size int64, usage gputypes.BufferUsage) (*memory, error) {
	size = max((size+page-1)&^(page-1), page)
	raw, err := m.device.CreateBuffer(&hal.BufferDescriptor{Size: uint64(size), Usage: usage})
	if err != nil {
		return nil, m.room(err)
	}
	m.groups.count++
	mem := &memory{m: m, raw: raw, size: size, number: m.groups.count}
	if m.live == nil {
		m.live = map[*memory]struct{}{}
	}
	m.live[mem] = struct{}{}
	return mem, nil
}

// Release gives the memory back once everything queued has run.
func (mem *memory) Release() {
	m := mem.m
	if mem.raw == nil {
		return
	}
	raw := mem.raw
	mem.raw = nil
	delete(m.live, mem)
	if m.lost != nil {
		return
	}
	for g := range mem.groups {
		m.drop(g)
	}
	m.batches.after(func() { m.device.DestroyBuffer(raw) })
}

// constants are blocks of parameters in one uniform buffer, with a bind group
// for each.
type constants struct {
	memory *memory
	groups []hal.BindGroup
}

// Constants uploads params. Every block starts where a binding may.
func (m *machine) Constants(params [][]int32) (gpu.Constants, error) {
	var c *constants
	err := m.do(func() (err error) {
		c, err = m.constants(params)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (m *machine) constants(params [][]int32) (*constants, error) {
	var data []byte
	offsets := make([]int64, len(params))
	for i, p := range params {
		offsets[i] = int64(len(data))
		for _, v := range p {
			data = binary.LittleEndian.AppendUint32(data, uint32(v))
		}
		size := blockSize(len(p))
		end := (offsets[i] + size + m.align - 1) / m.align * m.align
		data = append(data, make([]byte, end-int64(len(data)))...)
	}
	mem, err := m.alloc(int64(len(data)), gputypes.BufferUsageUniform|gputypes.BufferUsageCopyDst)
	if err != nil {
		return nil, err
	}
	c := &constants{memory: mem}
	for i, p := range params {
		g, err := m.device.CreateBindGroup(&hal.BindGroupDescriptor{
			Layout: m.layouts.params,
			Entries: []gputypes.BindGroupEntry{{Resource: gputypes.BufferBinding{
				Buffer: mem.raw.NativeHandle(), Offset: uint64(offsets[i]), Size: uint64(blockSize(len(p))),
			}}},
		})
		if err != nil {
			c.Release()
			return nil, m.room(err)
		}
		c.groups = append(c.groups, g)
	}
	if err := m.write(mem, data, gputypes.BufferUsageUniform); err != nil {
		c.Release()
		return nil, err
	}
	return c, nil
}

// blockSize is how many bytes a uniform block of n parameters has in WGSL.
func blockSize(n int) int64 { return max((int64(n)*4+15)&^15, 16) }

func (c *constants) Release() {
	m := c.memory.m
	groups := c.groups
	c.groups = nil
	if m.lost == nil {
		m.batches.after(func() {
			for _, g := range groups {
				m.device.DestroyBindGroup(g)
			}
		})
	}
	c.memory.Release()
}
