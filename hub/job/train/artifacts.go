package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/safetensors"
)

// Names of a finished job's files.
const (
	FileModel     = "model.safetensors"   // weights as float32, nearest to the masters
	FileMasters   = "masters.safetensors" // weights as they are: int32 in units of 2^-26
	FileConfig    = "config.json"         // the model, and how to read the weights
	FileTokenizer = "tokenizer.md"        // decoders: what a token is
	FileReport    = "train_report.json"   // Summary
)

// weightBits is the fixed point of master weights: a master m is the real
// number m / 2^26.
const weightBits = 26

// Summary is train_report.json: the outcome and the curve it was reached by.
type Summary struct {
	Name          string       `json:"name"`
	Steps         int          `json:"steps"`
	Parameters    int          `json:"parameters"`
	WeightsSHA256 string       `json:"weights_sha256"`
	LossFirst     float64      `json:"loss_first"` // mean training loss of the first step, nats
	LossLast      float64      `json:"loss_last"`
	ValLast       *float64     `json:"val_last,omitempty"` // mean held-out loss of the final weights, nats; nil: not evaluated
	AccuracyLast  *float64     `json:"accuracy_last,omitempty"`
	Curve         []job.Report `json:"curve"` // every round
}

// Artifacts returns the files of the finished run.
func (r *run) Artifacts(context.Context) ([]job.Artifact, error) {
	if !r.at.Done {
		return nil, errors.New("train: artifacts asked for before the last round")
	}
	sum := weightsHash(r.model.masters)
	notes := map[string]string{"format": "pt", "producer": "shoal", "job": r.spec.Name, "weights_sha256": sum}
	var masters, floats []safetensors.Tensor
	for i, m := range r.model.masters {
		t := safetensors.Tensor{Name: r.net.names[i], Shape: r.net.shapes[i], DType: safetensors.I32, Data: m}
		masters = append(masters, t)
		t.DType, t.Data = safetensors.F32, toFloats(m)
		floats = append(floats, t)
	}
	var files []job.Artifact
	var errs error
	file := func(name, mediaType string, data []byte, err error) {
		errs = errors.Join(errs, err)
		files = append(files, job.Artifact{Name: name, Type: mediaType, Data: data})
	}
	const binary = "application/octet-stream"
	data, err := safetensors.Encode(floats, notes)
	file(FileModel, binary, data, err)
	data, err = safetensors.Encode(masters, notes)
	file(FileMasters, binary, data, err)
	data, err = r.config(sum)
	file(FileConfig, "application/json", data, err)
	if note := r.tokenizer(); note != "" {
		file(FileTokenizer, "text/markdown; charset=utf-8", []byte(note), nil)
	}
	data, err = json.MarshalIndent(r.summary(sum), "", "  ")
	file(FileReport, "application/json", data, err)
	if errs != nil {
		return nil, fmt.Errorf("train: artifacts: %w", errs)
	}
	return files, nil
}

func (r *run) summary(sum string) Summary {
	s := Summary{
		Name: r.spec.Name, Steps: r.Steps, Parameters: r.plan().Parameters,
		WeightsSHA256: sum, Curve: r.curve,
	}
	for _, report := range r.curve {
		if report.Loss != nil {
			if report.Step == 1 {
				s.LossFirst = *report.Loss
			}
			s.LossLast = *report.Loss
		}
		if report.Val != nil {
			s.ValLast, s.AccuracyLast = report.Val, report.Accuracy
		}
	}
	return s
}

// config says what a reader of the weights must know.
func (r *run) config(sum string) ([]byte, error) {
	spec, err := jobfile.Encode(r.spec)
	if err != nil {
		return nil, err
	}
	type weights struct {
		SHA256 string `json:"sha256"`
		Hashed string `json:"hashed"`
		Fixed  int    `json:"master_fraction_bits"`
	}
	return json.MarshalIndent(struct {
		Model      job.Model       `json:"model"`
		Parameters int             `json:"parameters"`
		Weights    weights         `json:"weights"`
		Job        json.RawMessage `json:"job"`
	}{
		Model:      r.net.model,
		Parameters: r.plan().Parameters,
		Weights: weights{
			SHA256: sum,
			Hashed: "all tensors of masters.safetensors in the file's order, little-endian int32, nothing between them",
			Fixed:  weightBits,
		},
		Job: spec,
	}, "", "  ")
}

// tokenizer says what a decoder's tokens are.
func (r *run) tokenizer() string {
	m := r.spec.Model
	switch {
	case m.Arch != "decoder":
		return ""
	case r.spec.Data.Tokens != "":
		return "# Tokens\n\nTokens are the 16-bit numbers, 0 to " + strconv.Itoa(m.Vocab-1) +
			", of the job's token file. The tokenizer that made the file is not part of the job.\n"
	case m.Vocab == 128:
		return "# Tokens\n\nA token is one byte of text with its highest bit cleared: token = byte & 127. " +
			"There are no special tokens, neither for the beginning nor for the end of a text.\n"
	}
	return "# Tokens\n\nA token is one byte of text. " +
		"There are no special tokens, neither for the beginning nor for the end of a text.\n"
}

// weightsHash is the weights_sha256 of a run (see the package comment).
func weightsHash(masters [][]byte) string {
	h := sha256.New()
	for _, m := range masters {
		h.Write(m)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// toFloats makes float32 of masters. The conversion of an int32 rounds to
// nearest, ties to even, and the scaling by a power of two is exact: both are
// IEEE 754 and the same on every processor.
func toFloats(master []byte) []byte {
	out := make([]byte, 0, len(master))
	for i := range len(master) / 4 {
		bits := math.Float32bits(float32(element(master, i)) * (1.0 / (1 << weightBits)))
		out = append(out, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return out
}
