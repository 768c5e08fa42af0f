package adversary_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/testharness/adversary"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// outcome is what became of some cheats in one job.
type outcome struct {
	strategy, assurance string
	told                int // false results that were sent to the hub
	judged              int // of them, those that were not too late
	caught              int // refuted or refused
	repaired            int // believed for a while
	left                int // believed to the end
	marks, keys         int // of the cheats
	paid, stake         int64
	equal               bool // the weights are those of a run without volunteers
	repairs             int  // times the job went back
	trust               client.Trust
}

func (o outcome) String() string {
	return fmt.Sprintf("told %d, caught %d, repaired %d, left %d; %d marks on %d keys, paid %d, stake %d; equal %v; back %d; %+v",
		o.told, o.caught, o.repaired, o.left, o.marks, o.keys, o.paid, o.stake, o.equal, o.repairs, o.trust)
}

// said is a result by whose it is and what it says.
type said struct{ volunteer, output string }

// settle compares what the cheats told with what the hub believes at the end
// of a job that is done.
func settle(t testing.TB, c *client.Client, id string, want job.Hash, book *adversary.Book, cheats []adversary.Player) (o outcome) {
	t.Helper()
	believed := map[adversary.Key]string{}
	refuted := map[said]bool{}
	for _, r := range receipts(t, c, id) {
		believed[r.key(t)] = r.Output
		for _, result := range r.Results {
			refuted[said{result.Volunteer, result.Output}] = result.Verdict == "refuted"
		}
	}
	for _, l := range book.Lies() {
		o.told++
		left := believed[l.Key] == l.Output.String()
		caught := l.Caught || refuted[said{hex.EncodeToString(l.Volunteer[:]), l.Output.String()}]
		switch {
		case left:
			o.left++
		case l.Believed:
			o.repaired++
		}
		if caught {
			o.caught++
		}
		if left || caught || l.Believed {
			o.judged++
		}
	}
	for _, v := range known(t, c, cheats) {
		o.keys++
		o.marks += v.Marks
		o.paid += v.Credit
		o.stake += v.Stake
	}
	j, err := c.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	o.repairs, o.trust = j.Repairs, *j.Trust
	o.equal = artifact(t, c, id, weights) == want
	// Every shard once, every signature, every credit.
	if err := cluster.Verify(t.Context(), c, id, j.Plan.Shards, 0); err != nil {
		t.Error(err)
	}
	return o
}

// known returns what the hub shows of some players.
func known(t testing.TB, c *client.Client, players []adversary.Player) (list []client.Volunteer) {
	t.Helper()
	everybody, err := c.Volunteers(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range players {
		for _, id := range p.IDs() {
			i := slices.IndexFunc(everybody, func(v client.Volunteer) bool { return v.ID == hex.EncodeToString(id[:]) })
			if i >= 0 {
				list = append(list, everybody[i])
			}
		}
	}
	return list
}

// blameless demands that nothing is held against players who did no wrong, and
// that what was accepted of them is paid.
func blameless(t testing.TB, c *client.Client, addr string, players []adversary.Player) {
	t.Helper()
	earned := map[string]int64{}
	for _, v := range known(t, c, players) {
		earned[v.ID] = v.Credit + v.Stake
		if v.Marks != 0 {
			t.Errorf("volunteer %.8s did no wrong and has %d marks", v.ID, v.Marks)
		}
		unslashed(t, addr, v.ID)
	}
	for _, p := range players {
		h, ok := p.(*adversary.Honest)
		if !ok {
			continue
		}
		a, id := h.Account(), h.IDs()[0]
		if a.Rejected != 0 || a.Denied || a.Accepted > 0 && earned[hex.EncodeToString(id[:])] < int64(a.Accepted) {
			t.Errorf("honest volunteer %x was told %+v and has earned %d", id[:4], a, earned[hex.EncodeToString(id[:])])
		}
	}
}

// unslashed demands that nothing was ever taken from a volunteer.
func unslashed(t testing.TB, addr, id string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/api/v1/volunteers/"+id+"/ledger", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var book struct {
		Transactions []struct {
			Reference struct{ Reason string }
			Entries   []struct {
				Account string
				Amount  int64
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&book); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("ledger of %.8s: %s, %v", id, resp.Status, err)
	}
	for _, tx := range book.Transactions {
		sum := int64(0)
		for _, e := range tx.Entries {
			if _, whose, _ := strings.Cut(e.Account, "/"); whose == id { // of its credit or its stake
				sum += e.Amount
			}
		}
		if sum < 0 {
			t.Errorf("volunteer %.8s did no wrong and lost %d: %s", id, -sum, tx.Reference.Reason)
		}
	}
}
