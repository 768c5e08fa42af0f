package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
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
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	State      engine.State      `json:"state"`
	Error      string            `json:"error,omitempty"` // why it failed or was cancelled; of a running job, why it is reopened
	Created    time.Time         `json:"created"`
	Finished   *time.Time        `json:"finished,omitempty"`
	Step       int               `json:"step"`
	Steps      int               `json:"steps"`
	Loss       *float64          `json:"loss,omitempty"`
	Val        *float64          `json:"val,omitempty"`
	Accuracy   *float64          `json:"accuracy,omitempty"`
	Failed     int               `json:"failed,omitempty"`        // of a map job: inputs whose run did not return
	Failures   string            `json:"failures,omitempty"`      // how these ended
	First      string            `json:"first_failure,omitempty"` // why the first of them did
	Parameters int               `json:"parameters,omitempty"`
	Cost       int64             `json:"cost"` // credit paid so far
	Progress   *engine.Progress  `json:"progress,omitempty"`
	Waiting    string            `json:"waiting,omitempty"` // what it stands still for
	Repairs    int               `json:"repairs,omitempty"` // how often results were withdrawn and computed again
	Trust      *engine.TrustView `json:"trust,omitempty"`
	Plan       planJSON          `json:"plan"`
	Spec       *job.Spec         `json:"spec,omitempty"`
	File       string            `json:"file,omitempty"` // as submitted; not in lists
}

func jobOf(v engine.View) jobJSON {
	j := jobJSON{
		ID: v.ID, Name: v.Name, Kind: v.Kind, State: v.State, Error: v.Reason, Created: v.Created.UTC(),
		Step: v.Latest.Step, Steps: v.Latest.Steps, Loss: v.Latest.Loss, Val: v.Latest.Val, Accuracy: v.Latest.Accuracy,
		Failed: v.Latest.Failed, Failures: v.Latest.Failures, First: v.Latest.FirstFailure,
		Parameters: v.Plan.Parameters, Cost: int64(v.Cost), Repairs: v.Generation, Progress: v.Progress, Waiting: v.Waiting, Trust: v.Trust,
		Plan: planJSON(v.Plan), Spec: v.Spec,
	}
	if j.Steps == 0 {
		j.Steps = v.Plan.Steps
	}
	if v.State.Ended() {
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

// fewJobs is how many jobs are listed where nobody says how many.
const fewJobs = 50

// jobs lists the newest first. What is not listed is asked for with the last of
// them as ?before.
func (a *api) jobs(w http.ResponseWriter, r *http.Request) {
	limit, err := limitOf(r, fewJobs)
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: err.Error(), Field: "limit"})
		return
	}
	q := engine.JobQuery{Limit: limit + 1, Before: r.URL.Query().Get("before"), State: engine.State(r.URL.Query().Get("state"))}
	switch q.State {
	case "", engine.Queued, engine.Running, engine.Done, engine.Failed, engine.Cancelled:
	default:
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf("state: %q is no state of a job", q.State), Field: "state"})
		return
	}
	views, err := a.Engine.Jobs(r.Context(), q)
	if errors.Is(err, engine.ErrNotFound) && q.Before != "" {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf("before: there is no job %q", q.Before), Field: "before"})
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	answer := struct {
		Jobs []jobJSON `json:"jobs"`
		Next string    `json:"next,omitempty"` // as ?before: what comes after these
	}{Jobs: []jobJSON{}}
	for i, v := range views {
		if i == limit {
			answer.Next = views[i-1].ID
			break
		}
		answer.Jobs = append(answer.Jobs, jobOf(v))
	}
	writeJSON(w, http.StatusOK, answer)
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
