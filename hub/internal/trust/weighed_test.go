package trust

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// claims makes evidence from words such as "a!": the letter is the result, !
// marks a device that is believed alone, ? a stranger, * a certified node, and
// x evidence that is refuted.
func claims(s string) []Evidence {
	var list []Evidence
	for i, w := range strings.Fields(s) {
		e := Evidence{Volunteer: volunteer.ID{byte(i)}, Result: job.Hash{w[0]}, Risk: 0.3}
		switch w[1] {
		case '!':
			e.Alone, e.Risk = true, 1e-9
		case '*':
			e.Alone, e.Risk = true, AuditorRisk
		case '+':
			e.Risk = 1e-4
		case 'x':
			e.Refuted = true
		case '0':
			e.Risk = Worthless
		}
		list = append(list, e)
	}
	return list
}

func TestWeighed(t *testing.T) {
	audited := Weighed{terms(t, 1e-6, Audited, 0)}
	three := Weighed{terms(t, Unbounded, Replicated, 3)}
	full := Weighed{terms(t, 1e-6, Full, 0)}
	truth := job.Hash{'a'}
	const p, c, r = Pending, Confirmed, Refuted
	for _, tc := range []struct {
		name     string
		policy   Weighed
		claims   string
		facts    Facts
		accepted string
		standing []Standing
		wanted   int
		conflict bool
		audit    Call
	}{
		{"nothing yet", audited, "", Facts{}, "", nil, 1, false, NoAudit},
		{"one believed alone", audited, "a!", Facts{}, "a", []Standing{c}, 1, false, NoAudit},
		{"a stranger wants a second", audited, "a?", Facts{}, "", []Standing{p}, 2, false, NoAudit},
		{"a stranger without anybody else", audited, "a?", Facts{Lonely: true}, "", []Standing{p}, 1, false, MustAudit},
		{"a stranger and one believed", audited, "a? a!", Facts{}, "a", []Standing{c, c}, 2, false, NoAudit},
		{"two strangers want a third, or an audit", audited, "a? a?", Facts{}, "", []Standing{p, p}, 3, false, MayAudit},
		{"two of some standing", audited, "a+ a+", Facts{}, "a", []Standing{c, c}, 2, false, NoAudit},
		{"drawn for a check", audited, "a!", Facts{Draws: Draws{Check: true}}, "", []Standing{p}, 2, false, NoAudit},
		{"checked", audited, "a! a!", Facts{Draws: Draws{Check: true}}, "a", []Standing{c, c}, 2, false, NoAudit},
		{"drawn for an audit", audited, "a!", Facts{Draws: Draws{Audit: true}}, "", []Standing{p}, 1, false, MustAudit},
		{"a pair that is drawn", audited, "a+ a+", Facts{Draws: Draws{Pairs: true}}, "", []Standing{p, p}, 2, false, MustAudit},
		{"one alone is no pair", audited, "a!", Facts{Draws: Draws{Pairs: true}}, "a", []Standing{c}, 1, false, NoAudit},
		{"audited", audited, "a?", Facts{Truth: &truth}, "a", []Standing{c}, 1, false, NoAudit},
		{"audited against all", audited, "b? b!", Facts{Truth: &truth}, "a", []Standing{r, r}, 2, false, NoAudit},
		{"a refuted one was right after all", audited, "ax b?", Facts{Truth: &truth}, "a", []Standing{c, r}, 2, false, NoAudit},
		{"conflict", audited, "a! b?", Facts{}, "", []Standing{p, p}, 2, true, NoAudit},
		{"conflict is not weighed", audited, "a! a! a! b?", Facts{}, "", []Standing{p, p, p, p}, 4, true, NoAudit},
		{"conflict resolved", audited, "a! bx", Facts{}, "a", []Standing{c, r}, 2, false, NoAudit},
		{"a worthless claim does not vouch", audited, "a0 a!", Facts{}, "a", []Standing{c, c}, 2, false, NoAudit},
		{"nor does it count", audited, "a0 a?", Facts{}, "", []Standing{p, p}, 3, false, NoAudit},
		{"but it contradicts", audited, "b0 a!", Facts{}, "", []Standing{p, p}, 2, true, NoAudit},
		{"nothing but worthless claims", audited, "a0", Facts{}, "", []Standing{p}, 2, false, NoAudit},
		{"only refuted ones left", audited, "ax bx", Facts{}, "", []Standing{r, r}, 3, false, NoAudit},
		{"three agree", three, "a? a? a?", Facts{}, "a", []Standing{c, c, c}, 3, false, NoAudit},
		{"two of three", three, "a? a!", Facts{}, "", []Standing{p, p}, 3, false, NoAudit},
		{"full", full, "a!", Facts{}, "", []Standing{p}, 1, false, MustAudit},
		{"full, by a certified node", full, "a*", Facts{}, "a", []Standing{c}, 1, false, NoAudit},
		{"a certified node needs no second", audited, "a? a*", Facts{Draws: Draws{Check: true, Audit: true}}, "a", []Standing{c, c}, 2, false, NoAudit},
	} {
		tc.facts.Evidence = claims(tc.claims)
		v := tc.policy.Judge(tc.facts)
		accepted := ""
		if v.Accepted {
			accepted = string(rune(v.Result[0]))
		}
		if accepted != tc.accepted || v.Wanted != tc.wanted || v.Conflict != tc.conflict || v.Audit != tc.audit || !slices.Equal(v.Standings, tc.standing) {
			t.Errorf("%s: accepted %q, standings %v, wanted %d, conflict %t, audit %d; want %q, %v, %d, %t, %d", tc.name,
				accepted, v.Standings, v.Wanted, v.Conflict, v.Audit, tc.accepted, tc.standing, tc.wanted, tc.conflict, tc.audit)
		}
	}
}

