package browser

import (
	"encoding/binary"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// group is a GPUBindGroup: memories bound for code of one layout.
type group struct {
	key     string
	value   js.Value
	members []*webgpuMemory
}

// groups keeps bind groups, since a program that runs again mostly binds the
// same memory again. One that names a released memory is dropped with it.
type groups struct {
	made map[string]*group
	key  []byte // of the one that is looked for
}

// mostGroups bounds the cache: when it is full it starts anew.
const mostGroups = 8192

func (g *groups) open() { g.made = map[string]*group{} }

func (g *groups) find(dev js.Value, l *layout, bound []gpu.Bound) *group {
	g.key = append(g.key[:0], l.id)
	for i := range bound {
		b := &bound[i]
		g.key = binary.LittleEndian.AppendUint64(g.key, b.Memory.(*webgpuMemory).id)
		g.key = binary.LittleEndian.AppendUint64(g.key, uint64(b.Offset))
		g.key = binary.LittleEndian.AppendUint64(g.key, uint64(b.Size))
	}
	if known := g.made[string(g.key)]; known != nil {
		return known
	}
	if len(g.made) >= mostGroups {
		g.clear()
	}
	made := &group{key: string(g.key)}
	entries := make([]any, len(bound))
	for i, b := range bound {
		mem := b.Memory.(*webgpuMemory)
		size := min(roundUp(b.Size, words), mem.size-b.Offset)
		entries[i] = map[string]any{
			"binding":  i,
			"resource": map[string]any{"buffer": mem.buffer, "offset": float64(b.Offset), "size": float64(size)},
		}
		made.members = append(made.members, mem)
		mem.used[made] = true
	}
	made.value = dev.Call("createBindGroup", map[string]any{"layout": l.group, "entries": entries})
	g.made[made.key] = made
	return made
}

// forget drops the groups that name b.
func (g *groups) forget(b *webgpuMemory) {
	for old := range b.used {
		g.drop(old)
	}
}

func (g *groups) clear() {
	for _, old := range g.made {
		g.drop(old)
	}
}

func (g *groups) drop(old *group) {
	delete(g.made, old.key)
	for _, b := range old.members {
		delete(b.used, old)
	}
}
