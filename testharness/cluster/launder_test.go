package cluster

import (
	"testing"

	"github.com/shoal-compute/shoal/hub"
)

// Two who are one person agree on wrong answers in a job that counts replicas
// and looks at nobody: it has got what it asked for. They have earned nothing
// with it that a job which weighs its volunteers would go by.
func TestAgreementOfKinIsNoEvidence(t *testing.T) {
	const rounds, shards = 100, 24 // more than anybody needs to be believed
	config := trusting(t)
	config.Related = func(hub.Identity, hub.Identity) bool { return true }
	x := Start(t, config)
	for _, name := range []string{"twin", "the other"} {
		v := NewVolunteer(name)
		v.Want = 16
		v.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
		x.Join(v)
	}
	if j := x.Wait(x.Submit(ChainFile("farmed", rounds, shards, 2))); j.State != "done" {
		t.Fatalf("the job that asks for nothing is %s: %s", j.State, j.Error)
	}
	x.Join(NewVolunteer("honest")) // or else nobody is left in the end
	id := x.Submit(assured("wanted", 4, 5, `"epsilon": "0.1"`))
	x.Done(id, "wanted", 4, 5, 0)
}
