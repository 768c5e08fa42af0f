package export_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/internal/simulate/detail"
	"github.com/shoal-compute/shoal/hub/internal/simulate/export"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// config is a hub's for chains, where nobody is held to be related.
func config(t *testing.T) hub.Config {
	c := cluster.Config(t.TempDir())
	c.Execute = cluster.ExecuteChain
	c.Related = func(hub.Identity, hub.Identity) bool { return false }
	return c
}

func parse(file []byte) (job.Trust, error) {
	spec, err := cluster.ParseChain(file)
	if err != nil {
		return job.Trust{}, err
	}
	return spec.Trust, nil
}

func lie(honest [][]byte) [][]byte {
	outputs := [][]byte{bytes.Clone(honest[0]), honest[1]}
	outputs[0][0] ^= 1
	return outputs
}

// caught makes v tell when it learns that it was found out.
func caught(v *cluster.Volunteer) <-chan struct{} {
	c := make(chan struct{})
	tell := sync.OnceFunc(func() { close(c) })
	v.Saw = func(m protocol.Message) {
		if v, told := m.(protocol.Verdict); m.Type() == protocol.TypeError || told && v.Status == protocol.StatusRejected {
			tell()
		}
	}
	return c
}

func crowd(x *cluster.Cluster, n int) {
	for i := range n {
		x.Join(cluster.NewVolunteer(fmt.Sprint("honest ", i)))
	}
}

