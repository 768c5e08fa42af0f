package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/shoal-compute/shoal/hub/internal/engine"
)

// problem is an RFC 9457 problem; its type is about:blank, so its title is
// the status's.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"` // of the job file or the query
}

func writeProblem(w http.ResponseWriter, p problem) {
	p.Title = http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the peer has gone: nobody to tell
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("httpapi: %T does not encode: %v", v, err)) // our own types
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the peer has gone: nobody to tell
}

// fail answers an error. What is the hub's own fault is logged in full and
// told in one sentence.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	var (
		invalid *engine.InvalidError
		tooBig  *http.MaxBytesError
	)
	switch {
	case errors.As(err, &invalid):
		writeProblem(w, problem{Status: http.StatusUnprocessableEntity, Detail: invalid.Error(), Field: invalid.Field})
	case errors.As(err, &tooBig):
		writeProblem(w, problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes", tooBig.Limit)})
	case errors.Is(err, engine.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		writeProblem(w, problem{Status: http.StatusNotFound, Detail: "there is nothing at " + r.URL.Path})
	case errors.Is(err, engine.ErrFinished):
		writeProblem(w, problem{Status: http.StatusConflict, Detail: "the job has already ended"})
	case errors.Is(err, engine.ErrStopping):
		writeProblem(w, problem{Status: http.StatusServiceUnavailable, Detail: "the hub is shutting down"})
	case r.Context().Err() != nil: // the peer has gone
	default:
		a.Log.Error("request failed", "path", r.URL.Path, "err", err)
		writeProblem(w, problem{Status: http.StatusInternalServerError, Detail: "the hub has failed; its log says why"})
	}
}

// manyRows is how many small rows are listed where nobody says how many.
const manyRows = 100

// limitOf reads ?limit=, from 1 to 1000.
func limitOf(r *http.Request, otherwise int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1000 {
		return 0, fmt.Errorf("limit: %q is not a number from 1 to 1000", text)
	}
	return n, nil
}
