package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
)

// Plan is what a job takes.
type Plan struct {
	Rounds     int   `json:"rounds"`
	Shards     int   `json:"shards"`
	Ops        int64 `json:"ops"`
	PeakBytes  int64 `json:"peak_bytes"`
	InputBytes int64 `json:"input_bytes"`
	Parameters int   `json:"parameters"`
	Steps      int   `json:"steps"`
}

// Job is a job as the hub shows it.
type Job struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind"`
	State      string     `json:"state"` // queued running done failed cancelled
	Error      string     `json:"error,omitempty"`
	Created    time.Time  `json:"created"`
	Finished   *time.Time `json:"finished,omitempty"`
	Step       int        `json:"step"`
	Steps      int        `json:"steps"`
	Loss       *float64   `json:"loss,omitempty"`
	Val        *float64   `json:"val,omitempty"`
	Accuracy   *float64   `json:"accuracy,omitempty"`
	Failed     int        `json:"failed,omitempty"` // of a map job: inputs whose run did not return
	Parameters int        `json:"parameters,omitempty"`
	Cost       int64      `json:"cost"`
	Progress   *Progress  `json:"progress,omitempty"`
	Waiting    bool       `json:"waiting,omitempty"`
	Trust      *Trust     `json:"trust,omitempty"`
	Repairs    int        `json:"repairs,omitempty"` // how often results were withdrawn and computed again
	Plan       Plan       `json:"plan"`
	File       string     `json:"file,omitempty"` // not in lists
}

// Ended reports whether the job's state is final.
func (j Job) Ended() bool { return ended(j.State) }

func ended(state string) bool { return state == "done" || state == "failed" || state == "cancelled" }

// Trust is what a job's results are worth so far, and what that took.
type Trust struct {
	Assurance string  `json:"assurance"` // how results are checked
	Epsilon   float64 `json:"epsilon"`   // the risk the job allows each result
	Weighed   bool    `json:"weighed"`   // bound and expected mean something
	Accepted  int64   `json:"accepted"`
	Executed  int64   `json:"executed"` // how often shards were computed
	Audited   int64   `json:"audited"`  // accepted on an auditor's word
	Bound     float64 `json:"bound"`    // of any one accepted result being wrong
	Expected  float64 `json:"expected"` // wrong ones among the accepted
	Overhead  float64 `json:"overhead"` // executions beyond one for each accepted
}

// Progress says how far a round is.
type Progress struct {
	Round    int `json:"round"`
	Accepted int `json:"accepted"`
	Shards   int `json:"shards"`
}

