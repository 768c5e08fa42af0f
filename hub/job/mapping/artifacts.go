package mapping

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/shoal-compute/shoal/hub/job"
)

// Names of a finished job's files.
const (
	FileOutputs = "outputs.jsonl" // a Line for every input
	FileReport  = "report.json"   // Summary
	FileTar     = "outputs.tar"   // outputs that are files, when there are many
)

const (
	maxFiles    = 256 // outputs that are files of their own
	maxFailures = 100 // failed runs listed in the summary
)

// Line is what outputs.jsonl says of one input. Of the last six fields, a run
// that returned has Output or OutputBase64, or Bytes and SHA256 where it is a
// file; one that failed has a Complaint, if it made one.
type Line struct {
	Index        int     `json:"index"`
	Status       string  `json:"status"` // Word
	Fuel         uint64  `json:"fuel"`
	Output       *string `json:"output,omitempty"`
	OutputBase64 []byte  `json:"output_base64,omitempty"`
	Bytes        *int    `json:"bytes,omitempty"`
	SHA256       string  `json:"sha256,omitempty"`
	Complaint    string  `json:"complaint,omitempty"` // what is not UTF-8 replaced
}

// Summary is report.json.
type Summary struct {
	Name          string         `json:"name"`
	ModuleSHA256  string         `json:"module_sha256"`
	OutputsSHA256 string         `json:"outputs_sha256"` // of outputs.jsonl
	Inputs        int            `json:"inputs"`
	Returned      int            `json:"returned"`
	Failed        int            `json:"failed"`
	Statuses      map[string]int `json:"statuses"`
	Fuel          uint64         `json:"fuel"` // instructions of all runs
	OutputBytes   int64          `json:"output_bytes"`
	Failures      []Failure      `json:"failures,omitempty"` // the first hundred
}

// Failure is a run that did not return.
type Failure struct {
	Index  int    `json:"index"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// Artifacts returns the files of the finished run.
func (r *run) Artifacts(ctx context.Context) ([]job.Artifact, error) {
	if !r.round.Done {
		return nil, errors.New("map: artifacts asked for before the last round")
	}
	sum := Summary{
		Name:         r.name,
		ModuleSHA256: r.task.Module.String(),
		Inputs:       r.results.Inputs,
		Returned:     r.results.returned(),
		Failed:       r.results.Inputs - r.results.returned(),
		Statuses:     r.results.Statuses,
		Fuel:         r.results.Fuel,
		OutputBytes:  r.results.Bytes,
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	files := fileWriter{packed: sum.Returned > maxFiles}
	err := r.results.each(ctx, r.env.Blobs, r.task, func(i int, o job.Outcome) error {
		if o.Status != job.Returned && len(sum.Failures) < maxFailures {
			sum.Failures = append(sum.Failures, Failure{i, Word(o.Status), Reason(o)})
		}
		if o.Status == job.Returned && r.inputs.files {
			if err := files.add(i, o.Output); err != nil {
				return err
			}
		}
		return enc.Encode(NewLine(i, o, r.inputs.files))
	})
	if err != nil {
		return nil, fmt.Errorf("map: artifacts: %w", err)
	}
	sum.OutputsSHA256 = job.Sum(lines.Bytes()).String()
	report, err := json.MarshalIndent(sum, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("map: artifacts: %w", err)
	}
	list := []job.Artifact{
		{Name: FileOutputs, Type: "application/jsonl", Data: lines.Bytes()},
		{Name: FileReport, Type: "application/json", Data: append(report, '\n')},
	}
	rest, err := files.close()
	if err != nil {
		return nil, fmt.Errorf("map: artifacts: %w", err)
	}
	return append(list, rest...), nil
}

// NewLine describes the outcome of input i; file says that outputs are files.
func NewLine(i int, o job.Outcome, file bool) Line {
	l := Line{Index: i, Status: Word(o.Status), Fuel: o.Fuel}
	switch {
	case o.Status != job.Returned:
		l.Complaint = strings.ToValidUTF8(string(o.Output), string(utf8.RuneError))
	case file:
		size, sum := len(o.Output), job.Sum(o.Output)
		l.Bytes, l.SHA256 = &size, hex.EncodeToString(sum[:])
	case utf8.Valid(o.Output):
		text := string(o.Output)
		l.Output = &text
	default:
		l.OutputBase64 = o.Output
	}
	return l
}

// fileWriter makes files of outputs, or one archive of all.
type fileWriter struct {
	packed  bool
	files   []job.Artifact
	archive bytes.Buffer
	tar     *tar.Writer
}

func (w *fileWriter) add(i int, data []byte) error {
	kind := sniff(data)
	name := fmt.Sprintf("output-%04d%s", i, kind.ext)
	if !w.packed {
		w.files = append(w.files, job.Artifact{Name: name, Type: kind.media, Data: bytes.Clone(data)})
		return nil
	}
	if w.tar == nil {
		w.tar = tar.NewWriter(&w.archive)
	}
	// Without times and owners, equal outputs make equal archives.
	head := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatUSTAR}
	if err := w.tar.WriteHeader(&head); err != nil {
		return err
	}
	_, err := w.tar.Write(data)
	return err
}

func (w *fileWriter) close() ([]job.Artifact, error) {
	if w.tar == nil {
		return w.files, nil
	}
	if err := w.tar.Close(); err != nil {
		return nil, err
	}
	return []job.Artifact{{Name: FileTar, Type: "application/x-tar", Data: w.archive.Bytes()}}, nil
}

// kind is what a file is called by its looks.
type kind struct{ media, ext string }

// harmless are the types that are told apart. Anything that a browser could run
// on the hub's page, markup above all, is shown as text or not at all.
var harmless = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp",
	"audio/wave": ".wav", "audio/mpeg": ".mp3", "application/ogg": ".ogg", "video/mp4": ".mp4", "video/webm": ".webm",
	"application/zip": ".zip", "application/x-gzip": ".gz",
}

func sniff(data []byte) kind {
	media := http.DetectContentType(data)
	if ext, ok := harmless[media]; ok {
		return kind{media, ext}
	}
	if strings.HasPrefix(media, "text/") && utf8.Valid(data) {
		return kind{"text/plain; charset=utf-8", ".txt"}
	}
	return kind{"application/octet-stream", ".bin"}
}
