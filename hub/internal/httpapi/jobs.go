package httpapi

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// planJSON is a job.Plan on the wire.
type planJSON struct {
	Rounds     int   `json:"rounds"`
	Shards     int   `json:"shards"`
	Ops        int64 `json:"ops"`
	PeakBytes  int64 `json:"peak_bytes"`
	InputBytes int64 `json:"input_bytes"`
	Parameters int   `json:"parameters"`
	Steps      int   `json:"steps"`
}

// jobJSON is a job on the wire.
type jobJSON struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Kind       string           `json:"kind"`
	State      engine.State     `json:"state"`
	Error      string           `json:"error,omitempty"` // why it failed or was cancelled
	Created    time.Time        `json:"created"`
	Finished   *time.Time       `json:"finished,omitempty"`
	Step       int              `json:"step"`
	Steps      int              `json:"steps"`
	Loss       *float64         `json:"loss,omitempty"`
	Val        *float64         `json:"val,omitempty"`
	Accuracy   *float64         `json:"accuracy,omitempty"`
	Parameters int              `json:"parameters,omitempty"`
	Cost       int64            `json:"cost"` // credit paid so far
	Progress   *engine.Progress `json:"progress,omitempty"`
	Waiting    bool             `json:"waiting,omitempty"` // nobody is at work on it
	Plan       planJSON         `json:"plan"`
	Spec       *job.Spec        `json:"spec,omitempty"`
	File       string           `json:"file,omitempty"` // as submitted; not in lists
}

func jobOf(v engine.View) jobJSON {
	j := jobJSON{
		ID: v.ID, Name: v.Name, Kind: v.Kind, State: v.State, Error: v.Reason, Created: v.Created.UTC(),
		Step: v.Latest.Step, Steps: v.Latest.Steps, Loss: v.Latest.Loss, Val: v.Latest.Val, Accuracy: v.Latest.Accuracy,
		Parameters: v.Plan.Parameters, Cost: int64(v.Cost), Progress: v.Progress, Waiting: v.Waiting,
		Plan: planJSON(v.Plan), Spec: v.Spec,
	}
	if j.Steps == 0 {
		j.Steps = v.Plan.Steps
	}
	if !v.Finished.IsZero() {
		finished := v.Finished.UTC()
		j.Finished = &finished
	}
	return j
}

func (a *api) submit(w http.ResponseWriter, r *http.Request) {
	dry := false
	switch v := r.URL.Query().Get("dry_run"); v {
	case "", "0", "false":
	case "1", "true":
		dry = true
	default:
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf("dry_run: %q is neither 0 nor 1", v), Field: "dry_run"})
		return
	}
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJobFile))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if dry {
		_, plan, err := a.Engine.Check(r.Context(), file)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]planJSON{"plan": planJSON(plan)})
		return
	}
	record, err := a.Engine.Submit(r.Context(), file)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/v1/jobs/"+record.ID)
	writeJSON(w, http.StatusCreated, struct {
		ID   string   `json:"id"`
		Plan planJSON `json:"plan"`
	}{record.ID, planJSON(record.Plan)})
}

// jobs lists the newest first.
func (a *api) jobs(w http.ResponseWriter, r *http.Request) {
	views, err := a.Engine.Jobs(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := make([]jobJSON, len(views))
	for i, v := range views {
		list[i] = jobOf(v)
	}
	slices.Reverse(list)
	writeJSON(w, http.StatusOK, map[string][]jobJSON{"jobs": list})
}

func (a *api) job(w http.ResponseWriter, r *http.Request) {
	v, err := a.Engine.Describe(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	j := jobOf(v)
	j.File = string(v.File)
	writeJSON(w, http.StatusOK, j)
}

func (a *api) cancel(w http.ResponseWriter, r *http.Request) {
	if err := a.Engine.Cancel(r.Context(), r.PathValue("id"), "cancelled by its submitter"); err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// artifactJSON is one file of a finished job on the wire.
type artifactJSON struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (a *api) artifacts(w http.ResponseWriter, r *http.Request) {
	files, err := a.Engine.Artifacts(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	list := make([]artifactJSON, len(files))
	for i, f := range files {
		list[i] = artifactJSON{f.Name, f.Type, f.Size, f.Hash.String()}
	}
	writeJSON(w, http.StatusOK, map[string][]artifactJSON{"artifacts": list})
}

func (a *api) artifact(w http.ResponseWriter, r *http.Request) {
	files, err := a.Engine.Artifacts(r.Context(), r.PathValue("id"))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	for _, f := range files {
		if f.Name == r.PathValue("name") {
			w.Header().Set("Content-Disposition", "attachment")
			a.serveBlob(w, r, f.Hash, f.Type)
			return
		}
	}
	a.fail(w, r, engine.ErrNotFound)
}

// receiptJSON is one line of a job's receipts: a settled shard, what it was
// computed from, and every result with its volunteer's signature, so that
// anybody can verify who said what.
type receiptJSON struct {
	Job     string       `json:"job"`
	Shard   uint64       `json:"shard"`
	Round   int          `json:"round"`
	Index   int          `json:"index"`
	Program string       `json:"program"`
	Inputs  []string     `json:"inputs"`
	Ops     int64        `json:"ops"`
	Output  string       `json:"output"`
	Verdict string       `json:"verdict"` // accepted
	At      time.Time    `json:"at"`
	Results []resultJSON `json:"results"`
}

type resultJSON struct {
	Volunteer volunteer.ID `json:"volunteer"`
	Lane      string       `json:"lane"`
	Output    string       `json:"output"`
	Verdict   string       `json:"verdict"` // confirmed, refuted or pending
	Millis    uint64       `json:"millis"`
	At        time.Time    `json:"at"`
	Token     string       `json:"token"`     // hexadecimal; with output, what the signature covers
	Signature string       `json:"signature"` // hexadecimal
}

var standings = map[trust.Standing]string{trust.Pending: "pending", trust.Confirmed: "confirmed", trust.Refuted: "refuted"}

func receiptOf(id string, r engine.Receipt) receiptJSON {
	line := receiptJSON{
		Job: id, Shard: uint64(r.Shard), Round: r.Shard.Round(), Index: r.Shard.Index(),
		Program: r.Program.String(), Inputs: make([]string, len(r.Inputs)), Ops: r.Ops,
		Output: r.Output.String(), Verdict: "accepted", At: r.At.UTC(), Results: make([]resultJSON, len(r.Results)),
	}
	for i, h := range r.Inputs {
		line.Inputs[i] = h.String()
	}
	for i, res := range r.Results {
		line.Results[i] = resultJSON{
			Volunteer: res.Volunteer, Lane: res.Lane, Output: res.Output.String(), Verdict: standings[res.Standing],
			Millis: res.Millis, At: res.At.UTC(), Token: hex.EncodeToString(res.Token), Signature: hex.EncodeToString(res.Signature[:]),
		}
	}
	return line
}

func (a *api) receipts(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if _, err := a.Engine.Artifacts(r.Context(), id); err != nil { // before the first byte: is there such a job?
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	err := a.Engine.Receipts(r.Context(), id, func(receipt engine.Receipt) error { return enc.Encode(receiptOf(id, receipt)) })
	if err == nil {
		err = out.Flush()
	}
	if err != nil && r.Context().Err() == nil {
		a.Log.Warn("receipts cut short", "job", id, "err", err)
		panic(http.ErrAbortHandler) // the status is sent: only a broken connection still tells
	}
}