// Submit submits a job file and returns the job's ID.
func (c *Client) Submit(ctx context.Context, file []byte) (string, error) {
	var answer struct {
		ID string `json:"id"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/jobs", nil, file, &answer)
	return answer.ID, err
}

// Check has the hub check a job file without running it.
func (c *Client) Check(ctx context.Context, file []byte) (Plan, error) {
	var answer struct {
		Plan Plan `json:"plan"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/jobs", url.Values{"dry_run": {"1"}}, file, &answer)
	return answer.Plan, err
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var j Job
	return j, c.call(ctx, http.MethodGet, jobPath(id), nil, nil, &j)
}

// Jobs returns all jobs, the newest first.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var answer struct {
		Jobs []Job `json:"jobs"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/jobs", nil, nil, &answer)
	return answer.Jobs, err
}

// Cancel ends a job.
func (c *Client) Cancel(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, jobPath(id), nil, nil, nil)
}

func jobPath(id string) string { return "/api/v1/jobs/" + id }

// Event is one thing that happened to a job. Exactly one field is set.
type Event struct {
	Report   *job.Report
	Progress *Progress
	State    string // with Error
	Error    string
}

// TakenBack reports whether the job was taken back to an earlier round. Error
// says why; the reports of rounds that are done again follow.
func (e Event) TakenBack() bool { return e.State == "running" && e.Error != "" }

// Watch calls each for everything that happens to a job, from its first
// report on, until it has ended; then it returns nil. Lost connections are
// made again, and no report comes twice unless the job is taken back. An error
// of each ends it.
func (c *Client) Watch(ctx context.Context, id string, each func(Event) error) error {
	w := &watch{each: each, last: -1}
	for tries := 0; ; tries++ {
		before := w.last
		err := c.watchOnce(ctx, id, w)
		var gone *UnreachableError
		switch {
		case w.ended && err == nil:
			return nil
		case err != nil && !errors.As(err, &gone):
			return err
		case tries >= watchTries:
			return fmt.Errorf("client: events of job %s break off: %w", id, err)
		}
		if w.last > before {
			tries = 0
		}
		timer := time.NewTimer(min(time.Duration(100<<tries)*time.Millisecond, 5*time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// watchTries is how many connections in a row may bring nothing new.
const watchTries = 8

// watch is where a reader of events has got to.
type watch struct {
	each  func(Event) error
	last  int    // round of the last report told
	state string // last one told
	ended bool
}

func (c *Client) watchOnce(ctx context.Context, id string, w *watch) error {
	path := jobPath(id) + "/events"
	resp, err := c.request(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var event string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if err := w.take(event, []byte(data)); err != nil || w.ended {
			return err
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return c.broken(ctx, path, err)
}

func (w *watch) take(event string, data []byte) error {
	var (
		ev  Event
		err error
	)
	switch event {
	case "report":
		ev.Report = new(job.Report)
		if err = json.Unmarshal(data, ev.Report); err == nil && ev.Report.Round <= w.last {
			return nil
		}
		w.last = ev.Report.Round
	case "progress":
		ev.Progress = new(Progress)
		err = json.Unmarshal(data, ev.Progress)
	case "state":
		var s struct{ State, Error string }
		err = json.Unmarshal(data, &s)
		ev.State, ev.Error = s.State, s.Error
		switch {
		case ev.TakenBack():
			w.last = -1
		case s.State == w.state:
			return nil
		}
		w.state = s.State
	case "end":
		w.ended = true
		return nil
	default:
		return nil // of a newer hub
	}
	if err != nil {
		return fmt.Errorf("client: event %s: %w", event, err)
	}
	return w.each(ev)
}

// Artifact is one file of a finished job.
type Artifact struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Artifacts lists a job's files; none before it is done.
func (c *Client) Artifacts(ctx context.Context, id string) ([]Artifact, error) {
	var answer struct {
		Artifacts []Artifact `json:"artifacts"`
	}
	err := c.call(ctx, http.MethodGet, jobPath(id)+"/artifacts", nil, nil, &answer)
	return answer.Artifacts, err
}

// Fetch copies one file of a job to w and checks its hash. After an error w
// may hold a part of it.
func (c *Client) Fetch(ctx context.Context, id string, a Artifact, w io.Writer) error {
	sum := sha256.New()
	if err := c.Artifact(ctx, id, a.Name, io.MultiWriter(w, sum)); err != nil {
		return err
	}
	if got := job.Hash(sum.Sum(nil)).String(); got != a.SHA256 {
		return fmt.Errorf("%w: artifact %s: got bytes with SHA-256 %s, want %s", ErrDamaged, a.Name, got, a.SHA256)
	}
	return nil
}

// Artifact copies one file of a job to w, unchecked.
func (c *Client) Artifact(ctx context.Context, id, name string, w io.Writer) error {
	return c.copy(ctx, jobPath(id)+"/artifacts/"+name, w)
}

// Receipts copies a job's receipts to w, one JSON object a line.
func (c *Client) Receipts(ctx context.Context, id string, w io.Writer) error {
	return c.copy(ctx, jobPath(id)+"/receipts", w)
}

func (c *Client) copy(ctx context.Context, path string, w io.Writer) error {
	resp, err := c.request(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return c.broken(ctx, path, err)
	}
	return nil
}

// PutBlob uploads data for job files to name, and returns its hash.
func (c *Client) PutBlob(ctx context.Context, data []byte) (job.Hash, error) {
	h := job.Sum(data)
	resp, err := c.request(ctx, http.MethodPut, "/blob/"+h.String(), nil, bytes.NewReader(data))
	if err != nil {
		return h, err
	}
	return h, resp.Body.Close()
}

// Blob downloads a blob and checks its hash.
func (c *Client) Blob(ctx context.Context, h job.Hash) ([]byte, error) {
	var b bytes.Buffer
	if err := c.copy(ctx, "/blob/"+h.String(), &b); err != nil {
		return nil, err
	}
	if got := job.Sum(b.Bytes()); got != h {
		return nil, fmt.Errorf("%w: blob %v: got bytes with SHA-256 %v", ErrDamaged, h, got)
	}
	return b.Bytes(), nil
}
