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
	"strconv"
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
	Failed     int        `json:"failed,omitempty"`        // of a map job: inputs whose run did not return
	Failures   string     `json:"failures,omitempty"`      // how these ended: "2 ran out of fuel, 1 trapped"
	First      string     `json:"first_failure,omitempty"` // why the first of them did, and which it was
	Parameters int        `json:"parameters,omitempty"`
	Cost       int64      `json:"cost"`
	Progress   *Progress  `json:"progress,omitempty"`
	Waiting    string     `json:"waiting,omitempty"` // what it stands still for, in words
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
	Executed  int64   `json:"executed"`          // how often shards were computed
	Audited   int64   `json:"audited"`           // accepted on an auditor's word
	Instead   string  `json:"instead,omitempty"` // what was audited where the job asks for replicas, and why
	Bound     float64 `json:"bound"`             // of any one accepted result being wrong
	Expected  float64 `json:"expected"`          // wrong ones among the accepted
	Overhead  float64 `json:"overhead"`          // executions beyond one for each accepted
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
	path, err := jobPath(id, "")
	if err != nil {
		return j, err
	}
	return j, c.call(ctx, http.MethodGet, path, nil, nil, &j)
}

// Jobs returns all jobs, the newest first.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	jobs, more, err := c.NewestJobs(ctx, manyJobs)
	if more {
		return nil, fmt.Errorf("%w: the hub lists more than %d jobs", ErrDamaged, manyJobs)
	}
	return jobs, err
}

const (
	jobsPage = 1000    // a hub lists no more at once
	manyJobs = 100_000 // a hub that lists more lists them for ever
)

// NewestJobs returns up to limit jobs, the newest first, and whether there are
// more.
func (c *Client) NewestJobs(ctx context.Context, limit int) (jobs []Job, more bool, err error) {
	query := url.Values{}
	for {
		query.Set("limit", strconv.Itoa(min(limit-len(jobs), jobsPage)))
		var answer struct {
			Jobs []Job  `json:"jobs"`
			Next string `json:"next"`
		}
		if err := c.call(ctx, http.MethodGet, "/api/v1/jobs", query, nil, &answer); err != nil {
			return nil, false, err
		}
		jobs = append(jobs, answer.Jobs...)
		switch {
		case len(jobs) > limit: // of a hub that knows no limits
			return jobs[:limit], true, nil
		case answer.Next == "" || len(answer.Jobs) == 0 || len(jobs) == limit:
			return jobs, answer.Next != "", nil
		}
		query.Set("before", answer.Next)
	}
}

// Cancel ends a job.
func (c *Client) Cancel(ctx context.Context, id string) error {
	path, err := jobPath(id, "")
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodDelete, path, nil, nil, nil)
}

// Event is one thing that happened to a job. Exactly one field is set.
type Event struct {
	Report   *job.Report
	Progress *Progress
	State    string // with Error
	Error    string
	Waiting  string // what the job stands still for
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

	waiting string // last one told
}

func (c *Client) watchOnce(ctx context.Context, id string, w *watch) error {
	path, err := jobPath(id, "/events")
	if err != nil {
		return err
	}
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
	case "waiting":
		var s struct{ For string }
		if err = json.Unmarshal(data, &s); err == nil && s.For == w.waiting {
			return nil
		}
		ev.Waiting, w.waiting = s.For, s.For
		if err == nil && s.For == "" { // it goes on, as what follows will tell
			return nil
		}
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
	path, err := jobPath(id, "/artifacts")
	if err != nil {
		return nil, err
	}
	err = c.call(ctx, http.MethodGet, path, nil, nil, &answer)
	return answer.Artifacts, err
}

// Fetch copies one file of a job to w and checks its size and hash. After an
// error w may hold a part of it.
func (c *Client) Fetch(ctx context.Context, id string, a Artifact, w io.Writer) error {
	sum := sha256.New()
	if err := c.artifact(ctx, id, a.Name, io.MultiWriter(w, sum), min(max(a.Size, 0), c.limits.file)); err != nil {
		return err
	}
	if got := job.Hash(sum.Sum(nil)).String(); got != a.SHA256 {
		return fmt.Errorf("%w: artifact %s: got bytes with SHA-256 %s, want %s", ErrDamaged, a.Name, got, a.SHA256)
	}
	return nil
}

// Artifact copies one file of a job to w, unchecked.
func (c *Client) Artifact(ctx context.Context, id, name string, w io.Writer) error {
	return c.artifact(ctx, id, name, w, c.limits.file)
}

func (c *Client) artifact(ctx context.Context, id, name string, w io.Writer, limit int64) error {
	if err := checkFile(name); err != nil {
		return err
	}
	return c.copyPart(ctx, id, "/artifacts/"+name, w, limit)
}

// Receipts copies a job's receipts to w, one JSON object a line.
func (c *Client) Receipts(ctx context.Context, id string, w io.Writer) error {
	return c.copyPart(ctx, id, "/receipts", w, c.limits.file)
}

// copyPart copies what a hub has of a job to w.
func (c *Client) copyPart(ctx context.Context, id, part string, w io.Writer, limit int64) error {
	path, err := jobPath(id, part)
	if err != nil {
		return err
	}
	return c.copy(ctx, path, w, limit)
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
func (c *Client) Blob(ctx context.Context, h job.Hash) (_ []byte, err error) {
	s := &spool{memory: c.limits.memory}
	defer func() { err = errors.Join(err, s.close()) }()
	sum := sha256.New()
	if err := c.copy(ctx, "/blob/"+h.String(), io.MultiWriter(s, sum), c.limits.blob); err != nil {
		return nil, err
	}
	if got := job.Hash(sum.Sum(nil)); got != h {
		return nil, fmt.Errorf("%w: blob %v: got bytes with SHA-256 %v", ErrDamaged, h, got)
	}
	return s.bytes()
}
