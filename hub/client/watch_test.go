package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// A job that is taken back tells so, and the rounds that are done again are
// told again; a connection that breaks in between costs nothing.
func TestWatchJobThatIsTakenBack(t *testing.T) {
	const back = "event: state\ndata: {\"state\":\"running\",\"error\":\"round 1 is done again\"}\n\n"
	report := func(round int) string {
		return fmt.Sprintf("event: report\ndata: {\"round\":%d,\"step\":%d,\"steps\":3}\n\n", round, round+1)
	}
	const running = "event: state\ndata: {\"state\":\"running\"}\n\n"
	connections := []string{
		running + report(0) + report(1) + report(2) + back + report(1),
		running + report(0) + report(1) + report(2) + "event: state\ndata: {\"state\":\"done\"}\n\nevent: end\ndata: {}\n\n",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, connections[0])
		connections = connections[1:]
	}))
	defer server.Close()
	c, err := New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = c.Watch(t.Context(), "j", func(e Event) error {
		switch {
		case e.Report != nil:
			got = append(got, fmt.Sprint(e.Report.Round))
		case e.TakenBack():
			got = append(got, "back: "+e.Error)
		default:
			got = append(got, e.State)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"running", "0", "1", "2", "back: round 1 is done again", "1", "2", "done"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// What a job stands still for is told when it changes, and not again because a
// connection was lost.
func TestWatchJobThatWaits(t *testing.T) {
	waits := func(what string) string { return fmt.Sprintf("event: waiting\ndata: {\"for\":%q}\n\n", what) }
	connections := []string{
		waits("one") + waits("two"),
		waits("two") + waits("") + waits("two"),
		"event: state\ndata: {\"state\":\"done\"}\n\nevent: end\ndata: {}\n\n",
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, connections[0])
		connections = connections[1:]
	}))
	defer server.Close()
	c, err := New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = c.Watch(t.Context(), "j", func(e Event) error {
		got = append(got, e.Waiting+e.State)
		return nil
	})
	if want := []string{"one", "two", "two", "done"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("told %q, %v, want %q", got, err, want)
	}
}

// All jobs are more than a page; a hub whose pages never end is found out.
func TestAllJobs(t *testing.T) {
	last := 2*jobsPage + 7
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, limit := 0, 0
		if _, err := fmt.Sscan(r.FormValue("limit"), &limit); err != nil || limit > jobsPage {
			t.Errorf("asked for %q jobs", r.FormValue("limit"))
		}
		_, _ = fmt.Sscan(r.FormValue("before"), &from) // empty at first
		var jobs []string
		to := min(from+limit, last)
		for i := from; i < to; i++ {
			jobs = append(jobs, fmt.Sprintf(`{"id":"%d"}`, i+1))
		}
		next := ""
		if to < last {
			next = fmt.Sprint(to)
		}
		fmt.Fprintf(w, `{"jobs":[%s],"next":%q}`, strings.Join(jobs, ","), next)
	}))
	defer server.Close()
	c, err := New(server.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := c.Jobs(t.Context())
	if err != nil || len(jobs) != last || jobs[last-1].ID != fmt.Sprint(last) {
		t.Errorf("%d jobs, %v, want %d", len(jobs), err, last)
	}
	last = 1 << 60
	if jobs, err := c.Jobs(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("%d jobs, %v, want ErrDamaged", len(jobs), err)
	}
}
