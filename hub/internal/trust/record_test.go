package trust

import (
	"testing"
	"time"
)

// Trust grows by verified work only: neither age, uptime nor unverified work
// raises it.
func TestEvidenceGrowsByVerifiedWorkOnly(t *testing.T) {
	m, start := DefaultMemory(), time.Unix(1e9, 0)
	r := m.After(Record{}, 500, 500, start)
	if r.Verified != 500 {
		t.Errorf("500 verified results count as %g", r.Verified)
	}
	for name, later := range map[string]Record{
		"idle for a year": m.After(r, 0, 0, start.AddDate(1, 0, 0)),
		"unverified work": m.After(r, 1000, 0, start),
	} {
		if later.Verified >= r.Verified {
			t.Errorf("%s: evidence went from %g to %g", name, r.Verified, later.Verified)
		}
	}
	if back := m.After(r, 0, 0, start.Add(-time.Hour)); back.Verified != r.Verified {
		t.Errorf("a clock set back changed evidence to %g", back.Verified)
	}
}

func TestRelated(t *testing.T) {
	at := time.Unix(1e9, 0)
	a := Identity{Block: "x", Created: at, Build: "1", Class: "p"}
	for _, tc := range []struct {
		name string
		b    Identity
		want bool
	}{
		{"nothing in common", Identity{Block: "y", Created: at.Add(time.Hour), Build: "1", Class: "q"}, false},
		{"address block", Identity{Block: "x", Created: at.Add(time.Hour), Build: "2", Class: "q"}, true},
		{"device class", Identity{Block: "y", Created: at.Add(time.Hour), Build: "2", Class: "p"}, true},
		{"keys made together", Identity{Block: "y", Created: at.Add(time.Second), Build: "1", Class: "q"}, true},
		{"made together, other software", Identity{Block: "y", Created: at.Add(time.Second), Build: "2", Class: "q"}, false},
		{"unknown", Identity{Build: "1"}, false},
	} {
		if got := Related(a, tc.b); got != tc.want || Related(tc.b, a) != got {
			t.Errorf("%s: related %t, want %t both ways", tc.name, got, tc.want)
		}
	}
}

func TestAccountIsMonotone(t *testing.T) {
	var a Account
	if a.Overhead() != 0 || a.Bound() != 0 {
		t.Errorf("an empty account has overhead %g and bound %g", a.Overhead(), a.Bound())
	}
	last := a
	for i, risk := range []float64{1e-9, 1e-7, 1e-8, 0, 1e-6} {
		a.Accept(10, risk, int64(10*(1+i%2)))
		if a.Bound() < last.Bound() || a.Expected < last.Expected || a.Bound() < risk {
			t.Errorf("step %d: bound %g after %g, expected %g after %g", i, a.Bound(), last.Bound(), a.Expected, last.Expected)
		}
		last = a
	}
	a.Spend(50)
	if a.Accepted != 50 || a.Executed != 120 || a.Overhead() != 120./50-1 {
		t.Errorf("account %+v with overhead %g", a, a.Overhead())
	}
}
