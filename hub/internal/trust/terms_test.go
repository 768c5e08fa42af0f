package trust

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func terms(t *testing.T, epsilon float64, a Assurance, replicas int) Terms {
	t.Helper()
	terms, err := NewTerms(epsilon, a, replicas)
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

func TestNewTerms(t *testing.T) {
	for _, tc := range []struct {
		epsilon  float64
		a        Assurance
		replicas int
		field    string
	}{
		{1e-6, "", 0, ""},
		{1e-6, Full, 0, ""},
		{1e-6, Replicated, 3, ""},
		{0, Audited, 0, "trust.epsilon"},
		{math.NaN(), Audited, 0, "trust.epsilon"},
		{0.5, Audited, 0, "trust.epsilon"},
		{1e-6, Replicated, 1, "trust.replicas"},
		{1e-6, Replicated, MaxReplicas + 1, "trust.replicas"},
		{1e-6, "certain", 0, "trust.assurance"},
	} {
		_, err := NewTerms(tc.epsilon, tc.a, tc.replicas)
		if (err == nil) != (tc.field == "") || err != nil && !strings.Contains(err.Error(), tc.field) {
			t.Errorf("NewTerms(%g, %q, %d): %v, want an error naming %q", tc.epsilon, tc.a, tc.replicas, err, tc.field)
		}
	}
}

func TestAgreementIsMonotone(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		draw := func(n int) (list []float64) {
			for range n {
				list = append(list, math.Exp(-20*rng.Float64()))
			}
			return list
		}
		agree := draw(1 + rng.IntN(5))
		r := Agreement(agree)
		if !(r >= 0 && r <= 1) {
			t.Fatalf("Agreement(%v) = %g", agree, r)
		}
		if more := Agreement(append(agree, rng.Float64()/2)); more > r*(1+1e-9) {
			t.Fatalf("one more agrees and the risk rises from %g to %g", r, more)
		}
		worse := append([]float64{min(1, 2*agree[0])}, agree[1:]...)
		if w := Agreement(worse); w < r*(1-1e-9) {
			t.Fatalf("a riskier supporter lowers the risk from %g to %g", r, w)
		}
	}
	if r := Agreement([]float64{0.5, AuditorRisk, Worthless}); r != AuditorRisk {
		t.Errorf("an auditor agrees: %g", r)
	}
	if r := Agreement([]float64{Worthless}); r != Worthless {
		t.Errorf("one whose word is worth nothing: %g", r)
	}
	if r := Agreement([]float64{0.01}); math.Abs(r-0.01) > 1e-12 {
		t.Errorf("one supporter of risk 0.01: %g", r)
	}
}

// The word of others is evidence for a device unless they are as doubtful as
// it is itself.
func TestVouches(t *testing.T) {
	stranger := Stranger().Risk(0)
	for _, tt := range []struct {
		others []float64
		want   bool
	}{
		{nil, false},
		{[]float64{Worthless}, false},
		{[]float64{stranger}, false},
		{[]float64{stranger, stranger}, false},
		{[]float64{Worthless, 1e-9}, false}, // the weigher leaves the worthless out
		{[]float64{1e-3}, true},
		{[]float64{stranger, 1e-3}, true},
		{[]float64{AuditorRisk}, true},
	} {
		if got := Vouches(tt.others); got != tt.want {
			t.Errorf("Vouches(%v) = %t, want %t", tt.others, got, tt.want)
		}
	}
}

func TestDecide(t *testing.T) {
	c := village(6, 20_000, 0.3, 0.05, 2000).Prior("c").Curve()
	audited := terms(t, 1e-6, Audited, 0)
	needed := audited.Needed(c)
	if c.Risk(needed) > 1e-6 {
		t.Errorf("risk %g where %g verified results are said to be enough", c.Risk(needed), needed)
	}
	if d := audited.Decide(c, Record{}); !d.Replicate {
		t.Errorf("a stranger is believed alone: %+v", d)
	}
	known := audited.Decide(c, Record{Verified: needed})
	if known.Replicate || known.Check < audited.AuditFloor || known.Check+known.Audit > 0.05 {
		t.Errorf("a well-known device gets %+v; want alone, checked at most 5 %% of the time", known)
	}
	if d := terms(t, 1e-6, Full, 0).Decide(c, Record{Verified: 1e6}); d.Audit != 1 {
		t.Errorf("full assurance audits with %g", d.Audit)
	}
	if d := terms(t, 1e-6, Replicated, 2).Decide(c, Record{Verified: 1e6}); !d.Replicate {
		t.Error("replicated assurance believes a device alone")
	}
	// Checks keep the evidence where it must be: at their rate it does not
	// fade below what is needed.
	r, m := Record{Verified: needed}, audited.Memory
	for range 10_000 {
		r = m.After(r, 1000, int64((known.Check+known.Audit)*1000), time.Time{})
	}
	if r.Verified < needed {
		t.Errorf("ten million results later %g verified are left of %g", r.Verified, needed)
	}
}

// A smaller epsilon never asks for less.
func TestEpsilonIsMonotone(t *testing.T) {
	c := village(8, 5000, 0.3, 0.05, 2000).Prior("c").Curve()
	last := 0.0
	for e := 0.1; e >= MinEpsilon; e /= 2 {
		n := terms(t, e, Audited, 0).Needed(c)
		if n < last {
			t.Errorf("epsilon %g needs %g verified results, a larger one %g", e, n, last)
		}
		last = n
	}
}

func TestEnough(t *testing.T) {
	audited, three, full := terms(t, 1e-6, Audited, 0), terms(t, 1e-6, Replicated, 3), terms(t, 1e-6, Full, 0)
	for _, tc := range []struct {
		name  string
		terms Terms
		risks []float64
		want  bool
	}{
		{"two strangers", audited, []float64{0.2, 0.2}, false},
		{"a stranger and one well known", audited, []float64{0.2, 1e-6}, true},
		{"nine strangers", audited, []float64{.2, .2, .2, .2, .2, .2, .2, .2, .2}, false},
		{"eleven strangers", audited, []float64{.2, .2, .2, .2, .2, .2, .2, .2, .2, .2, .2}, true},
		{"two of three", three, []float64{1e-8, 1e-8}, false},
		{"three of three", three, []float64{1e-8, 1e-8, 1e-8}, true},
		{"nobody", audited, nil, false},
		{"full, the best of volunteers", full, []float64{1e-9, 1e-9}, false},
		{"full, an auditor", full, []float64{0.2, AuditorRisk}, true},
	} {
		risk, got := tc.terms.Enough(tc.risks)
		if got != tc.want || got && risk > 1e-6 {
			t.Errorf("%s: enough %t with risk %g, want %t", tc.name, got, risk, tc.want)
		}
	}
}
