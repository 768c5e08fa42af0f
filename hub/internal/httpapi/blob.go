package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/job"
)

// forever is how long an answer that is named by its hash may be cached.
const forever = "public, max-age=31536000, immutable"

func (a *api) getBlob(w http.ResponseWriter, r *http.Request) {
	h, err := job.ParseHash(r.PathValue("sha256"))
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must end in 64 hexadecimal digits", Field: "sha256"})
		return
	}
	a.serveBlob(w, r, h, "application/octet-stream")
}

// serveBlob sends a blob, or the part of it that was asked for.
func (a *api) serveBlob(w http.ResponseWriter, r *http.Request, h job.Hash, mediaType string) {
	f, err := a.Blobs.Open(h)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer f.Close()
	header := w.Header()
	header.Set("Cache-Control", forever)
	header.Set("Content-Type", mediaType)
	header.Set("ETag", `"`+h.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
}

func (a *api) putBlob(w http.ResponseWriter, r *http.Request) {
	var want *job.Hash
	if name := r.PathValue("sha256"); name != "" {
		h, err := job.ParseHash(name)
		if err != nil {
			writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must end in 64 hexadecimal digits", Field: "sha256"})
			return
		}
		want = &h
	}
	h, err := a.Engine.Upload(r.Context(), http.MaxBytesReader(w, r.Body, a.MaxUpload), want)
	switch {
	case errors.Is(err, blobs.ErrMismatch):
		writeProblem(w, problem{Status: http.StatusUnprocessableEntity, Detail: err.Error(), Field: "sha256"})
	case err != nil:
		a.fail(w, r, err)
	default:
		w.Header().Set("Location", "/blob/"+h.String())
		writeJSON(w, http.StatusCreated, map[string]string{"sha256": h.String()})
	}
}