func database(t *testing.T, dir, id string) *export.History {
	t.Helper()
	h, err := export.FromDatabase(t.Context(), filepath.Join(dir, "hub.db"), id, parse)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func record(t *testing.T, c *client.Client, id string) *export.History {
	t.Helper()
	h, err := export.FromRecord(t.Context(), &audit.Hub{Client: c, ID: id}, parse)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func write(t *testing.T, h *export.History) ([]byte, export.Summary) {
	t.Helper()
	var text bytes.Buffer
	s, err := h.Write(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text.Bytes(), s
}

func replay(t *testing.T, text []byte, change func(*incident.Policy)) detail.Report {
	t.Helper()
	r, err := detail.Replay(t.Context(), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, change)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	return r
}

// A hub has caught a liar. The simulator, given what the hub has noted, catches
// the same one in the same job, and lets no lie stand; nor does it under other
// terms.
//
// The liar is alone until it is caught, on the hub and so in the replay: others
// join after its result, which its latency cannot put later than it was. So its
// first result is judged in every replay, and an auditor decides.
func TestLiarAgain(t *testing.T) {
	const rounds, shards = 12, 3
	c := config(t)
	x := cluster.Start(t, c)
	liar := cluster.NewVolunteer("liar")
	liar.Conduct.Answer = func(_ int, honest [][]byte) [][]byte { return lie(honest) }
	found := caught(liar)
	x.Join(liar)
	id := x.Submit(fmt.Appendf(nil, `{"name": "lied to", "rounds": %d, "shards": %d, "epsilon": "0.000001"}`, rounds, shards))
	<-found
	crowd(x, 3)
	x.Done(id, "lied to", rounds, shards, 0)
	for source, h := range map[string]*export.History{"record": record(t, x.Client, id), "database": database(t, c.Data, id)} {
		text, s := write(t, h)
		if s.Volunteers < 2 || s.Rounds != rounds || s.Shards != rounds*shards || s.Results < rounds*shards || s.Wrong == 0 || !slices.Equal(s.Caught, []int{1}) {
			t.Errorf("%s: %+v", source, s)
		}
		noSecrets(t, text, h)
		for terms, change := range map[string]func(*incident.Policy){
			"its own":        nil,
			"three replicas": func(p *incident.Policy) { p.Assurance, p.Replicas = trust.Replicated, 3 },
			"every audit":    func(p *incident.Policy) { p.Assurance = trust.Full },
			"a risk":         func(p *incident.Policy) { p.Epsilon = 0.01 },
		} {
			r := replay(t, text, change)
			if r.Accepted != rounds*shards || r.Rounds != rounds || r.Makespan == 0 {
				t.Errorf("%s, %s: %d shards in %d rounds after %g s, want %d in %d", source, terms, r.Accepted, r.Rounds, r.Makespan, rounds*shards, rounds)
			}
			if r.LiarsCaught != 1 || r.HonestExcluded != 0 || !slices.Equal(r.Replay.Now.Caught, s.Caught) || !slices.Equal(r.Replay.Then.Caught, s.Caught) {
				t.Errorf("%s, %s: caught %v, then %v, want %v", source, terms, r.Replay.Now.Caught, r.Replay.Then.Caught, s.Caught)
			}
			if r.LiesTold == 0 || r.LiesLeft+r.LiesOpen+r.WrongAccepted != 0 {
				t.Errorf("%s, %s: %d lies told, %d accepted, %d left, %d open", source, terms, r.LiesTold, r.WrongAccepted, r.LiesLeft, r.LiesOpen)
			}
			if r.Replay.Compared || r.Replay.Then.Accepted != rounds*shards {
				t.Errorf("%s, %s: %+v", source, terms, r.Replay)
			}
		}
	}
}

// noSecrets looks for what tells who somebody is.
func noSecrets(t *testing.T, text []byte, h *export.History) {
	t.Helper()
	for _, s := range h.Shards {
		for _, r := range s.Results {
			for _, secret := range []string{hex.EncodeToString(r.Volunteer[:4]), r.Output.String()[:16], r.Lane, fmt.Sprint(r.At.Unix())} {
				if bytes.Contains(text, []byte(secret)) {
					t.Fatalf("the incident has %q", secret)
				}
			}
		}
	}
	if bytes.Contains(text, []byte("cluster/1")) {
		t.Error("the incident names an agent")
	}
}

// Somebody whose word was enough lied for a while, and the job was taken back.
// The hub's database tells all of it; had every result been audited, none of
// the lies would have been accepted. The proof is the last of its answers, in a
// round that begins when all lies before it have been accepted.
func TestWithdrawn(t *testing.T) {
	const rounds, shards, lies = 20, 2, 6
	c := config(t)
	traitor := cluster.NewVolunteer("traitor")
	c.Certified = append(c.Certified, traitor.ID())
	traitor.Conduct.Answer = func(n int, honest [][]byte) [][]byte {
		if n < lies {
			return lie(honest)
		}
		return [][]byte{{1}} // nothing that a chain can give: the proof that ends it
	}
	found := caught(traitor)
	x := cluster.Start(t, c)
	x.Join(traitor)
	id := x.Submit(fmt.Appendf(nil, `{"name": "betrayed", "rounds": %d, "shards": %d, "epsilon": "0.000001"}`, rounds, shards))
	<-found
	crowd(x, 2)
	x.Done(id, "betrayed", rounds, shards, 0)

	_, public := write(t, record(t, x.Client, id))
	if public.Withdrawn != 0 || !slices.ContainsFunc(public.Gaps, func(g string) bool { return strings.Contains(g, "taken back") }) {
		t.Errorf("record: %+v, want a word on what it lacks", public)
	}
	text, s := write(t, database(t, c.Data, id))
	// Two lies in the first round, and the proof: what else was told rested on
	// these two, and nobody has computed it again.
	if s.Withdrawn < lies || s.Wrong < shards+1 || !slices.Equal(s.Caught, []int{1}) || s.Shards != rounds*shards {
		t.Errorf("database: %+v", s)
	}
	r := replay(t, text, func(p *incident.Policy) { p.Assurance = trust.Full })
	if then := r.Replay.Then; then.Wrong == 0 || then.Rollbacks == 0 || then.Accepted != rounds*shards {
		t.Errorf("then %+v", then)
	}
	if r.WrongAccepted != 0 || r.Rollbacks != 0 || r.Accepted != rounds*shards || !slices.Equal(r.Replay.Now.Caught, s.Caught) {
		t.Errorf("with every result audited: %d wrong, %d rollbacks, %d accepted, caught %v", r.WrongAccepted, r.Rollbacks, r.Accepted, r.Replay.Now.Caught)
	}
}

// A folder and a hub that runs give what they have, and are as they were.
func TestSourcesAreOnlyRead(t *testing.T) {
	c := config(t)
	x := cluster.Start(t, c)
	crowd(x, 2)
	id := x.Submit(cluster.ChainFile("counted", 4, 2, 2))
	x.Done(id, "counted", 4, 2, 2)
	running, _ := write(t, database(t, c.Data, id))
	x.Stop()
	file := filepath.Join(c.Data, "hub.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	names := files(t, c.Data)
	stopped, s := write(t, database(t, c.Data, id))
	after, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database was changed, %v", err)
	}
	if now := files(t, c.Data); !slices.Equal(now, names) {
		t.Errorf("there are files %v, there were %v", now, names)
	}
	if !bytes.Equal(running, stopped) {
		t.Error("a hub that runs and one that is stopped give different incidents")
	}
	if s.Wrong != 0 || len(s.Caught) != 0 {
		t.Errorf("nobody lied: %+v", s)
	}
	r := replay(t, stopped, nil)
	if r.Assurance != string(trust.Replicated) || r.Epsilon != trust.Unbounded || r.Accepted != 8 || r.LiesTold != 0 {
		t.Errorf("replicas that are counted: %+v", r)
	}
}

// files lists a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(list))
	for i, e := range list {
		names[i] = e.Name()
	}
	return names
}

func TestBadSources(t *testing.T) {
	c := config(t)
	x := cluster.Start(t, c)
	file := filepath.Join(c.Data, "hub.db")
	from := func(path, id string) error {
		_, err := export.FromDatabase(t.Context(), path, id, parse)
		return err
	}
	if err := from(file, "nothing"); !errors.Is(err, export.ErrNoJob) || !strings.Contains(err.Error(), "no job yet") {
		t.Errorf("an empty database: %v", err)
	}
	id := x.Submit(cluster.ChainFile("waits", 2, 2, 1))
	if err := from(file, id); !errors.Is(err, export.ErrRunning) {
		t.Errorf("a job that runs: %v", err)
	}
	if err := from(file, "nothing"); !errors.Is(err, export.ErrNoJob) || !strings.Contains(err.Error(), id) {
		t.Errorf("an unknown job: %v, want one that names those that are", err)
	}
	if err := x.Client.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	x.Wait(id)
	if _, err := database(t, c.Data, id).Write(io.Discard); !errors.Is(err, export.ErrEmpty) {
		t.Errorf("a job without results in the database: %v", err)
	}
	if _, err := record(t, x.Client, id).Write(io.Discard); !errors.Is(err, export.ErrEmpty) {
		t.Errorf("a job without results: %v", err)
	}

	dir := t.TempDir()
	if err := from(filepath.Join(dir, "none.db"), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no database: %v", err)
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database at all. "), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := from(text, id); !errors.Is(err, export.ErrForeign) {
		t.Errorf("a text: %v", err)
	}
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", "file:"+other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE jobs (id TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := from(other, id); !errors.Is(err, export.ErrForeign) {
		t.Errorf("another database: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := export.FromDatabase(ended, file, id, parse); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// A record that was changed is no record.
func TestDamagedRecord(t *testing.T) {
	x := cluster.Start(t, config(t))
	crowd(x, 1)
	id := x.Submit(cluster.ChainFile("changed", 2, 2, 1))
	x.Done(id, "changed", 2, 2, 1)
	whole := &audit.Hub{Client: x.Client, ID: id}
	h, err := export.FromRecord(t.Context(), whole, parse)
	if err != nil {
		t.Fatal(err)
	}
	if _, s := write(t, h); !slices.ContainsFunc(s.Gaps, func(g string) bool { return strings.Contains(g, "whatever one volunteer returned") }) {
		t.Errorf("%+v: want a word on terms that the job did not have", s)
	}
	for name, bad := range map[string]export.Record{
		"another job file": changed{Hub: whole, file: []byte("{}")},
		"another head":     changed{Hub: whole, head: func(b []byte) { b[len(b)/2] ^= 1 }},
		"other receipts":   changed{Hub: whole, lines: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		"fewer receipts":   changed{Hub: whole, lines: func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }},
	} {
		if _, err := export.FromRecord(t.Context(), bad, parse); !errors.Is(err, receipt.ErrDamaged) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// changed is a record with something else in it.
type changed struct {
	*audit.Hub
	file  []byte
	head  func([]byte)
	lines func([]byte) []byte
}

func (c changed) JobFile(ctx context.Context) ([]byte, error) {
	if c.file != nil {
		return c.file, nil
	}
	return c.Hub.JobFile(ctx)
}

func (c changed) Head(ctx context.Context) ([]byte, error) {
	head, err := c.Hub.Head(ctx)
	if c.head != nil && err == nil {
		c.head(head)
	}
	return head, err
}

func (c changed) Receipts(ctx context.Context) (audit.Lines, int64, error) {
	lines, size, err := c.Hub.Receipts(ctx)
	if c.lines == nil || err != nil {
		return lines, size, err
	}
	defer lines.Close()
	text, err := io.ReadAll(io.NewSectionReader(lines, 0, size))
	if err != nil {
		return nil, 0, err
	}
	text = c.lines(text)
	return memory{bytes.NewReader(text)}, int64(len(text)), nil
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
