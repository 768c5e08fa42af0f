package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
)

// Server-sent events are kept alive by a comment, and one write may take so
// long before the peer counts as gone. As often as that it is looked whether the
// job stands still.
const (
	eventsAlive = 5 * time.Second
	eventsWrite = 30 * time.Second
)

// events streams a job's life: first every report so far, then what happens.
//
//	event: report     a job.Report
//	event: progress   {round, accepted, shards}
//	event: state      {state, error}; running with an error: the job was taken
//	                  back to an earlier round, whose reports follow again
//	event: waiting    {for}: the job stands still, and what for; empty when it goes on
//	event: end        {}: nothing follows
//
// There are no event IDs: each connection gets all reports again, so that a
// reader that was cut off needs to remember nothing.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	record, reports, live, cancel, err := a.Engine.Watch(r.Context(), r.PathValue("id"), 0)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer cancel()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect events
	s := &stream{w: w, control: http.NewResponseController(w)}
	last := -1
	s.send("state", stateJSON{record.State, record.Reason})
	for _, report := range reports {
		s.send("report", report)
		last = report.Round
	}
	if record.State.Ended() {
		s.send("end", struct{}{})
		return
	}
	waiting := ""
	look := func() {
		if now := a.Engine.Waiting(record.ID); now != waiting {
			waiting = now
			s.send("waiting", waitingJSON{now})
		} else {
			s.comment()
		}
		s.flush()
	}
	look()
	alive := time.NewTicker(eventsAlive)
	defer alive.Stop()
	for s.err == nil {
		select {
		case <-r.Context().Done():
			return
		case <-alive.C:
			look()
		case ev, ok := <-live:
			if !ok { // too slow, or the hub stops: the reader connects again
				return
			}
			switch {
			case ev.Report != nil && ev.Report.Round <= last: // stored before it was told
			case ev.Report != nil:
				last = ev.Report.Round
				s.send("report", ev.Report)
			case ev.Progress != nil:
				s.send("progress", ev.Progress)
			default:
				if ev.State == engine.Running && ev.Reason != "" {
					last = -1
				}
				s.send("state", stateJSON{ev.State, ev.Reason})
			}
			if ev.State.Ended() {
				s.send("end", struct{}{})
				return
			}
			s.flush()
		}
	}
}

type stateJSON struct {
	State engine.State `json:"state"`
	Error string       `json:"error,omitempty"`
}

type waitingJSON struct {
	For string `json:"for"`
}

// stream writes events. Its first error sticks.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *stream) send(event string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		s.err = err
	}
	s.write("event: %s\ndata: %s\n\n", event, data)
}

func (s *stream) comment() {
	s.write(":\n\n")
}

func (s *stream) write(format string, args ...any) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(eventsWrite)) // not every ResponseWriter has one
	_, s.err = fmt.Fprintf(s.w, format, args...)
}

func (s *stream) flush() {
	if s.err == nil {
		s.err = s.control.Flush()
	}
}
