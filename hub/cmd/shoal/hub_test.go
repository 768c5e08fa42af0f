package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job/safetensors"
)

// shoal runs one command line in this process.
func shoal(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// lastLine decodes the last line of a command's output.
func lastLine(t *testing.T, output string, v any) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), v); err != nil {
		t.Fatalf("last line %q: %v", lines[len(lines)-1], err)
	}
}

// runHub runs `shoal hub` until the test ends and returns its address and
// admin key.
func runHub(t *testing.T, dir string) (url, key string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	read, write := io.Pipe()
	var running sync.WaitGroup
	running.Go(func() {
		code := run(ctx, []string{"hub", "--listen", "127.0.0.1:0", "--data", dir}, strings.NewReader(""), io.Discard, write)
		if code != exitDone {
			t.Errorf("shoal hub ended with code %d", code)
		}
		write.Close()
	})
	found := make(chan [2]string, 1)
	running.Go(func() {
		keys := regexp.MustCompile(`^\s+(shoal_\S+)$`)
		signer := regexp.MustCompile(`^Receipts are signed by \S+\+[0-9a-f]{8}\+\S+$`)
		lines := bufio.NewScanner(read)
		var key string
		var signed bool
		for lines.Scan() {
			t.Log(lines.Text())
			if m := keys.FindStringSubmatch(lines.Text()); m != nil {
				key = m[1]
			}
			signed = signed || signer.MatchString(lines.Text())
			if url, ok := strings.CutPrefix(lines.Text(), "Open "); ok {
				if !signed {
					t.Error("the hub does not say with which key receipts are signed")
				}
				found <- [2]string{url, key}
			}
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	select {
	case f := <-found:
		return f[0], f[1]
	case <-time.After(5 * time.Minute): // for a hub that hangs
		t.Fatal("the hub does not come up")
		return "", ""
	}
}

// volunteerFor runs a native volunteer until the test ends.
func volunteerFor(t *testing.T, url string) {
	t.Helper()
	v, err := nativeVolunteer(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := v.run(ctx); ctx.Err() == nil {
			t.Errorf("volunteer: %v", err)
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
}

// tinyJob writes a job file and its text and returns the file's name.
func tinyJob(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "job.yaml")
	for name, text := range map[string]string{
		file: "kind: train\nname: tiny\nmodel: {arch: decoder, vocab: 128, dim: 16, layers: 1, heads: 2, context: 8}\n" +
			"data: {file: text.txt}\ntrain: {steps: 3, batch: 4, lr: 0.003, seed: 1}\n",
		filepath.Join(dir, "text.txt"): strings.Repeat("in the beginning was the word, ", 40),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// What volunteers compute through a hub is what one machine computes alone.
func TestSubmitAndReproduce(t *testing.T) {
	file := tinyJob(t)
	code, out, errs := shoal(t, "reproduce", file, "--json", "--device", "reference")
	if code != exitDone {
		t.Fatalf("reproduce: %s", errs)
	}
	var alone reproduced
	lastLine(t, out, &alone)

	url, key := runHub(t, t.TempDir())
	volunteerFor(t, url)
	volunteerFor(t, url)
	t.Setenv("SHOAL_HUB", url)

	code, _, errs = shoal(t, "submit", file)
	if code != exitUsage || !strings.Contains(errs, "--key or SHOAL_KEY is missing or wrong") {
		t.Errorf("submit without a key: code %d, %s", code, errs)
	}
	t.Setenv("SHOAL_KEY", key)
	code, out, errs = shoal(t, "submit", file, "--set", "trust.epsilon=1e-6", "--wait", "--json")
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	if want := regexp.MustCompile(`(?m)^promise met: \d+ of \d+ shards accepted, audited, epsilon 1e-06, bound \S+, .* audited, overhead `); !want.MatchString(errs) {
		t.Errorf("submit --wait says %q, nothing like %v", errs, want)
	}
	var done struct {
		ID, State string
		Step      int
	}
	lastLine(t, out, &done)
	if done.State != "done" || done.Step != 3 {
		t.Errorf("job %+v", done)
	}

	dir := filepath.Join(t.TempDir(), "files")
	code, out, errs = shoal(t, "job", "fetch", done.ID, "-o", dir, "--json")
	if code != exitDone {
		t.Fatalf("fetch: %s", errs)
	}
	var fetched struct{ Files []string }
	lastLine(t, out, &fetched)
	for _, want := range strings.Fields("model.safetensors masters.safetensors config.json tokenizer.md train_report.json job.yaml receipts.jsonl receipts.head SHA256SUMS") {
		if !slices.Contains(fetched.Files, want) {
			t.Errorf("fetched %v, not %s", fetched.Files, want)
		}
	}
	masters, err := os.ReadFile(filepath.Join(dir, "masters.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	_, notes, err := safetensors.Decode(masters)
	if err != nil {
		t.Fatal(err)
	}
	if notes["weights_sha256"] != alone.WeightsSHA256 {
		t.Errorf("the swarm made %s, one machine %s", notes["weights_sha256"], alone.WeightsSHA256)
	}
	receipts, err := os.ReadFile(filepath.Join(dir, fileReceipts))
	if err != nil {
		t.Fatal(err)
	}
	plan := struct{ Shards int }{}
	_, out, _ = shoal(t, "submit", file, "--dry-run", "--json")
	lastLine(t, out, &plan)
	if n := bytes.Count(receipts, []byte("\n")); n != plan.Shards {
		t.Errorf("%d receipts, planned %d shards", n, plan.Shards)
	}

	for _, args := range [][]string{
		{"job", "list"}, {"job", "list", "--json"}, {"job", "show", done.ID}, {"job", "show", done.ID, "--json"}, {"job", "watch", done.ID},
	} {
		code, out, errs = shoal(t, args...)
		if code != exitDone || !strings.Contains(out, done.ID) {
			t.Errorf("%v: code %d, %s%s", args, code, out, errs)
		}
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"job", "show", "none"}, exitUsage, "refuses"},
		{[]string{"job", "cancel", done.ID}, exitFailed, "ended"},
		{[]string{"submit", file, "--set", "train.batch=0"}, exitUsage, "train.batch: is missing or zero"},
		{[]string{"submit", file, "--set", "train.method=diloco"}, exitUsage, "train.method: want sync"},
		{[]string{"reproduce", file, "--expect", strings.Repeat("0", 64)}, exitVerification, "expected 000"},
	} {
		code, _, errs = shoal(t, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: code %d, %s; want code %d and %q", tt.args, code, errs, tt.code, tt.want)
		}
	}
}

func TestCancel(t *testing.T) {
	file := tinyJob(t)
	url, key := runHub(t, t.TempDir()) // without volunteers nothing moves
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	code, out, errs := shoal(t, "submit", file, "--json")
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var job struct{ ID string }
	lastLine(t, out, &job)
	if code, _, errs := shoal(t, "job", "fetch", job.ID, "-o", t.TempDir()); code != exitFailed || !strings.Contains(errs, "not done") {
		t.Errorf("fetch of an unfinished job: code %d, %s", code, errs)
	}
	if code, _, errs := shoal(t, "job", "cancel", job.ID); code != exitDone {
		t.Fatalf("cancel: %s", errs)
	}
	if code, _, errs := shoal(t, "job", "watch", job.ID); code != exitFailed || !strings.Contains(errs, "cancelled") {
		t.Errorf("watch: code %d, %s", code, errs)
	}
}

// A promise is of a whole job.
func TestWorth(t *testing.T) {
	for state, want := range map[string]string{
		"done": "promise met: 2 of 9 shards", "cancelled": "before it was cancelled: 2 of 9 shards", "failed": "before it failed: 2 of 9 shards",
	} {
		j := client.Job{State: state, Trust: &client.Trust{Weighed: true, Epsilon: 1e-6, Bound: 1e-7, Accepted: 2}, Plan: client.Plan{Shards: 9}}
		if got := worth(j); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Setenv("SHOAL_HUB", "http://127.0.0.1:1")
	for _, args := range [][]string{{"job", "list"}, {"submit", tinyJob(t)}} {
		if code, _, errs := shoal(t, args...); code != exitUnreachable || !strings.Contains(errs, "not reachable") {
			t.Errorf("%v: code %d, %s", args, code, errs)
		}
	}
	for hub, want := range map[string]int{
		"127.0.0.1:1": exitUnreachable, "localhost:1": exitUnreachable, "[::1]:1": exitUnreachable, // http, as for shoal-node
		"ftp://nowhere": exitUsage, "http://": exitUsage, "http:// ": exitUsage, "mailto:me": exitUsage,
	} {
		if code, _, errs := shoal(t, "job", "list", "--hub", hub); code != want {
			t.Errorf("--hub %s: code %d, want %d: %s", hub, code, want, errs)
		}
	}
}

func TestHubSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hub.yaml")
	if err := os.WriteFile(file, []byte("listen: a:1\nname: reef\ndata: d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOAL_NAME", "atoll")
	t.Setenv("SHOAL_DATA", "e")
	got := hubSettings{Listen: "default:1", Files: "f"}
	if err := got.read(file, hubSettings{Data: "flag"}); err != nil {
		t.Fatal(err)
	}
	if want := (hubSettings{Listen: "a:1", Data: "flag", Name: "atoll", Files: "f"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := os.WriteFile(file, []byte("lisen: a:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := shoal(t, "hub", "--config", file); code != exitUsage || !strings.Contains(errs, "lisen") {
		t.Errorf("unknown field: code %d, %s", code, errs)
	}
}

// Job files cannot reach outside the hub's directory of data files.
func TestDataFiles(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "secret"), filepath.Join(inside, "text")} {
		if err := os.WriteFile(name, []byte("words"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(inside, "link")); err != nil {
		t.Fatal(err)
	}
	read, err := dataFiles(inside)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := read(t.Context(), "text"); err != nil || string(text) != "words" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"../secret", filepath.Join(dir, "secret"), "link", "none"} {
		if text, err := read(t.Context(), name); err == nil {
			t.Errorf("%s: read %q", name, text)
		}
	}
}
