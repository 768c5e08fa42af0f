package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// matmulHeader are the parameters of matmuls besides the kernel's: tiles are
// those of workgroups in one batch; a workgroup of a direct tile has 2^wide
// invocations side by side; steps are words of operands along k; and cut of
// them are one workgroup's.
var matmulHeader = []string{"rows", "cols", "tiles_m", "tiles_n", "wide", "steps", "cuts", "cut"}

// matmulForm says which text of a matmul serves an instance.
type matmulForm struct {
	*shape
	tile  Tile
	dot4  bool
	a, b  layout
	whole bool // the columns are a multiple of four
	tail  bool // k is not
	bare  bool // the accumulator goes to a temporary
	cut   bool // where several workgroups add to it
}

func (f matmulForm) key() string {
	key := fmt.Sprintf("%s/matmul %s %s%s", f.id, f.tile, f.a, f.b)
	for _, s := range []struct {
		name string
		on   bool
	}{{".dot4", f.dot4}, {".whole", f.whole}, {".tail", f.tail}, {".bare", f.bare}, {".cut", f.cut}} {
		if s.on {
			key += s.name
		}
	}
	return key
}

// twoPasses tells whether the stores of a matmul need a pass of their own:
// where words hold elements of several rows, and where they happen once a row.
func (s *shape) twoPasses(whole bool) bool { return s.rows || s.narrow && !whole }

// matmul is the step of a contraction.
func (p *Printer) matmul(s *shape, in *kernel.Instance) (*launch.Step, error) {
	c := s.kernel.Contract
	param := func(i int) int { return int(in.Params[i]) }
	m, b1, k := param(c.M), param(c.B1), param(c.K)
	f := matmulForm{shape: s, tile: p.options.Tile.suited(m, in.Cols), dot4: p.options.Dot4, whole: in.Cols%4 == 0}
	f.bare = s.twoPasses(f.whole)
	b0 := in.Rows / (m * b1)
	f.tail = k%4 != 0
	f.a = layoutOf(k, param(c.AK), param(c.AOff), stride{m, param(c.AM)}, stride{b0, param(c.AB0)}, stride{b1, param(c.AB1)})
	f.b = layoutOf(k, param(c.BK), param(c.BOff), stride{in.Cols, param(c.BN)}, stride{b0, param(c.BB0)}, stride{b1, param(c.BB1)})

	d := f.tile.deal(m, in.Cols, k, b0*b1)
	f.cut = d.cuts > 1
	f.bare = f.bare || f.cut

	var step launch.Step
	w := work{
		shape: s, form: f, in: in,
		header:   []int{in.Rows, in.Cols, d.tilesM, d.tilesN, d.wide, d.steps, d.cuts, d.cut},
		division: f.division(in, m, d),
	}
	if f.bare {
		step.Temps = []launch.Temp{{DType: kernel.I32, Elems: in.Rows * in.Cols}}
		w.temps = step.Temps
	}
	if f.cut {
		w.clear = []int{len(in.Kernel.Bufs)}
	}
	passes, err := p.passes(w)
	if err != nil {
		return nil, err
	}
	step.Passes = passes
	if f.bare {
		passes, err := p.elements(s, in, step.Temps)
		if err != nil {
			return nil, err
		}
		step.Passes = append(step.Passes, passes...)
	}
	return &step, nil
}

// division lets passes begin at the tiles of every batch of m rows.
func (f matmulForm) division(in *kernel.Instance, m int, d deal) division {
	each := d.tilesN * d.cuts // workgroups
	return division{
		units:  in.Rows / m * d.tilesM,
		start:  func(unit int) int { return (unit/d.tilesM*m + min(unit%d.tilesM*d.high, m)) * in.Cols },
		at:     func(unit int) int { return unit * each },
		groups: func(from, to int) int { return (to - from) * each },
	}
}
