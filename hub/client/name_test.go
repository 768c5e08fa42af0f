package client

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What is no ID is never part of a request, whatever is asked for.
func TestNamesAreChecked(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the hub is asked for %s", r.URL)
	}))
	defer server.Close()
	c, err := New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	calls := map[string]func(id string) error{
		"Job":        func(id string) error { _, err := c.Job(ctx, id); return err },
		"Cancel":     func(id string) error { return c.Cancel(ctx, id) },
		"Watch":      func(id string) error { return c.Watch(ctx, id, func(Event) error { return nil }) },
		"Artifacts":  func(id string) error { _, err := c.Artifacts(ctx, id); return err },
		"Fetch":      func(id string) error { return c.Fetch(ctx, id, Artifact{Name: "x"}, io.Discard) },
		"Receipts":   func(id string) error { return c.Receipts(ctx, id, io.Discard) },
		"Head":       func(id string) error { _, err := c.Head(ctx, id); return err },
		"Superseded": func(id string) error { _, err := c.Superseded(ctx, id, 0); return err },
		"Proof":      func(id string) error { _, err := c.Proof(ctx, id, 0); return err },
		"Ledger":     func(id string) error { _, err := c.Ledger(ctx, id, 1); return err },
	}
	for _, id := range []string{"", ".", "..", "a/b", "../../blob", "x/../../y", "a b", "a?b", "a%2fb", "a\x00", "ä", strings.Repeat("a", 65)} {
		for name, call := range calls {
			var refused *ArgumentError
			if err := call(id); !errors.As(err, &refused) || refused.Value != id {
				t.Errorf("%s(%q): %v", name, id, err)
			}
		}
	}
	for _, name := range []string{"", ".", "..", "../receipts", "/etc/passwd", `a\b`} {
		var refused *ArgumentError
		if err := c.Artifact(ctx, "k3v9k3v9k3v9k3v9", name, io.Discard); !errors.As(err, &refused) || refused.Value != name {
			t.Errorf("artifact %q: %v", name, err)
		}
	}
	for _, id := range []string{"k3v9k3v9k3v9k3v9", "nobody", "A-1_z"} {
		if err := CheckID(id); err != nil {
			t.Error(err)
		}
	}
}
