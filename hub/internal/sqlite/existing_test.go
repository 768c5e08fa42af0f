package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is no database yet is one only for Open.
func TestOpenExisting(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "hub.db")
	missing := func(when string) {
		t.Helper()
		before, _ := os.ReadFile(path)
		if s, err := OpenExisting(ctx, path); !errors.Is(err, ErrMissing) {
			t.Fatalf("%s: %v, %v; want ErrMissing", when, s, err)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", when)
		}
	}
	missing("no file")
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing("an empty file")

	// Killed between the file's header and the first migration.
	db, err := connect(path, 1, "_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Ping(), db.Close()); err != nil {
		t.Fatal(err)
	}
	if size, err := sizeOf(path); size == 0 || err != nil {
		t.Fatalf("a database without tables has %d bytes, %v", size, err)
	}
	missing("no tables")

	// Killed between two migrations.
	list, err := load(migrations)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open(ctx, path, list[:1])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = OpenExisting(ctx, path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if has, err := s.HasJobs(ctx); has || err != nil {
		t.Errorf("HasJobs = %v, %v", has, err)
	}
}

// A log is not thrown away because its database is gone.
func TestLogWithoutDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	log := path + "-wal"
	if err := os.WriteFile(log, []byte("committed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), log) {
		t.Errorf("%v, want ErrMissing naming the log", err)
	}
	if data, err := os.ReadFile(log); err != nil || string(data) != "committed" {
		t.Errorf("the log is now %q, %v", data, err)
	}
}
