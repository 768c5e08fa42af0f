package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/storetest"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, func(t *testing.T, name string) engine.Store {
		return openAt(t, filepath.Join(dir, filepath.Base(name)+"? #%.db")) // awkward names are files too
	})
}

func TestDurable(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "hub.db"))
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := s.readers.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("PRAGMA %s = %q, %v; want %q", pragma, got, err, want)
		}
		// The committer holds the only writing connection; it has the same DSN.
	}
	if _, err := s.readers.Exec(`DELETE FROM jobs`); err == nil {
		t.Error("a reading connection could write")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	newer := fstest.MapFS{}
	list, err := load(migrations)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		newer["migrations/"+m.name] = &fstest.MapFile{Data: []byte(m.sql)}
	}
	newer[fmt.Sprintf("migrations/%04d_future.sql", len(list)+1)] = &fstest.MapFile{Data: []byte("CREATE TABLE future (x);")}
	future, err := load(newer)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(context.Background(), path, future)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), path)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprint("version ", len(future))) {
		t.Errorf("Open of a newer database: %v, want ErrNewer naming the version", err)
	}
}

func TestUpgradeKeepsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := openAt(t, path)
	if err := s.Pin(context.Background(), job.Hash{1}, 1, time.UnixMilli(0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := load(migrations)
	if err != nil {
		t.Fatal(err)
	}
	broken := append(list[:len(list):len(list)], migration{len(list) + 1, "x", "CREATE TABLE one (x); CREATE TABLE one (x);"})
	if _, err := open(context.Background(), path, broken); err == nil {
		t.Fatal("a failing migration was accepted")
	}
	added := append(list[:len(list):len(list)], migration{len(list) + 1, "x", "CREATE TABLE one (x);"})
	s, err = open(context.Background(), path, added) // the failed one left nothing behind
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if pins, err := s.Pins(context.Background()); err != nil || len(pins) != 1 {
		t.Errorf("Pins after upgrade = %v, %v", pins, err)
	}
}

func TestForeignDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path); !errors.Is(err, ErrForeign) {
		t.Errorf("Open of a foreign database: %v, want ErrForeign", err)
	}
}

func TestMigrationNumbers(t *testing.T) {
	for name, fsys := range map[string]fstest.MapFS{
		"gap":       {"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}},
		"no number": {"migrations/first.sql": {}},
	} {
		if _, err := load(fsys); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestLedgerIsAppendOnly(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "hub.db"))
	defer s.Close()
	ctx := context.Background()
	tx, err := ledger.Payment(time.UnixMilli(1), ledger.Reference{Job: "j"}, 1, []ledger.Payee{{Volunteer: volunteer.ID{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.write(ctx, func(w *writer) error { return pay(w, tx) }); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"DELETE FROM entries", "UPDATE entries SET amount = 5", "DELETE FROM transactions", "UPDATE transactions SET reason = ''",
	} {
		if err := s.write(ctx, func(w *writer) error { return w.exec(query) }); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v, want a refusal", query, err)
		}
	}
	huge := ledger.Transaction{Entries: []ledger.Entry{{Account: ledger.VolunteerAccount(volunteer.ID{1}), Amount: 1<<63 - 1}, {Account: "x", Amount: -(1<<63 - 1)}}}
	if err := s.write(ctx, func(w *writer) error { return pay(w, huge) }); err == nil {
		t.Error("a balance left the range of an amount")
	}
}

// BenchmarkCommit is results per second with 64 volunteers delivering at once.
func BenchmarkCommit(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "hub.db"))
	defer s.Close()
	ctx := context.Background()
	if err := s.CreateJob(ctx, engine.Job{ID: "j", Created: time.UnixMilli(0)}); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		v := volunteer.ID{byte(next.Load()), byte(next.Add(1))}
		for p.Next() {
			id := engine.ShardID(next.Add(1))
			tx, err := ledger.Payment(time.UnixMilli(1), ledger.Reference{Job: "j", Shard: uint64(id)}, 1, []ledger.Payee{{Volunteer: v}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Commit(ctx, engine.Commit{
				Job: "j", Shard: id,
				Result:   &engine.Result{Job: "j", Shard: id, Volunteer: v, Token: make([]byte, 140), Standing: trust.Confirmed, At: time.UnixMilli(1)},
				Accepted: &engine.Acceptance{Shard: id, Ops: 1, At: time.UnixMilli(1)},
				Ledger:   []ledger.Transaction{tx},
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "results/s")
}
