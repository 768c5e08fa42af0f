package trust

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// evidence makes one claim per letter of s, each by another volunteer.
func evidence(s string) []Evidence {
	var list []Evidence
	for i, r := range s {
		list = append(list, Evidence{Volunteer: volunteer.ID{byte(i)}, Result: job.Hash{byte(r)}})
	}
	return list
}

func TestJudge(t *testing.T) {
	const p, c, r = Pending, Confirmed, Refuted
	for _, tc := range []struct {
		name     string
		replicas Replicas
		results  string
		accepted string // "" none
		standing []Standing
		wanted   int
	}{
		{"nothing yet", 1, "", "", nil, 1},
		{"nothing yet of three", 3, "", "", nil, 3},
		{"one suffices", 1, "A", "A", []Standing{c}, 1},
		{"one of two", 2, "A", "", []Standing{p}, 2},
		{"two agree", 2, "AA", "A", []Standing{c, c}, 2},
		{"mismatch asks one further", 2, "AB", "", []Standing{p, p}, 3},
		{"second mismatch asks one further", 2, "ABC", "", []Standing{p, p, p}, 4},
		{"further replica settles", 2, "ABA", "A", []Standing{c, r, c}, 3},
		{"the other side may win", 2, "ABB", "B", []Standing{r, c, c}, 3},
		{"late settle", 2, "ABCDB", "B", []Standing{r, c, r, r, c}, 5},
		{"three with a liar", 3, "AAB", "", []Standing{p, p, p}, 4},
		{"three with a liar, settled", 3, "AABA", "A", []Standing{c, c, r, c}, 4},
		{"late lie changes nothing", 2, "AAB", "A", []Standing{c, c, r}, 3},
		{"late majority changes nothing", 2, "AABBB", "A", []Standing{c, c, r, r, r}, 5},
		{"late agreement", 1, "AA", "A", []Standing{c, c}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := tc.replicas.Judge(Facts{Evidence: evidence(tc.results)})
			accepted := ""
			if v.Accepted {
				accepted = string(rune(v.Result[0]))
			}
			if accepted != tc.accepted || v.Wanted != tc.wanted || !slices.Equal(v.Standings, tc.standing) {
				t.Errorf("Judge(%q) with %d replicas = accepted %q, standings %v, wanted %d; want %q, %v, %d",
					tc.results, tc.replicas, accepted, v.Standings, v.Wanted, tc.accepted, tc.standing, tc.wanted)
			}
		})
	}
}

// A verdict, once reached, survives all later evidence; an unsettled shard
// always wants more than it has; and acceptance always has its quorum.
func TestJudgeProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		n := Replicas(1 + rng.IntN(5))
		var all []Evidence
		var settled *Verdict
		for i := range 12 {
			all = append(all, Evidence{Volunteer: volunteer.ID{byte(i)}, Result: job.Hash{byte(rng.IntN(3))}})
			v := n.Judge(Facts{Evidence: all})
			if settled != nil && (!v.Accepted || v.Result != settled.Result) {
				t.Fatalf("replicas %d: %v settled on %x, then became %+v", n, all, settled.Result[0], v)
			}
			if v.Accepted {
				settled = &v
				confirmed := 0
				for _, s := range v.Standings {
					if s == Confirmed {
						confirmed++
					}
				}
				if confirmed < int(n) {
					t.Fatalf("replicas %d: accepted with %d confirmations: %v", n, confirmed, all)
				}
			} else if v.Wanted <= len(all) {
				t.Fatalf("replicas %d: undecided, yet wants no more: %v", n, all)
			}
		}
	}
}

func TestNewReplicas(t *testing.T) {
	if n, err := NewReplicas(0); err != nil || n != 1 {
		t.Errorf("NewReplicas(0) = %d, %v; want the default 1", n, err)
	}
	for _, n := range []int{-1, MaxReplicas + 1} {
		if _, err := NewReplicas(n); err == nil {
			t.Errorf("NewReplicas(%d) was accepted", n)
		}
	}
}
