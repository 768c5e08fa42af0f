package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// illHub stands before a hub and answers some requests in its place.
type illHub struct {
	*httptest.Server
	path   string // what a request's path must have in it
	answer http.HandlerFunc
}

func newIllHub(t *testing.T, url string) *illHub {
	t.Helper()
	hub, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	h := &illHub{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(hub) }}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.path != "" && strings.Contains(r.URL.Path, h.path) {
			h.answer(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// fails answers with a status.
func fails(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "ill", status) }
}

// breaksOff announces more than it sends.
func breaksOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "10")
	io.WriteString(w, "so far")
}

// lies sends other bytes.
func lies(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "something else\n") }

// promisesAll announces more than there can be.
func promisesAll(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1152921504606846976")
	io.WriteString(w, "x")
}

// neverEnds sends until nobody reads any more.
func neverEnds(w http.ResponseWriter, _ *http.Request) {
	part := make([]byte, 64<<10)
	for err := error(nil); err == nil; {
		_, err = w.Write(part)
	}
}

// A hub that is out of order is told from one that has lost what it signed, and
// both from a mistake of the user.
func TestIllHub(t *testing.T) {
	url, key := runHub(t, t.TempDir())
	volunteerFor(t, url)
	t.Setenv("SHOAL_KEY", key)
	ill := newIllHub(t, url)
	t.Setenv("SHOAL_HUB", ill.URL)
	code, out, errs := shoal(t, "submit", tinyJob(t), "--set", "trust.replicas=1", "--wait", "--json")
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var done struct{ ID, File string }
	lastLine(t, out, &done)
	remote := filepath.Join(t.TempDir(), "job.yaml") // the same job, its data on the hub
	if err := os.WriteFile(remote, []byte(done.File), 0o600); err != nil {
		t.Fatal(err)
	}
	audit := []string{"audit", done.ID, "--sample", "100%"}
	sample := []string{"audit", done.ID, "--sample", "3"}
	fetch := []string{"job", "fetch", done.ID, "--audit", "-o"}
	check := []string{"submit", remote, "--dry-run"}
	for _, tt := range []struct {
		name   string
		args   []string
		path   string
		answer http.HandlerFunc
		code   int
		want   string
	}{
		{"audit", audit, "/blob/", fails(500), exitUnreachable, "the hub answers 500"},
		{"audit", audit, "/blob/", fails(503), exitUnreachable, "the hub answers 503"},
		{"audit", audit, "/blob/", breaksOff, exitUnreachable, "not reachable: /blob/"},
		{"audit", audit, "/blob/", lies, exitVerification, "damaged: blob"},
		{"audit", audit, "/blob/", promisesAll, exitVerification, "the hub sends more than"},
		{"audit", audit, "/blob/", fails(403), exitUsage, "the hub answers 403"},
		{"audit", audit, "/log", fails(500), exitUnreachable, "the hub answers 500"},
		{"audit", audit, "/log", fails(404), exitVerification, "damaged: head"},
		{"audit", audit, "/log", breaksOff, exitUnreachable, "not reachable"},
		{"audit", audit, "/log", lies, exitVerification, "damaged: head"},
		{"audit", audit, "/log", neverEnds, exitVerification, "the hub sends more than 1048576 bytes"},
		{"audit", audit, "/receipts", fails(500), exitUnreachable, "the hub answers 500"},
		{"audit", audit, "/receipts", fails(404), exitVerification, "damaged: receipts"},
		{"audit", audit, "/receipts", lies, exitVerification, "damaged: receipt"},
		{"audit", audit, "/receipts", neverEnds, exitVerification, "damaged: receipts"},
		{"audit", audit, "/receipts", promisesAll, exitVerification, "damaged: receipts"},
		{"audit", audit, "/artifacts/", fails(502), exitUnreachable, "the hub answers 502"},
		{"audit", audit, "/artifacts/", fails(404), exitVerification, "damaged: file"},
		{"audit", audit, "/artifacts/", neverEnds, exitVerification, "damaged: file"},
		{"audit", audit, "/artifacts/", promisesAll, exitVerification, "damaged: file"},
		{"audit", audit, "/jobs/" + done.ID, fails(404), exitUsage, "no job"},
		{"sample", sample, "/blob/", fails(500), exitUnreachable, "start the job: client: the hub answers 500"},
		{"sample", sample, "/blob/", breaksOff, exitUnreachable, "not reachable: /blob/"},
		{"sample", sample, "/blob/", lies, exitVerification, "damaged: blob"},

		{"fetch", fetch, "/blob/", fails(500), exitUnreachable, "the hub answers 500"},
		{"fetch", fetch, "/blob/", breaksOff, exitUnreachable, "not reachable: /blob/"},
		{"fetch", fetch, "/blob/", lies, exitVerification, "damaged"},
		{"fetch", fetch, "/log", neverEnds, exitVerification, "the hub sends more than 1048576 bytes"},
		{"fetch", fetch, "/artifacts/", neverEnds, exitVerification, "the hub sends more than"},
		{"fetch", fetch, "/artifacts/", breaksOff, exitUnreachable, "not reachable"},
		{"fetch", fetch, "/receipts", fails(500), exitUnreachable, "the hub answers 500"},

		{"submit", check, "/blob/", fails(500), exitUnreachable, "the hub answers 500"},
		{"submit", check, "/blob/", breaksOff, exitUnreachable, "not reachable"},
		{"submit", check, "/blob/", fails(404), exitUsage, "data.blob"},
		{"submit", check, "/blob/", lies, exitVerification, "damaged"},
		{"submit", check, "nothing", nil, exitDone, ""},
	} {
		ill.path, ill.answer = tt.path, tt.answer
		args := tt.args
		if tt.name == "fetch" {
			args = append(args[:len(args):len(args)], filepath.Join(t.TempDir(), "files"))
		}
		code, out, errs := shoal(t, args...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("%s with an ill %s: code %d, want %d and %q: %s%s", tt.name, tt.path, code, tt.code, tt.want, out, errs)
		}
	}
}
