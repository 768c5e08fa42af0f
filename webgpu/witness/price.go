package witness

import (
	"time"

	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Price is what verification takes, exactly, against what it replaces. Counts
// are of integer operations, as programs count them.
type Price struct {
	Run      int64 // the program itself: what running it again costs
	Products int64 // of it, the contractions that are checked
	Prover   int64 // the prover's program
	Compute  int64 // the verifier's program
	Check    int64 // one trial of every product
	Witness  int64 // bytes that the prover hands over beyond the outputs
}

// Verify is the operations of a verification with one trial.
func (p Price) Verify() int64 { return p.Compute + p.Check }

// Price prices the split.
func (s *Split) Price() Price {
	price := Price{Run: s.program.Cost().Ops, Prover: s.prover.Cost().Ops}
	if s.verifier != nil {
		price.Compute = s.verifier.Cost().Ops
	}
	for _, p := range s.products {
		price.Products += contraction(p.Layout)
		price.Check += freivalds.Cost(p.Layout)
		if p.part >= 0 {
			price.Witness += int64(p.acc.Bytes())
		}
	}
	return price
}

func entries(l ops.Layout) int64 { return int64(l.B0) * int64(l.B1) * int64(l.M) * int64(l.N) }

func contraction(l ops.Layout) int64 { return 2 * entries(l) * int64(l.K) }

// Rates say how fast a verifier is, and what a byte of witness costs it: the
// time of a verification is estimated from them. Operations of contractions,
// of checks and of everything else run at speeds that differ a hundredfold.
type Rates struct {
	Contract float64 // nanoseconds of an operation of a contraction
	Check    float64 // of an operation of a check, as freivalds.Cost counts them
	Other    float64 // of any other operation
	Byte     float64 // of a byte of witness: to receive it, and to read it in
}

// Lanes are the rates of one thread of package cpu's lanes, by the features
// they use, rounded from COST.md. A byte of witness is already here.
var Lanes = map[string]Rates{
	"avx512": {Contract: 0.0024, Check: 0.078, Other: 0.020, Byte: 0.87},
	"avx2":   {Contract: 0.0085, Check: 0.077, Other: 0.024, Byte: 0.85},
	"go":     {Contract: 0.20, Check: 0.42, Other: 0.80, Byte: 2.4},
}

// Over is r for a verifier that receives the witness at a number of bytes a
// second.
func (r Rates) Over(bytesPerSecond float64) Rates {
	r.Byte += 1e9 / bytesPerSecond
	return r
}

// Worth tells whether checking a contraction is faster than computing it
// again. It is meant for New.
func (r Rates) Worth(l ops.Layout) bool {
	return r.check(l) < r.Contract*float64(contraction(l))
}

func (r Rates) check(l ops.Layout) float64 {
	return r.Check*float64(freivalds.Cost(l)) + r.Byte*4*float64(entries(l))
}

// Estimate is how long the two ways to verify one run of a program would take.
type Estimate struct {
	Rerun, Witness time.Duration
	Products       int // that are worth checking
}

// Pays tells whether a witness saves at least the given share, 0 to 1, of the
// time that running the program again takes. Nothing is saved if no product is
// worth checking.
func (e Estimate) Pays(share float64) bool {
	return e.Products > 0 && float64(e.Witness) <= (1-share)*float64(e.Rerun)
}

// Estimate estimates the verification of a run of p, checking the contractions
// that are worth it and computing the others again.
func (r Rates) Estimate(p *program.Program) Estimate {
	var rerun, witness float64
	var e Estimate
	for _, n := range p.Nodes() {
		l, err := freivalds.LayoutOf(&n.Instance)
		if err != nil {
			rerun += r.Other * float64(n.Applied.Cost)
			witness += r.Other * float64(n.Applied.Cost)
			continue
		}
		product := contraction(l)
		rest := r.Other * float64(n.Applied.Cost-product)
		whole := r.Contract*float64(product) + rest
		rerun += whole
		if separable(p, n) && r.Worth(l) {
			witness += r.check(l) + rest
			e.Products++
		} else {
			witness += whole
		}
	}
	e.Rerun, e.Witness = time.Duration(rerun), time.Duration(witness)
	return e
}
