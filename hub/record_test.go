package hub_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// Until a job ends nothing is signed; then there is a head, a proof for every
// receipt, and an account for everybody who was paid. A restart changes none
// of it.
func TestRecord(t *testing.T) {
	c := cluster.Config(t.TempDir())
	x := cluster.Start(t, c)
	a := &api{t, x, "http://" + x.Hub.Addr().String(), cluster.ReadKey(t, c.Data)}
	id := x.Submit(cluster.ChainFile("record", 3, 2, 2))
	path := "/api/v1/jobs/" + id
	for _, part := range []string{"/log", "/receipts/0/proof"} {
		var p client.Problem
		resp := a.do("GET", path+part, "")
		if err := json.Unmarshal(resp.body, &p); err != nil || p.Status != 409 || !strings.Contains(p.Detail, "signed when it has ended") {
			t.Errorf("%s of an unfinished job: %d %s", part, resp.StatusCode, resp.body)
		}
	}
	for _, name := range []string{"ann", "bob"} {
		x.Join(cluster.NewVolunteer(name))
	}
	x.Done(id, "record", 3, 2, 2)

	head := recordOf(t, a, path)
	if head.Job != id || head.State != "done" || head.Receipts != 6 || len(head.Artifacts) != 1 || head.Promise == nil {
		t.Errorf("head %+v", head)
	}
	if stats, err := x.Client.Stats(t.Context()); err != nil || stats.Key != head.Key {
		t.Errorf("the hub's key is %q, %v; it has signed with %q", stats.Key, err, head.Key)
	}
	var receipts strings.Builder
	if err := x.Client.Receipts(t.Context(), id, &receipts); err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSuffix(receipts.String(), "\n"), "\n") {
		raw, err := x.Client.Proof(t.Context(), id, int64(n))
		if err != nil {
			t.Fatal(err)
		}
		var p receipt.Proof
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		r, err := head.Check(p)
		if err != nil || p.Line != line || r.Path != receipt.Agreed || len(p.Hashes) > 3 {
			t.Errorf("receipt %d: %v, %+v", n, err, p)
		}
		checkLedger(t, a, r)
	}
	for part, status := range map[string]int{"/receipts/6/proof": 404, "/receipts/-1/proof": 400, "/receipts/x/proof": 400} {
		if resp := a.do("GET", path+part, ""); resp.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", part, resp.StatusCode, resp.body, status)
		}
	}
	if resp := a.do("GET", path+"/disputes", ""); strings.TrimSpace(string(resp.body)) != `{"disputes":[]}` {
		t.Errorf("disputes: %d %s", resp.StatusCode, resp.body)
	}

	x.Stop()
	a.x = cluster.Start(t, c)
	a.base = "http://" + a.x.Hub.Addr().String()
	if again := recordOf(t, a, path); again.Key != head.Key || again.Root != head.Root || again.Ended != head.Ended {
		t.Errorf("after a restart the head is %+v, was %+v", again, head)
	}
	// The record of a job that ended before there were records is made when it
	// is asked for, from what the store holds.
	for _, suffix := range []string{".jsonl", ".head"} {
		if err := os.Remove(filepath.Join(c.Data, "receipts", id+suffix)); err != nil {
			t.Fatal(err)
		}
	}
	if again := recordOf(t, a, path); again.Root != head.Root {
		t.Errorf("made again, the log has root %v, was %v", again.Root, head.Root)
	}
}

func recordOf(t *testing.T, a *api, path string) receipt.Head {
	t.Helper()
	resp := a.do("GET", path+"/log", "")
	if resp.StatusCode != 200 {
		t.Fatalf("log: %d %s", resp.StatusCode, resp.body)
	}
	head, err := receipt.OpenHead(resp.body)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// checkLedger demands that the transactions of everybody who signed a receipt
// sum up to what they hold.
func checkLedger(t *testing.T, a *api, r receipt.Receipt) {
	t.Helper()
	for _, v := range r.Signers() {
		l, err := a.x.Client.Ledger(t.Context(), v.String(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		var credit, stake int64
		for _, tx := range l.Transactions {
			for _, e := range tx.Entries {
				switch e.Account {
				case "volunteer/" + v.String():
					credit += e.Amount
				case "stake/" + v.String():
					stake += e.Amount
				}
			}
		}
		if l.Volunteer != v.String() || credit != l.Credit || stake != l.Stake || credit+stake == 0 {
			t.Errorf("volunteer %s holds %d and a stake of %d, its transactions say %d and %d", v.Short(), l.Credit, l.Stake, credit, stake)
		}
	}
}

// A damaged secret is told, not replaced: a new one would make this another
// hub.
func TestReceiptsKey(t *testing.T) {
	c := cluster.Config(t.TempDir())
	x := cluster.Start(t, c)
	x.Stop()
	path := filepath.Join(c.Data, "receipts.key")
	secret, err := os.ReadFile(path)
	if err != nil || len(secret) != receipt.SeedSize {
		t.Fatalf("secret of %d bytes, %v", len(secret), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want it for its owner alone", info.Mode(), err)
	}
	if err := os.WriteFile(path, secret[:31], 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := hub.New(c); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("New = %v, %v", h, err)
	}
}
