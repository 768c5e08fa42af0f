package engine

import (
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// What was audited where a job asks for replicas is said with its reason; where
// audits are how results are checked there is nothing to say.
func TestAuditedInstead(t *testing.T) {
	const alone = "2 audited instead of replicated, for want of volunteers who look unrelated, are trusted and could be paid"
	var a Account
	a.note(Acceptance{Path: Audited, Executed: 2}, false)
	a.note(Acceptance{Path: Audited, Executed: 2}, false)
	a.note(Acceptance{Path: Agreed, Executed: 3}, true)
	b := a
	b.note(Acceptance{Path: Audited, Executed: 3}, true)
	for name, c := range map[string]struct {
		account Account
		trust   job.Trust
		want    string
	}{
		"replicated":           {a, job.Trust{Assurance: "replicated", Replicas: 3}, alone},
		"replicated, contests": {b, job.Trust{Assurance: "replicated", Replicas: 3}, alone + "; 1 audited because results differed"},
		"counted, contests":    {Account{Audited: 1, Refuted: 1}, job.Trust{Replicas: 3}, "1 audited because results differed"},
		"counted":              {Account{}, job.Trust{Replicas: 3}, ""},
		"audited":              {b, job.Trust{Assurance: "audited", Epsilon: "0.001"}, ""},
		"full":                 {b, job.Trust{Assurance: "full"}, ""},
	} {
		if got := c.account.view(c.trust).Instead; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
