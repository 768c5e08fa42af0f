package gpu

import (
	"encoding/binary"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// pipeline is compiled code and how it is bound.
type pipeline struct {
	raw    hal.ComputePipeline
	layout *layout
}

// layout is the shape of group 0 and of the whole pipeline. Codes that read
// and write in the same order share one, and with it their bind groups.
type layout struct {
	number uint64
	group  hal.BindGroupLayout
	raw    hal.PipelineLayout
}

// layouts are those made so far, by the pattern of reads and writes.
type layouts struct {
	byPattern map[string]*layout
	params    hal.BindGroupLayout
}

func (m *machine) layout(code *launch.Code) (*layout, error) {
	pattern := make([]byte, len(code.Bindings))
	entries := make([]gputypes.BindGroupLayoutEntry, len(code.Bindings))
	for i, b := range code.Bindings {
		kind := gputypes.BufferBindingTypeReadOnlyStorage
		pattern[i] = 'r'
		if b.Write || b.Atomic {
			kind = gputypes.BufferBindingTypeStorage
			pattern[i] = 'w'
		}
		entries[i] = gputypes.BindGroupLayoutEntry{
			Binding: uint32(i), Visibility: gputypes.ShaderStageCompute,
			Buffer: &gputypes.BufferBindingLayout{Type: kind},
		}
	}
	if l := m.layouts.byPattern[string(pattern)]; l != nil {
		return l, nil
	}
	if m.layouts.params == nil {
		params, err := m.device.CreateBindGroupLayout(&hal.BindGroupLayoutDescriptor{
			Entries: []gputypes.BindGroupLayoutEntry{{
				Visibility: gputypes.ShaderStageCompute,
				Buffer:     &gputypes.BufferBindingLayout{Type: gputypes.BufferBindingTypeUniform},
			}},
		})
		if err != nil {
			return nil, err
		}
		m.layouts = layouts{byPattern: map[string]*layout{}, params: params}
	}
	group, err := m.device.CreateBindGroupLayout(&hal.BindGroupLayoutDescriptor{Entries: entries})
	if err != nil {
		return nil, err
	}
	raw, err := m.device.CreatePipelineLayout(&hal.PipelineLayoutDescriptor{
		BindGroupLayouts: []hal.BindGroupLayout{group, m.layouts.params},
	})
	if err != nil {
		m.device.DestroyBindGroupLayout(group)
		return nil, err
	}
	l := &layout{number: uint64(len(m.layouts.byPattern)), group: group, raw: raw}
	m.layouts.byPattern[string(pattern)] = l
	return l, nil
}

func (l *layouts) destroy(d hal.Device) {
	for _, one := range l.byPattern {
		d.DestroyPipelineLayout(one.raw)
		d.DestroyBindGroupLayout(one.group)
	}
	if l.params != nil {
		d.DestroyBindGroupLayout(l.params)
	}
}

// groups are bind groups kept for the next run of the same dispatch. A step
// binds the same memory again and again, and making a group costs more than
// using it.
type groups struct {
	byKey map[string]*group
	count uint64 // memories named so far
	key   []byte // of the last look-up, reused
}

// group binds memories in the order of a layout.
type group struct {
	raw     hal.BindGroup
	key     string
	members []*memory
}

// maxGroups bounds the cache; beyond it a quarter is dropped. The largest
// programs run a few thousand dispatches.
const maxGroups = 8192

// bind returns the group for one dispatch.
func (m *machine) bind(l *layout, bound []gpu.Bound) (*group, error) {
	c := &m.groups
	c.key = binary.LittleEndian.AppendUint64(c.key[:0], l.number)
	for _, b := range bound {
		c.key = binary.LittleEndian.AppendUint64(c.key, b.Memory.(*memory).number)
		c.key = binary.LittleEndian.AppendUint64(c.key, uint64(b.Offset))
		c.key = binary.LittleEndian.AppendUint64(c.key, uint64(b.Size))
	}
	if g := c.byKey[string(c.key)]; g != nil {
		return g, nil
	}
	entries := make([]gputypes.BindGroupEntry, len(bound))
	g := &group{key: string(c.key), members: make([]*memory, len(bound))}
	for i, b := range bound {
		mem := b.Memory.(*memory)
		g.members[i] = mem
		entries[i] = gputypes.BindGroupEntry{Binding: uint32(i), Resource: gputypes.BufferBinding{
			Buffer: mem.raw.NativeHandle(),
			Offset: uint64(b.Offset),
			Size:   uint64(min((b.Size+15)&^15, mem.size-b.Offset)), // code reads and writes whole words
		}}
	}
	raw, err := m.device.CreateBindGroup(&hal.BindGroupDescriptor{Layout: l.group, Entries: entries})
	if err != nil {
		return nil, m.room(err)
	}
	g.raw = raw
	if c.byKey == nil {
		c.byKey = map[string]*group{}
	}
	if len(c.byKey) >= maxGroups {
		excess := maxGroups / 4
		for _, old := range c.byKey {
			m.drop(old)
			if excess--; excess == 0 {
				break
			}
		}
	}
	c.byKey[g.key] = g
	for _, mem := range g.members {
		if mem.groups == nil {
			mem.groups = map[*group]struct{}{}
		}
		mem.groups[g] = struct{}{}
	}
	return g, nil
}

// drop forgets g and destroys it once nothing queued uses it.
func (m *machine) drop(g *group) {
	delete(m.groups.byKey, g.key)
	for _, mem := range g.members {
		delete(mem.groups, g)
	}
	m.batches.after(func() { m.device.DestroyBindGroup(g.raw) })
}

func (c *groups) destroy(d hal.Device) {
	for _, g := range c.byKey {
		d.DestroyBindGroup(g.raw)
	}
	c.byKey = nil
}
