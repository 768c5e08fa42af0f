package clang

import (
	"sync"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Phases of a matmul call.
const (
	PhaseAlone  = 0 // pack B into the scratch and compute rows
	PhasePack   = 1 // pack panels row0 to row1 of B into the shared memory
	PhasePacked = 2 // compute rows from the shared memory
)

// MaxBufs is the most buffers a kernel may have.
const MaxBufs = 16

// Slack is how many bytes beyond its end a buffer must be readable.
const Slack = 64

// Offsets in struct args of what follows the integers, by the size of a
// pointer.
func offset(pointer, n int) int { return 24 + n*pointer }

// OffsetParams is the offset of params.
func OffsetParams(pointer int) int { return offset(pointer, 0) }

// OffsetScratch is the offset of scratch.
func OffsetScratch(pointer int) int { return offset(pointer, 1) }

// OffsetShared is the offset of shared.
func OffsetShared(pointer int) int { return offset(pointer, 2) }

// OffsetBuf is the offset of buf[i].
func OffsetBuf(pointer, i int) int { return offset(pointer, 3+i) }

// ArgsSize is the size of struct args.
func ArgsSize(pointer int) int { return offset(pointer, 3+MaxBufs) }

// Needs is what calls of an instance need.
type Needs struct {
	Scratch int  // bytes, for each call at a time
	Shared  int  // bytes shared by calls of PhasePack and PhasePacked; 0 unless Panels > 0
	Panels  int  // column panels of an operand B that every row shares
	Flat    bool // call with rows = rows*cols, cols = 1
	Adds    bool // outputs start as zeros; one call at a time
}

// NeedsOf tells what calls of in need. It depends on the printed code alone,
// not on the target.
func NeedsOf(in *kernel.Instance) Needs {
	f := frameOf(in.Kernel)
	n := Needs{
		Scratch: f.tables*tableBytes(in.Cols) + f.kept*tableBytes(max(in.Cols, 8192)),
		Flat:    f.flat,
		Adds:    f.adds,
	}
	c := in.Kernel.Contract
	if c == nil {
		return n
	}
	m, k := int(in.Params[c.M]), int(in.Params[c.K])
	cols := roundUp(in.Cols, 32)
	packed := cols*roundUp(k, 4)*2 + cols*4
	n.Scratch += max(16384, 8*cols)*4 + 64*2048*2 + packed
	if in.Rows == m {
		n.Panels, n.Shared = cols/32, packed
	}
	return n
}

func tableBytes(cols int) int { return roundUp(cols*4, 64) }

func roundUp(x, n int) int { return (x + n - 1) / n * n }

// frame is what a kernel's code uses whatever the instance.
type frame struct {
	tables, kept int
	flat, adds   bool
}

var frames sync.Map // *kernel.Kernel to frame

func frameOf(k *kernel.Kernel) frame {
	if f, ok := frames.Load(k); ok {
		return f.(frame)
	}
	s := newSchedule(k)
	f := frame{tables: len(s.tables), kept: len(s.kept), flat: s.flat, adds: s.adds}
	frames.Store(k, f)
	return f
}
