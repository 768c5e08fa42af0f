package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// watcher is standard error of a command that is interrupted once it has said
// something.
type watcher struct {
	bytes.Buffer
	until     string
	interrupt context.CancelFunc
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.until) {
		w.interrupt()
	}
	return n, err
}

// Whoever watches a job that stands still hears what for. To stop watching says
// nothing of the job, and is not taken for its end.
func TestWatchIsInterrupted(t *testing.T) {
	url, key := runHub(t, t.TempDir()) // without volunteers nothing moves
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // for a job that says nothing
	defer cancel()
	const waits = "waits for volunteers: nobody is here"
	errs := &watcher{until: waits, interrupt: cancel}
	code := run(ctx, []string{"submit", tinyJob(t), "--wait"}, strings.NewReader(""), &bytes.Buffer{}, errs)
	if text := errs.String(); code != exitFailed || !strings.Contains(text, waits) || !strings.Contains(text, "shoal: interrupted: job ") || strings.Contains(text, "context") {
		t.Errorf("code %d, %s", code, text)
	}
	code, out, _ := shoal(t, "job", "list", "--json")
	var list struct {
		Jobs []struct{ ID, State, Waiting string }
	}
	if lastLine(t, out, &list); code != exitDone || len(list.Jobs) != 1 || list.Jobs[0].State != "running" || !strings.HasSuffix(waits, list.Jobs[0].Waiting) {
		t.Fatalf("job list: code %d, %s", code, out)
	}
	if code, out, _ := shoal(t, "job", "show", list.Jobs[0].ID); code != exitDone || !strings.Contains(out, "nobody is here") {
		t.Errorf("job show: code %d, %s", code, out)
	}
}
