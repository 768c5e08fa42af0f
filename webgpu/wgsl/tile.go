package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Tile says how a matmul is dealt out. The zero value stands for Direct4x4.
type Tile struct {
	M, N int // rows and columns of an invocation, multiples of four
	// Shared tiles are loaded by workgroups of 16 x 16 invocations, into
	// memory that they share. The invocations of others load what they need.
	Shared bool
}

// Direct4x4 is the tile that suits software devices, and no GPU badly.
var Direct4x4 = Tile{M: 4, N: 4}

// Tiles are the tiles to choose from.
var Tiles = []Tile{Direct4x4, {M: 8, N: 4}, {M: 8, N: 8}, {M: 4, N: 4, Shared: true}, {M: 8, N: 8, Shared: true}}

// String is, for example, "shared 8x8".
func (t Tile) String() string {
	s := fmt.Sprintf("%dx%d", t.M, t.N)
	if t.Shared {
		return "shared " + s
	}
	return s
}

// side is the rows and columns of a workgroup's tile, if shared.
func (t Tile) side() (m, n int) { return sharedSide * t.M, sharedSide * t.N }

// suited is the tile for m x n products: a smaller one where too much of a
// shared one would lie beyond the edges.
func (t Tile) suited(m, n int) Tile {
	for _, least := range []struct {
		Tile
		percent int
	}{{t, 75}, {Tile{M: 4, N: 4, Shared: true}, 50}} {
		high, wide := least.side()
		if t.Shared && 100*m*n >= least.percent*ceil(m, high)*high*ceil(n, wide)*wide {
			return least.Tile
		}
	}
	if t.Shared {
		return Direct4x4
	}
	return t
}

const (
	directLanes = 64
	sharedSide  = 16 // invocations along one side of a workgroup with shared memory
	sharedLanes = sharedSide * sharedSide
	// sharedBytes is what a shared tile takes: four words of either operand
	// for every invocation.
	sharedBytes = 2 * sharedLanes * 16
)

// fits tells whether a machine can run the tile.
func (t Tile) fits(l launch.Limits) bool {
	return !t.Shared || l.Lanes >= sharedLanes && l.Shared >= sharedBytes
}

// Variants lists the printers worth timing on a machine, the safest first.
func Variants(l launch.Limits, dot4 bool) []Options {
	var all []Options
	for _, with := range []bool{false, true} {
		if with && !dot4 {
			continue
		}
		for _, t := range Tiles {
			if t.fits(l) {
				all = append(all, Options{Limits: l, Dot4: with, Tile: t})
			}
		}
	}
	return all
}

// A matmul of shared tiles that would keep fewer than busy invocations busy is
// cut along k into workgroups that add their sums, each of leastCut words or
// more.
const (
	busy     = 1 << 15
	leastCut = 64
)

// deal is what the workgroups of a matmul do.
type deal struct {
	high           int // rows of a workgroup's tile
	wide           int // invocations of it side by side, as a power of two
	tilesM, tilesN int // tiles of a batch
	steps          int // words of operands along k
	cuts, cut      int // workgroups of a tile, and the words of one
}

// deal divides batches of m x n products of k terms.
func (t Tile) deal(m, n, k, batches int) deal {
	d := deal{steps: ceil(k, 4), cuts: 1}
	d.cut = d.steps
	tm, tn := ceil(m, t.M), ceil(n, t.N)
	lanes := sharedLanes
	if t.Shared {
		d.wide = 4 // sharedSide
	} else {
		lanes, d.wide = directLanes, lanesWide(tm, tn)
	}
	d.high = lanes >> d.wide * t.M
	d.tilesM, d.tilesN = ceil(tm, lanes>>d.wide), ceil(tn, 1<<d.wide)
	if groups := d.tilesM * d.tilesN * batches; t.Shared {
		n := max(1, min(busy/sharedLanes/groups, d.steps/leastCut))
		depth := t.depth()
		d.cut = ceil(ceil(d.steps, n), depth) * depth
		d.cuts = ceil(d.steps, d.cut)
	}
	return d
}

func ceil(x, n int) int { return (x + n - 1) / n }

// lanesWide is how many invocations of a workgroup lie side by side, as a
// power of two, for tm x tn tiles: the squarer the more of what they load is
// the same, but none should be idle.
func lanesWide(tm, tn int) int {
	best, least := 0, 0
	for _, wide := range []int{3, 4, 2, 5, 1, 6, 0} {
		if n := ceil(tm, directLanes>>wide) * ceil(tn, 1<<wide); least == 0 || n < least {
			best, least = wide, n
		}
	}
	return best
}

// all lists the tiles that suited may return.
func (t Tile) all() []Tile {
	list := []Tile{t}
	for _, other := range []Tile{{M: 4, N: 4, Shared: true}, Direct4x4} {
		if t.Shared && t != other {
			list = append(list, other)
		}
	}
	return list
}

// depth is the words of k in a block: every invocation loads one quad of
// either operand.
func (t Tile) depth() int { return sharedLanes / (sharedSide * t.M / 4) }
