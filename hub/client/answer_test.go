package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// small has limits that a test can reach.
func small(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.limits = limits{json: 1 << 16, head: 1 << 16, blob: 1 << 18, file: 1 << 18, memory: 1 << 16}
	return c
}

// counted is how much a test was given.
type counted int64

func (c *counted) Write(p []byte) (int, error) {
	*c += counted(len(p))
	return len(p), nil
}

// Whatever is asked of a hub that sends without end, whether or not it says how
// much it will send, the answer is an error, and no more than the limit is
// handed on.
func TestEndlessHub(t *testing.T) {
	const id = "k3v9k3v9k3v9k3v9"
	for name, begin := range map[string]string{
		"a byte for ever": "",
		"a list":          `{"jobs":[`,
		"artifacts":       `{"artifacts":[`,
	} {
		for _, length := range []string{"", "9223372036854775807"} {
			t.Run(name+" "+length, func(t *testing.T) {
				c := small(t, func(w http.ResponseWriter, r *http.Request) {
					if length != "" {
						w.Header().Set("Content-Length", length)
					}
					_, err := io.WriteString(w, begin)
					part := bytes.Repeat([]byte(" "), 8<<10)
					for err == nil { // until the client has had enough
						_, err = w.Write(part)
					}
				})
				ctx := t.Context()
				var got counted
				calls := map[string]func() error{
					"Head":       func() error { _, err := c.Head(ctx, id); return err },
					"Superseded": func() error { _, err := c.Superseded(ctx, id, 0); return err },
					"Proof":      func() error { _, err := c.Proof(ctx, id, 0); return err },
					"Ledger":     func() error { _, err := c.Ledger(ctx, id, 1); return err },
					"Blob":       func() error { _, err := c.Blob(ctx, job.Hash{1}); return err },
					"Jobs":       func() error { _, err := c.Jobs(ctx); return err },
					"Job":        func() error { _, err := c.Job(ctx, id); return err },
					"Stats":      func() error { _, err := c.Stats(ctx); return err },
					"Volunteers": func() error { _, err := c.Volunteers(ctx, 1); return err },
					"Artifacts":  func() error { _, err := c.Artifacts(ctx, id); return err },
					"Artifact":   func() error { return c.Artifact(ctx, id, "x", &got) },
					"Receipts":   func() error { return c.Receipts(ctx, id, &got) },
					"Fetch":      func() error { return c.Fetch(ctx, id, Artifact{Name: "x", Size: 100}, &got) },
					"Fetch all":  func() error { return c.Fetch(ctx, id, Artifact{Name: "x", Size: 1 << 62}, &got) },
					"Fetch none": func() error { return c.Fetch(ctx, id, Artifact{Name: "x", Size: -1}, &got) },
				}
				for what, call := range calls {
					got = 0
					if err := call(); !errors.Is(err, ErrDamaged) {
						t.Errorf("%s: %v, want ErrDamaged", what, err)
					}
					most := c.limits.file
					switch what {
					case "Fetch":
						most = 100
					case "Fetch none":
						most = 0
					}
					if int64(got) > most {
						t.Errorf("%s: %d bytes were handed on, want at most %d", what, got, most)
					}
				}
			})
		}
	}
}

// What is exactly as long as it may be is read, through a file where it is large;
// one byte more is not.
func TestBlobOfTheLargestSize(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for _, size := range []int{0, 1, 1 << 16, 1<<16 + 1, 1 << 18, 1<<18 + 1} {
		data := bytes.Repeat([]byte("b"), size)
		c := small(t, func(w http.ResponseWriter, _ *http.Request) {
			if _, err := w.Write(data); err != nil && size <= 1<<18 {
				t.Error(err)
			}
		})
		got, err := c.Blob(t.Context(), job.Sum(data))
		if size > 1<<18 {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes: %v, want ErrDamaged", size, err)
			}
		} else if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if _, err := c.Blob(t.Context(), job.Hash{1}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d bytes of another blob: %v, want ErrDamaged", size, err)
		}
		if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
}

// A disk that is full is not a hub that is gone.
func TestErrorOfTheWriter(t *testing.T) {
	full := errors.New("no space left")
	c := small(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "receipts") })
	r, w := io.Pipe()
	r.CloseWithError(full)
	var gone *UnreachableError
	if err := c.Receipts(t.Context(), "k3v9k3v9k3v9k3v9", w); !errors.Is(err, full) || errors.As(err, &gone) {
		t.Errorf("%v, want the writer's own error", err)
	}
}
