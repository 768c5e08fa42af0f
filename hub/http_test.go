package hub_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// site stands for the pages.
var site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page "+r.URL.Path) })

// api is a running hub, spoken to in plain HTTP.
type api struct {
	t    *testing.T
	x    *cluster.Cluster
	base string
	key  string
}

func start(t *testing.T) *api {
	t.Helper()
	c := cluster.Config(t.TempDir())
	c.Site = site
	c.MaxUpload = 1 << 10
	x := cluster.Start(t, c)
	return &api{t, x, "http://" + x.Hub.Addr().String(), cluster.ReadKey(t, c.Data)}
}

type answer struct {
	*http.Response
	body []byte
}

func (a *api) do(method, path, body string, header ...string) answer {
	a.t.Helper()
	req, err := http.NewRequest(method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{resp, data}
}

func (a *api) bearer() []string { return []string{"Authorization", "Bearer " + a.key} }

// A job that stands still says what for, to whoever asks and whoever watches,
// and goes on when that has come.
func TestWaitingJob(t *testing.T) {
	a := start(t)
	a.x.Join(cluster.NewVolunteer("ann"))
	id := a.x.Submit(cluster.ChainFile("waiting", 1, 1, 2))
	ctx, cancel := context.WithTimeout(t.Context(), cluster.Patience)
	defer cancel()
	const want = "1 more volunteer: 1 is here"
	waited := false
	err := a.x.Client.Watch(ctx, id, func(ev client.Event) error {
		if ev.Waiting == want && !waited {
			waited = true
			if j, err := a.x.Client.Job(ctx, id); err != nil || j.Waiting != want {
				t.Errorf("the job waits for %q, %v, want %q", j.Waiting, err, want)
			}
			a.x.Join(cluster.NewVolunteer("bob"))
		}
		return nil
	})
	if err != nil || !waited {
		t.Errorf("it did not wait: %v", err)
	}
	a.x.Done(id, "waiting", 1, 1, 2)
	if j, err := a.x.Client.Job(ctx, id); err != nil || j.Waiting != "" {
		t.Errorf("a job that is done waits for %q, %v", j.Waiting, err)
	}
}

// Lists of jobs are cut into pages, which together are all of them.
func TestJobPages(t *testing.T) {
	a := start(t)
	var ids []string // the newest first
	for i := range 5 {
		ids = append([]string{a.x.Submit(cluster.ChainFile(fmt.Sprint("page ", i), 1, 1, 1))}, ids...)
	}
	list := func(query string) (got []string, next string) {
		t.Helper()
		resp := a.do("GET", "/api/v1/jobs?"+query, "")
		var page struct {
			Jobs []struct{ ID string }
			Next string
		}
		if err := json.Unmarshal(resp.body, &page); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %d %s, %v", query, resp.StatusCode, resp.body, err)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		return got, page.Next
	}
	for query, want := range map[string][]string{
		"": ids, "limit=5": ids, "limit=2": ids[:2], "limit=1000&before=" + ids[1]: ids[2:],
		"limit=2&before=" + ids[2]: ids[3:], "before=" + ids[4]: nil, "state=done": nil,
	} {
		got, next := list(query)
		if !slices.Equal(got, want) || (next != "") != (query == "limit=2") {
			t.Errorf("%q lists %v and then %q, want %v", query, got, next, want)
		}
	}
	for limit, want := range map[int][]string{3: ids[:3], 5: ids, 6: ids} {
		jobs, more, err := a.x.Client.NewestJobs(t.Context(), limit)
		var got []string
		for _, j := range jobs {
			got = append(got, j.ID)
		}
		if err != nil || !slices.Equal(got, want) || more != (limit < 5) {
			t.Errorf("the newest %d are %v, more %t, %v; want %v", limit, got, more, err, want)
		}
	}
}

// A body that nobody wants is not waited for: whoever has no key cannot hold a
// connection by never sending one.
func TestUnwantedBody(t *testing.T) {
	a := start(t)
	blob := "/blob/" + strings.Repeat("00", 32)
	for line, status := range map[string]string{
		"POST /api/v1/jobs": "401", "POST /blob": "401", "PUT " + blob: "401", "DELETE /api/v1/jobs/x": "401",
		"GET " + blob: "404", "POST /": "200", "PATCH /api/v1/jobs": "405", "POST /api/v2": "404",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", a.x.Hub.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			// Less than any route waits for a body that is welcome.
			if err := conn.SetDeadline(time.Now().Add(25 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, line+" HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(conn) // to the end of the connection
			if err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.1 "+status+" ")) {
				t.Errorf("answered by %q, %v, want %s and the end", all, err, status)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	a := start(t)
	chain := string(cluster.ChainFile("x", 1, 1, 1))
	missing := "/blob/" + strings.Repeat("00", 32)
	for name, c := range map[string]struct {
		method, path, body string
		key                bool
		status             int
		field              string
	}{
		"no key":               {"POST", "/api/v1/jobs", chain, false, 401, ""},
		"no key for cancel":    {"DELETE", "/api/v1/jobs/x", "", false, 401, ""},
		"no key for blobs":     {"PUT", missing, "x", false, 401, ""},
		"bad job":              {"POST", "/api/v1/jobs", string(cluster.ChainFile("x", 0, 1, 1)), true, 422, "train.steps"},
		"bad replicas":         {"POST", "/api/v1/jobs?dry_run=1", string(cluster.ChainFile("x", 1, 1, 99)), true, 422, "trust.replicas"},
		"bad deadline":         {"POST", "/api/v1/jobs", `{"rounds": 1, "shards": 1, "deadline": "soon"}`, true, 422, "limits.deadline"},
		"not a job":            {"POST", "/api/v1/jobs", "{", true, 422, ""},
		"bad dry_run":          {"POST", "/api/v1/jobs?dry_run=perhaps", chain, true, 400, "dry_run"},
		"huge job":             {"POST", "/api/v1/jobs", strings.Repeat(" ", 2<<20), true, 413, ""},
		"no job":               {"GET", "/api/v1/jobs/nobody", "", false, 404, ""},
		"no events":            {"GET", "/api/v1/jobs/nobody/events", "", false, 404, ""},
		"no artifacts":         {"GET", "/api/v1/jobs/nobody/artifacts", "", false, 404, ""},
		"no receipts":          {"GET", "/api/v1/jobs/nobody/receipts", "", false, 404, ""},
		"no log":               {"GET", "/api/v1/jobs/nobody/log", "", false, 404, ""},
		"no proof":             {"GET", "/api/v1/jobs/nobody/receipts/0/proof", "", false, 404, ""},
		"bad receipt":          {"GET", "/api/v1/jobs/nobody/receipts/one/proof", "", false, 400, "n"},
		"no disputes":          {"GET", "/api/v1/jobs/nobody/disputes", "", false, 404, ""},
		"bad ledger":           {"GET", "/api/v1/volunteers/ann/ledger", "", false, 400, "id"},
		"cancel no job":        {"DELETE", "/api/v1/jobs/nobody", "", true, 404, ""},
		"too many jobs":        {"GET", "/api/v1/jobs?limit=1001", "", false, 400, "limit"},
		"jobs before no job":   {"GET", "/api/v1/jobs?before=nobody", "", false, 400, "before"},
		"no such state":        {"GET", "/api/v1/jobs?state=ready", "", false, 400, "state"},
		"bad limit":            {"GET", "/api/v1/volunteers?limit=0", "", false, 400, "limit"},
		"huge limit":           {"GET", "/api/v1/leaderboard?limit=1001", "", false, 400, "limit"},
		"bad volunteer":        {"GET", "/api/v1/volunteers/ann/transactions", "", false, 400, "id"},
		"bad blob name":        {"GET", "/blob/abc", "", false, 400, "sha256"},
		"no blob":              {"GET", missing, "", false, 404, ""},
		"another blob":         {"PUT", missing, "x", true, 422, "sha256"},
		"huge blob":            {"POST", "/blob", strings.Repeat("x", 2<<10), true, 413, ""},
		"wrong method":         {"PATCH", "/api/v1/jobs", "", false, 405, ""},
		"no such path":         {"GET", "/api/v2/jobs", "", false, 404, ""},
		"volunteer, no socket": {"GET", "/v1/volunteer", "", false, 426, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var header []string
			if c.key {
				header = a.bearer()
			}
			resp := a.do(c.method, c.path, c.body, header...)
			var p client.Problem
			if err := json.Unmarshal(resp.body, &p); err != nil {
				t.Fatalf("%d %s: %v", resp.StatusCode, resp.body, err)
			}
			if resp.StatusCode != c.status || p.Status != c.status || p.Field != c.field || p.Title == "" || p.Detail == "" {
				t.Errorf("got %d %+v, want status %d and field %q", resp.StatusCode, p, c.status, c.field)
			}
			if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
				t.Errorf("Content-Type is %q", ct)
			}
		})
	}
	if resp := a.do("POST", "/api/v1/jobs", chain, "Authorization", "Bearer wrong"); resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("wrong key: %d, want 401 with a challenge", resp.StatusCode)
	}
	if resp := a.do("PATCH", "/api/v1/jobs", ""); resp.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
}

func TestPlainPaths(t *testing.T) {
	a := start(t)
	for path, want := range map[string]string{
		"/":                 "page /",
		"/about.html":       "page /about.html",
		"/healthz":          `"ok"`,
		"/readyz":           `"ready"`,
		"/metrics":          "shoal_volunteers_connected 0",
		"/api/openapi.json": `"openapi": "3.1.0"`,
		"/api/v1/stats":     `"volunteers":0`,
		"/api/v1/jobs":      `{"jobs":[]}`,
		"/api/v1/volunteers/" + strings.Repeat("00", 32) + "/transactions": `{"transactions":[]}`,
	} {
		resp := a.do("GET", path, "")
		if resp.StatusCode != 200 || !strings.Contains(string(resp.body), want) {
			t.Errorf("GET %s: %d %.200s, want %q in it", path, resp.StatusCode, resp.body, want)
		}
		if resp.Header.Get("Cross-Origin-Opener-Policy") != "same-origin" || resp.Header.Get("Cross-Origin-Embedder-Policy") != "require-corp" {
			t.Errorf("GET %s: the page would not be cross-origin isolated", path)
		}
	}
}

func TestBlobs(t *testing.T) {
	a := start(t)
	h, err := a.x.Client.PutBlob(context.Background(), []byte("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	resp := a.do("POST", "/blob", "0123456789", a.bearer()...)
	if resp.StatusCode != 201 || !strings.Contains(string(resp.body), h.String()) {
		t.Errorf("POST /blob: %d %s", resp.StatusCode, resp.body)
	}
	path := "/blob/" + h.String()
	resp = a.do("GET", path, "")
	if string(resp.body) != "0123456789" || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("GET: %q, Cache-Control %q", resp.body, resp.Header.Get("Cache-Control"))
	}
	if again := a.do("GET", path, "", "If-None-Match", resp.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("GET with its ETag: %d, want 304", again.StatusCode)
	}
	if part := a.do("GET", path, "", "Range", "bytes=2-4"); part.StatusCode != 206 || string(part.body) != "234" {
		t.Errorf("GET of a range: %d %q", part.StatusCode, part.body)
	}
	if head := a.do("HEAD", path, ""); head.StatusCode != 200 || head.ContentLength != 10 || len(head.body) != 0 {
		t.Errorf("HEAD: %d, %d bytes announced", head.StatusCode, head.ContentLength)
	}
	got, err := a.x.Client.Blob(context.Background(), h)
	if err != nil || job.Sum(got) != h {
		t.Errorf("client.Blob = %q, %v", got, err)
	}
}

// A job from submission to receipts, as a script sees it.
func TestJobOverHTTP(t *testing.T) {
	a := start(t)
	ctx := context.Background()
	file := cluster.ChainFile("http", 6, 2, 2)
	plan, err := a.x.Client.Check(ctx, file)
	if err != nil || plan.Shards != 12 || plan.Rounds != 6 {
		t.Fatalf("Check = %+v, %v", plan, err)
	}
	resp := a.do("POST", "/api/v1/jobs", string(file), a.bearer()...)
	var created struct{ ID string }
	if err := json.Unmarshal(resp.body, &created); err != nil || resp.StatusCode != 201 || resp.Header.Get("Location") != "/api/v1/jobs/"+created.ID {
		t.Fatalf("POST: %d %s, %v", resp.StatusCode, resp.body, err)
	}
	if j, err := a.x.Client.Job(ctx, created.ID); err != nil || j.File != string(file) || j.Steps != 6 || j.Ended() {
		t.Errorf("Job = %+v, %v", j, err)
	}
	a.x.Join(cluster.NewVolunteer("ann"))
	a.x.Join(cluster.NewVolunteer("bob"))

	for _, name := range []string{"live", "again, after its end"} {
		steps, last := 0, client.Event{}
		err := a.x.Client.Watch(ctx, created.ID, func(ev client.Event) error {
			if ev.Report != nil {
				if ev.Report.Round != steps || ev.Report.Loss == nil {
					t.Errorf("%s: report %+v, want round %d with a loss", name, ev.Report, steps)
				}
				steps++
			}
			last = ev
			return nil
		})
		if err != nil || steps != 6 || name == "live" && last.State != "done" {
			t.Errorf("%s: %d reports, last event %+v, %v", name, steps, last, err)
		}
	}
	resp = a.do("GET", "/api/v1/jobs/"+created.ID+"/events", "")
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" || !bytes.HasSuffix(resp.body, []byte("event: end\ndata: {}\n\n")) {
		t.Errorf("events end with %q, Content-Type %q", resp.body[max(0, len(resp.body)-60):], ct)
	}
	a.x.Done(created.ID, "http", 6, 2, 2)

	lines := bufio.NewScanner(bytes.NewReader(a.do("GET", "/api/v1/jobs/"+created.ID+"/receipts", "").body))
	n := 0
	for ; lines.Scan(); n++ {
		var r struct {
			Program string
			Inputs  []string
			Index   int
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || len(r.Inputs) != 2 || r.Index != n%2 {
			t.Errorf("receipt %d: %s, %v", n, lines.Bytes(), err)
		}
		if program, err := job.ParseHash(r.Program); err == nil { // receipts name what can still be fetched
			_, err = a.x.Client.Blob(ctx, program)
			if err != nil {
				t.Error(err)
			}
		}
	}
	if n != 12 {
		t.Errorf("%d receipts, want 12", n)
	}

	volunteers, err := a.x.Client.Volunteers(ctx, 10)
	if err != nil || len(volunteers) != 2 || volunteers[0].Credit != 36 || !volunteers[0].Connected {
		t.Errorf("Volunteers = %+v, %v", volunteers, err)
	}
	resp = a.do("GET", "/api/v1/volunteers/"+volunteers[0].ID+"/transactions?limit=1", "")
	if !strings.Contains(string(resp.body), "verified shard 5/") {
		t.Errorf("the newest transaction is %s, want one for a shard of round 5", resp.body)
	}
	resp = a.do("GET", "/api/v1/leaderboard", "")
	if !strings.Contains(string(resp.body), `"rank":2`) {
		t.Errorf("leaderboard: %s", resp.body)
	}
	if resp := a.do("DELETE", "/api/v1/jobs/"+created.ID, "", a.bearer()...); resp.StatusCode != 409 {
		t.Errorf("DELETE of an ended job: %d, want 409", resp.StatusCode)
	}
	stats, err := a.x.Client.Stats(ctx)
	if err != nil || stats.Shards != 12 || stats.Results != 24 || stats.Credit != 72 || stats.Volunteers != 2 || stats.Hub != "shoal" {
		t.Errorf("Stats = %+v, %v", stats, err)
	}
}

func TestClientErrors(t *testing.T) {
	a := start(t)
	ctx := context.Background()
	var p *client.Problem
	if _, err := a.x.Client.Job(ctx, "nobody"); !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("Job of nobody: %v, want a 404 problem", err)
	}
	if err := a.x.Client.Watch(ctx, "nobody", nil); !errors.As(err, &p) || p.Status != 404 {
		t.Errorf("Watch of nobody: %v, want a 404 problem", err)
	}
	a.x.Stop()
	var gone *client.UnreachableError
	if _, err := a.x.Client.Jobs(ctx); !errors.As(err, &gone) {
		t.Errorf("Jobs of a stopped hub: %v, want an UnreachableError", err)
	}
	for _, base := range []string{"", "localhost:8080", "ftp://x", "http://"} {
		if _, err := client.New(base, "", nil); err == nil {
			t.Errorf("New(%q) was accepted", base)
		}
	}
}

func TestWebSocketNeedsSubprotocol(t *testing.T) {
	a := start(t)
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.base, "http")+"/v1/volunteer", nil)
	if err == nil || resp == nil || resp.StatusCode != 400 {
		t.Errorf("Dial without subprotocol: %v, %v; want 400", resp, err)
	}
}
