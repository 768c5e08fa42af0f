package simd

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

// pointer is the size of one in the module.
const pointer = 4

// stepBytes is the size of struct step: the kernel's index, then its
// arguments.
var stepBytes = 4 + clang.ArgsSize(pointer)

// step is one entry of the list that the module works through: a kernel over
// some of its rows.
type step struct {
	kernel int // index into the module's table
	of     int // index into the plan's steps
	row0   int
	row1   int
	phase  int
	fill   int   // buffer to fill with zeros instead of running the kernel, or -1
	units  int64 // estimated nanoseconds
}

// pieceUnits is the size of pieces into which long steps are cut. It bounds
// how long a call may last on a slow device, and costs next to nothing.
const pieceUnits = 500_000

// maxPieces bounds the list of a program of any cost.
const maxPieces = 1 << 16

// units estimates the nanoseconds a kernel takes. Devices differ from it by a
// factor, which pace learns.
func units(s *plan.Step) int64 {
	c := s.Kernel.Contract
	if c == nil {
		return s.Cost / 2
	}
	products := 2 * int64(s.Rows) * int64(s.Cols) * int64(s.Params[c.K])
	return products/32 + (s.Cost-products)/2
}

// stepsOf lists the steps of a plan, long ones cut into pieces of rows of
// about pieceUnits each.
func stepsOf(p *plan.Plan, pieceUnits int64) ([]step, error) {
	var all []step
	var total int64
	for i := range p.Steps {
		total += units(&p.Steps[i])
	}
	pieceUnits = max(pieceUnits, total/maxPieces)
	for i := range p.Steps {
		s := &p.Steps[i]
		index, err := indexOf(s.Kernel)
		if err != nil {
			return nil, err
		}
		needs := clang.NeedsOf(s.Instance)
		if needs.Adds {
			for b, buf := range s.Kernel.Bufs {
				if buf.Out {
					all = append(all, step{of: i, fill: b, units: int64(s.Bufs[b].Size) / 8})
				}
			}
		}
		base := step{kernel: index, of: i, fill: -1}
		all = append(all, pieces(base, s, needs, pieceUnits)...)
	}
	return all, nil
}

func pieces(base step, s *plan.Step, needs clang.Needs, pieceUnits int64) []step {
	total := units(s)
	rows := s.Rows
	if needs.Flat {
		rows = s.Rows * s.Cols
	}
	n := int((total + pieceUnits - 1) / pieceUnits)
	size := rows
	if n > 1 {
		size = pieceRows(s, (rows+n-1)/n)
	}
	if size >= rows {
		base.row1, base.units = rows, total
		return []step{base}
	}
	var all []step
	if needs.Panels > 0 {
		pack := base
		pack.row1, pack.phase, pack.units = needs.Panels, clang.PhasePack, int64(s.Cols)*int64(s.Params[s.Kernel.Contract.K])
		all = append(all, pack)
		base.phase = clang.PhasePacked
	}
	for r := 0; r < rows; r += size {
		piece := base
		piece.row0, piece.row1 = r, min(r+size, rows)
		piece.units = total * int64(piece.row1-r) / int64(rows)
		all = append(all, piece)
	}
	return all
}

// pieceRows rounds the rows of a piece up to what kernels handle well: blocks
// of 64 rows, and whole batches of a contraction whose batches are small.
func pieceRows(s *plan.Step, rows int) int {
	unit := 64
	if c := s.Kernel.Contract; c != nil {
		if m := int(s.Params[c.M]); m <= rows {
			unit = m
		}
	}
	return (rows + unit - 1) / unit * unit
}

// byFingerprint maps what a kernel computes to its place in the module's
// table.
var byFingerprint = func() map[uint64]int {
	m := map[uint64]int{}
	for i, f := range kernels {
		m[f] = stepKernels + i
	}
	return m
}()

// places caches indexOf, since fingerprints take time: *kernel.Kernel to int.
var places sync.Map

// indexOf finds a kernel in the module's table.
func indexOf(k *kernel.Kernel) (int, error) {
	if i, ok := places.Load(k); ok {
		return i.(int), nil
	}
	i, ok := byFingerprint[clang.Fingerprint(k)]
	if !ok {
		return 0, fmt.Errorf("simd: the module has no kernel %s of this version", k.Name)
	}
	places.Store(k, i)
	return i, nil
}

// args are the arguments of one step, as the module sees them.
type args struct {
	kernel, rows, cols, row0, row1, phase int
	params, scratch, shared               uint64
	bufs                                  []uint64
}

// put encodes a as struct step at b.
func (a *args) put(b []byte) {
	clear(b[:stepBytes])
	u32 := func(at int, v uint64) { binary.LittleEndian.PutUint32(b[at:], uint32(v)) }
	for i, v := range []int{a.kernel, a.rows, a.cols, a.row0, a.row1, a.phase} {
		u32(4*i, uint64(v))
	}
	u32(4+clang.OffsetParams(pointer), a.params)
	u32(4+clang.OffsetScratch(pointer), a.scratch)
	u32(4+clang.OffsetShared(pointer), a.shared)
	for i, p := range a.bufs {
		u32(4+clang.OffsetBuf(pointer, i), p)
	}
}
