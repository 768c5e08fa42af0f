package trust

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// village is a population in which a share of the devices is wrong at the
// given rate, each verified up to n times.
func village(seed uint64, people int, share, rate float64, n int64) *Population {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := NewPopulation()
	for range people {
		p.Join("c")
		if rng.Float64() >= share {
			p.Verify("c", 0, n)
			continue
		}
		before := int64(math.Log1p(-rng.Float64()) / math.Log1p(-rate))
		p.Verify("c", 0, min(before, n))
		if before < n {
			p.Catch("c", before)
		}
	}
	for range 50 {
		p.Learn()
	}
	return p
}

func TestRiskFallsWithEvidence(t *testing.T) {
	for name, prior := range map[string]Prior{
		"stranger": Stranger(),
		"learned":  village(1, 2000, 0.3, 0.05, 500).Prior("c"),
	} {
		last := 1.0
		for n := 0.0; n < 1e6; n = n*1.3 + 1 {
			r := prior.Risk(n)
			if !(r > 0 && r <= last) {
				t.Fatalf("%s: risk %g after %g verified, %g before", name, r, n, last)
			}
			last = r
		}
	}
}

func TestCurve(t *testing.T) {
	prior := village(2, 2000, 0.3, 0.05, 500).Prior("c")
	c := prior.Curve()
	for n := 0.0; n < 1e6; n = n*1.01 + 0.1 {
		if got, least := c.Risk(n), prior.Risk(n); got < least {
			t.Fatalf("curve says %g after %g verified, the prior %g", got, n, least)
		}
	}
	for _, target := range []float64{0.5, 1e-2, 1e-4, 1e-6} {
		n := c.Needed(target)
		if math.IsInf(n, 0) || c.Risk(n) > target || n > 1 && c.Risk(n*0.9) <= target {
			t.Errorf("Needed(%g) = %g, where the risk is %g and just before %g", target, n, c.Risk(n), c.Risk(n*0.9))
		}
	}
	if n := c.Needed(0); !math.IsInf(n, 1) {
		t.Errorf("Needed(0) = %g, want infinity", n)
	}
}

// What is learned agrees with the truth: of those who passed n checks, the
// share of wrong results is what Risk says, or less.
func TestLearnedRiskIsCalibrated(t *testing.T) {
	for _, tc := range []struct{ share, rate float64 }{{0.3, 0.5}, {0.3, 0.05}, {0.1, 0.3}, {0.02, 0.02}, {0, 0.5}} {
		prior := village(3, 20_000, tc.share, tc.rate, 2000).Prior("c")
		for _, n := range []float64{0, 5, 20, 100} {
			left := tc.share * math.Pow(1-tc.rate, n)
			truth := left * tc.rate / (left + 1 - tc.share)
			got := prior.Risk(n)
			// On top of the truth comes what ignorance keeps possible.
			if got < 0.8*truth || got > 1.6*truth+2e-3 {
				t.Errorf("share %g at rate %g: risk %g after %g verified, the truth is %g", tc.share, tc.rate, got, n, truth)
			}
		}
	}
}

// Many who were never wrong vouch for one another: that is what makes small
// epsilons affordable.
func TestPopulationLendsTrust(t *testing.T) {
	alone, last := Stranger().Risk(2000), 1.0
	for _, people := range []int{10, 100, 1000, 10_000} {
		r := village(4, people, 0, 0.5, 2000).Prior("c").Risk(2000)
		if r >= last || r >= alone {
			t.Errorf("%d people: risk %g, %g with fewer, %g alone", people, r, last, alone)
		}
		last = r
	}
}

func TestClassesDiffer(t *testing.T) {
	p := village(5, 2000, 0, 0.5, 1000)
	for range 40 {
		p.Join("bad")
		p.Verify("bad", 0, 3)
		p.Catch("bad", 3)
	}
	for range 50 {
		p.Learn()
	}
	good, bad, unseen := p.Prior("c").Risk(10), p.Prior("bad").Risk(10), p.Prior("new").Risk(10)
	if bad < 100*good || bad < unseen {
		t.Errorf("risk after 10 verified: %g in a bad class, %g in a good one, %g in an unknown one", bad, good, unseen)
	}
	if !p.Quarantined("bad") || p.Quarantined("c") || p.Quarantined("new") {
		t.Errorf("quarantined: bad %t, good %t, unknown %t", p.Quarantined("bad"), p.Quarantined("c"), p.Quarantined("new"))
	}
	// Cheats without end cannot close a lane that works for others.
	for range 100_000 {
		p.Join("c")
		p.Catch("c", 0)
	}
	if p.Quarantined("c") {
		t.Error("a healthy class was quarantined because of many cheats")
	}
}

// A class is a name that anybody may invent: with one device each they cost
// nothing to learn, share what is believed of strangers, and do not keep a
// broken driver from being recognised.
func TestInventedClasses(t *testing.T) {
	p := village(6, 200, 0, 0.5, 1000)
	for i := range 10_000 {
		name := fmt.Sprint("invented ", i)
		p.Join(name)
		p.Verify(name, 0, 1)
	}
	for range 20 {
		p.Join("bad")
		p.Verify("bad", 0, 2)
		p.Catch("bad", 2)
	}
	p.Learn()
	if p.Classes() != 2 || p.Own("invented 7") || !p.Own("bad") {
		t.Errorf("%d classes have priors of their own, want the two with devices", p.Classes())
	}
	if p.Prior("invented 7") != p.Prior("never seen") {
		t.Error("a class of one device is not a stranger's")
	}
	if !p.Quarantined("bad") {
		t.Error("ten thousand names hide a broken driver")
	}
}

// Devices of a class that few have are counted as all others are.
func TestFewDevices(t *testing.T) {
	one, many := NewPopulation(), NewPopulation()
	move := func(p *Population, name string) {
		p.Join(name)
		p.Verify(name, 0, 40)
		p.Join(name)
		p.Verify(name, 40, 300)
		p.Catch(name, 0)
		p.Join(name)
	}
	move(one, "x")
	many.Join("x")
	many.Join("x")
	many.Join("x")
	many.Verify("x", 0, 300)
	many.Catch("x", 0)
	if *one.classes["x"] != *many.classes["x"] || one.all != many.all {
		t.Errorf("%v\nwant\n%v", one.classes["x"], many.classes["x"])
	}
}

func TestBuckets(t *testing.T) {
	last := -1
	for n := int64(0); n < 1<<20; n = n + 1 + n/50 {
		b := bucket(n)
		if b < last || lower(b) > float64(n) || b+1 < buckets && lower(b+1) <= float64(n) {
			t.Fatalf("bucket(%d) = %d, from %g to %g", n, b, lower(b), lower(b+1))
		}
		last = b
	}
	if b := bucket(math.MaxInt64); b != buckets-1 {
		t.Errorf("bucket of the largest number is %d, want the last, %d", b, buckets-1)
	}
}
