package gpu

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// chunks is the memory of temporaries. Runs follow one another, so one set
// serves all executables: of every type as many chunks as any of them needs,
// the largest first, each as large as the largest that any of them has in that
// place. The machine is held by whoever uses it.
type chunks struct {
	have [kernel.I32 + 1][]block
}

// reserve makes the set large enough for need, which is by size within each type,
// and puts its memories into
// dst in the order of need.
func (c *chunks) reserve(m *memory, need []plan.Chunk, dst []Memory) error {
	var rank [kernel.I32 + 1]int
	for i, n := range need {
		list := &c.have[n.DType]
		at := rank[n.DType]
		rank[n.DType]++
		if at == len(*list) {
			*list = append(*list, block{})
		}
		b := &(*list)[at]
		if b.bytes < n.Size {
			if b.Memory != nil {
				m.put(*b, true)
				*b = block{}
				m.sweep()
			}
			var err error
			if *b, err = m.alloc(shape{n.DType, roundUp(n.Size, granule)}); err != nil {
				c.drop(m) // no longer by size
				return err
			}
		}
		dst[i] = b.Memory
	}
	return nil
}

// drop gives all of it back.
func (c *chunks) drop(m *memory) {
	for t, list := range c.have {
		for _, b := range list {
			if b.Memory != nil {
				m.put(b, true)
			}
		}
		c.have[t] = nil
	}
	m.sweep()
}
