package ptx

import "fmt"

// choice is how a product is computed.
type choice struct {
	tile
	depth int // along k, of the part that a workgroup sums; all of it, or a multiple of tile.k
}

// groups is how many tiles there are.
func (t tile) groups(g *contraction) int {
	return g.b0 * g.b1 * ceilDiv(g.m, t.m) * ceilDiv(g.n, t.n)
}

// turns is how long one multiprocessor takes for some workgroups, in the time
// that each of them takes where it is full of them. Fewer than fill it take
// almost as long.
func (t tile) turns(groups int) float64 {
	full, rest := groups/t.together*t.together, groups%t.together
	if rest == 0 {
		return float64(full)
	}
	return float64(full) + max(float64(rest), min(0.6*float64(t.together), 2))
}

// Rough costs beside those of multiplying, in multiplications of one
// multiprocessor: what a workgroup takes to begin and end, for every element
// of its tile; a launch; adding a sum to memory, for every element and part,
// and then storing it, shared by all multiprocessors.
const (
	costGroup  = 200
	costLaunch = 20_000_000
	costAdd    = 300
	costStore  = 2500
)

// splits are the numbers of parts worth trying.
var splits = []int{1, 2, 4, 8, 16, 32}

// leastDepth is how short a part may be: shorter ones take longer to store
// than to sum.
const leastDepth = 512

// choose finds the tile and the parts with which all workgroups together take
// the least time, as far as their number and the tile's speed tell.
func (p *Printer) choose(g *contraction) (choice, error) {
	var best choice
	least := 0.0
	units := max(p.options.Units, 1)
	for _, t := range p.tiles() {
		for _, parts := range splits {
			if p.options.Split > 0 {
				parts = p.options.Split
			}
			depth := ceilDiv(ceilDiv(g.k, parts), t.k) * t.k
			if depth >= g.k {
				parts, depth = 1, g.k
			} else if parts = ceilDiv(g.k, depth); depth < leastDepth && p.options.Split == 0 {
				break
			}
			cost := t.turns(ceilDiv(t.groups(g)*parts, units)) * float64(t.m*t.n) * float64(depth+costGroup) / t.speed
			if parts > 1 {
				elems := float64(g.b0*g.b1) * float64(g.m) * float64(g.n)
				cost += costLaunch + elems*float64(parts*costAdd+costStore)/float64(units)
			}
			if least == 0 || cost < least {
				best, least = choice{t, depth}, cost
			}
		}
	}
	if least == 0 {
		return best, fmt.Errorf("ptx: no matmul tile fits %d bytes of shared memory", p.options.Limits.Shared)
	}
	return best, nil
}
