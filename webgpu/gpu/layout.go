package gpu

import (
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// layout says where the values and temporaries of a program live.
type layout struct {
	chunks  []plan.Chunk
	values  []int   // chunk of every value
	temps   [][]int // chunk of every temporary of every step
	total   int64   // bytes of inputs, outputs, chunks and parameters
	largest int64   // bytes of one memory
}

func newLayout(d *gpu, pl *plan.Plan, steps []*launch.Step) *layout {
	lives := pl.Temporaries()
	values := len(lives)
	l := &layout{}
	for i, s := range steps {
		for _, t := range s.Temps {
			lives = append(lives, plan.Life{DType: t.DType, Size: int64(t.Elems) * int64(t.DType.Size()), First: i, Last: i})
		}
		for _, p := range s.Passes {
			l.total += 4 * int64(len(p.Params))
		}
	}
	for i := range lives {
		lives[i].DType = d.memory.kind(lives[i].DType)
	}
	var of []int
	l.chunks, of = plan.Chunks(lives)
	l.values = of[:values]
	of = of[values:]
	for _, s := range steps {
		l.temps = append(l.temps, of[:len(s.Temps)])
		of = of[len(s.Temps):]
	}
	add := func(size int64) {
		l.total += size
		l.largest = max(l.largest, size)
	}
	for _, c := range l.chunks {
		add(roundUp(c.Size, granule))
	}
	for _, ports := range [][]program.Port{pl.Program.Inputs(), pl.Program.Outputs()} {
		for _, p := range ports {
			add(d.memory.class(int64(p.Type.Bytes())))
		}
	}
	return l
}
