package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
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
