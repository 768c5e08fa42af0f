package freivalds

import "github.com/shoal-compute/shoal/webgpu/program"

// Price is what full verification of one run of a program takes, in integer
// operations.
type Price struct {
	Run      int64 // running it again: the program's own cost
	Verify   int64 // one trial of every contraction, and everything else again
	Products int64 // the part of Run that is contractions
	Witness  int64 // bytes of the accumulators that the checks need from the prover
}

// PriceOf prices a program. What follows a contraction within its op, such as
// the shift of its accumulators, is done again like every other op.
func PriceOf(p *program.Program) Price {
	price := Price{Run: p.Cost().Ops}
	for _, n := range p.Nodes() {
		l, err := LayoutOf(&n.Instance)
		if err != nil {
			price.Verify += n.Applied.Cost
			continue
		}
		entries := int64(l.B0) * int64(l.B1) * int64(l.M) * int64(l.N)
		product := 2 * entries * int64(l.K)
		price.Products += product
		price.Verify += n.Applied.Cost - product + Cost(l)
		price.Witness += 4 * entries
	}
	return price
}