// What is accepted without an auditor is within epsilon, nothing is accepted
// over a conflict, and whatever is undecided has a way to go on.
func TestWeighedProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	accepted := 0
	for range 3000 {
		w := Weighed{terms(t, 1e-4, Audited, 0)}
		f := Facts{
			Draws:  Draws{Check: rng.IntN(4) == 0, Audit: rng.IntN(8) == 0, Pairs: rng.IntN(8) == 0},
			Lonely: rng.IntN(8) == 0,
		}
		for i := range rng.IntN(6) {
			f.Evidence = append(f.Evidence, Evidence{
				Volunteer: volunteer.ID{byte(i)}, Result: job.Hash{byte(rng.IntN(5) / 4)}, Risk: math.Exp(-10 * rng.Float64()),
				Alone: rng.IntN(3) == 0, Refuted: rng.IntN(6) == 0,
			})
		}
		v := w.Judge(f)
		var agree []float64
		results := map[job.Hash]bool{}
		for _, e := range f.Evidence {
			if !e.Refuted {
				agree = append(agree, e.Risk)
				results[e.Result] = true
			}
		}
		switch {
		case v.Accepted:
			accepted++
			if risk, ok := w.Terms.Enough(agree); !ok || risk != v.Risk || len(results) != 1 || f.Draws.Audit {
				t.Fatalf("%+v accepted at risk %g", f, v.Risk)
			}
		case v.Conflict:
			if len(results) < 2 {
				t.Fatalf("%+v is no conflict", f)
			}
		case v.Wanted <= len(f.Evidence) && v.Audit != MustAudit:
			t.Fatalf("%+v leads nowhere: %+v", f, v)
		}
	}
	if accepted < 300 {
		t.Errorf("only %d of 3000 shards were accepted", accepted)
	}
}

func TestNewPolicy(t *testing.T) {
	for _, tc := range []struct {
		trust job.Trust
		want  string // a field, or "" for none wrong
	}{
		{job.Trust{}, ""},
		{job.Trust{Replicas: 3}, ""},
		{job.Trust{Epsilon: "0.000001"}, ""},
		{job.Trust{Assurance: "full"}, ""},
		{job.Trust{Assurance: "replicated", Replicas: 3}, ""},
		{job.Trust{Assurance: "replicated"}, "trust.replicas"},
		{job.Trust{Epsilon: "0.000001", Replicas: 2}, "trust.replicas"},
		{job.Trust{Assurance: "full", Replicas: 2}, "trust.replicas"},
		{job.Trust{Epsilon: "1"}, "trust.epsilon"},
		{job.Trust{Epsilon: "0.0000000001"}, "trust.epsilon"},
		{job.Trust{Assurance: "surely"}, "trust.assurance"},
		{job.Trust{Replicas: 17}, "trust.replicas"},
	} {
		_, err := NewPolicy(tc.trust)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want an error naming %q", tc.trust, err, tc.want)
		}
	}
}
