package job

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Spec is a parsed job file. Package jobfile reads and writes it, strictly;
// Validate checks what every kind shares, and the kind checks the rest. The
// zero value of an optional field means "the default", which the kind writes
// into its own copy.
//
// A field's yaml tag is its name in the job file; the json tag, used by the
// canonical encoding, is always the same word.
type Spec struct {
	Kind   string `yaml:"kind" json:"kind"`
	Name   string `yaml:"name" json:"name"`
	Model  Model  `yaml:"model" json:"model,omitzero"`
	Data   Data   `yaml:"data" json:"data,omitzero"`
	Train  Train  `yaml:"train" json:"train,omitzero"`
	Map    Map    `yaml:"map" json:"map,omitzero"`
	Trust  Trust  `yaml:"trust" json:"trust,omitzero"`
	Limits Limits `yaml:"limits" json:"limits,omitzero"`
}

// Model describes the network.
type Model struct {
	Arch   string `yaml:"arch" json:"arch,omitempty"`    // decoder | mlp | cnn
	Layers Layers `yaml:"layers" json:"layers,omitzero"` // decoder: how many blocks; mlp: widths from input to output

	// decoder
	Vocab   int    `yaml:"vocab" json:"vocab,omitempty"`
	Dim     int    `yaml:"dim" json:"dim,omitempty"`
	Heads   int    `yaml:"heads" json:"heads,omitempty"`
	Context int    `yaml:"context" json:"context,omitempty"` // tokens
	Hidden  int    `yaml:"hidden" json:"hidden,omitempty"`   // feed-forward width; default 4*dim
	FF      string `yaml:"ff" json:"ff,omitempty"`           // relu2 (default) | swiglu

	// cnn: 3x3 convolutions, each followed by ReLU and 2x2 max-pooling, then
	// one linear layer to Classes
	Input    []int `yaml:"input" json:"input,omitempty"` // height, width, channels
	Channels []int `yaml:"channels" json:"channels,omitempty"`
	Classes  int   `yaml:"classes" json:"classes,omitempty"`
}

// Layers is the job file's model.layers: a number of blocks or a list of
// widths, never both.
type Layers struct {
	Blocks int
	Widths []int
}

// IsZero reports whether the field is absent.
func (l Layers) IsZero() bool { return l.Blocks == 0 && l.Widths == nil }

// MarshalJSON writes a number or a list. (Written by hand: this package is
// part of the browser's download, encoding/json must not be.)
func (l Layers) MarshalJSON() ([]byte, error) {
	if l.Widths == nil {
		return strconv.AppendInt(nil, int64(l.Blocks), 10), nil
	}
	b := []byte{'['}
	for i, w := range l.Widths {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(w), 10)
	}
	return append(b, ']'), nil
}

// Data names the training data; exactly one field is set. A name is a file,
// resolved by whoever runs the job, or a blob written "sha256:" and 64
// hexadecimal digits; Blob accepts only the latter.
type Data struct {
	File   string   `yaml:"file" json:"file,omitempty"`     // text: bytes are tokens (byte & 127 when vocab is 128)
	Blob   string   `yaml:"blob" json:"blob,omitempty"`     // the same, held by the hub
	IDX    []string `yaml:"idx" json:"idx,omitempty"`       // train images, train labels, and optionally test images, test labels
	Tokens string   `yaml:"tokens" json:"tokens,omitempty"` // raw little-endian uint16 tokens
}

// Train says how to train.
type Train struct {
	Steps      int     `yaml:"steps" json:"steps,omitempty"`             // optimiser steps
	Epochs     int     `yaml:"epochs" json:"epochs,omitempty"`           // classifiers, instead of steps: steps = epochs * floor(examples/batch)
	Batch      int     `yaml:"batch" json:"batch,omitempty"`             // sequences or examples per step
	MicroBatch int     `yaml:"micro_batch" json:"micro_batch,omitempty"` // sequences or examples per shard; divides batch; part of the result's definition
	Optimizer  string  `yaml:"optimizer" json:"optimizer,omitempty"`     // adam | lion | sgd
	LR         Decimal `yaml:"lr" json:"lr,omitempty"`
	Warmup     int     `yaml:"warmup" json:"warmup,omitempty"`         // steps
	Schedule   string  `yaml:"schedule" json:"schedule,omitempty"`     // cosine (to 10 %) | cosine0 (to 0) | constant
	Seed       uint32  `yaml:"seed" json:"seed,omitempty"`             // of weights, data order and stochastic rounding
	Method     string  `yaml:"method" json:"method,omitempty"`         // sync
	EvalEvery  int     `yaml:"eval_every" json:"eval_every,omitempty"` // steps between evaluations; 0: only at the end; -1: none
}

// Trust says how results are to be believed. With neither Epsilon nor
// Assurance, Replicas equal results are enough, and one is the default: such a
// job trusts whoever computes it.
type Trust struct {
	// Epsilon bounds the probability that an accepted result is wrong.
	Epsilon Decimal `yaml:"epsilon" json:"epsilon,omitempty"`
	// Assurance is audited, replicated or full; audited when only Epsilon is given.
	Assurance string `yaml:"assurance" json:"assurance,omitempty"`
	// Replicas is how many volunteers compute each shard, alone or with assurance replicated.
	Replicas int `yaml:"replicas" json:"replicas,omitempty"`
}

// Limits bounds what a job may take.
type Limits struct {
	Credits  int64  `yaml:"credits" json:"credits,omitempty"`
	Deadline string `yaml:"deadline" json:"deadline,omitempty"` // Go duration, as in 2h
}

// Decimal is an exact, non-negative decimal number in its shortest plain form
// ("0.003", "12"). It is never a float, because weights depend on it. The
// empty string means absent.
type Decimal string

// MarshalJSON writes the number itself.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if d == "" {
		return []byte("0"), nil
	}
	return []byte(d), nil
}

// MaxReplicas bounds trust.replicas; MaxName bounds the length of name.
const (
	MaxReplicas = 16
	MaxName     = 100
)

// FieldError reports a field whose value cannot be used. It names the field
// as the job file writes it, as in "train.batch: must be at least 1".
type FieldError struct {
	Field   string
	Problem string
}

// Error names the field first.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Fieldf makes a FieldError.
func Fieldf(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// Validate checks the fields that mean the same to every kind. Its errors are
// FieldErrors.
func (s *Spec) Validate() error {
	switch {
	case s.Kind == "":
		return Fieldf("kind", "is missing")
	case s.Name == "":
		return Fieldf("name", "is missing")
	case len(s.Name) > MaxName:
		return Fieldf("name", "is longer than %d bytes", MaxName)
	case !printable(s.Name):
		return Fieldf("name", "may hold printable characters only")
	case s.Kind != "map" && !s.Map.IsZero():
		return Fieldf("map", "does not belong to kind %s", s.Kind)
	case s.Limits.Credits < 0:
		return Fieldf("limits.credits", "must not be negative, got %d", s.Limits.Credits)
	}
	if err := s.Trust.validate(); err != nil {
		return err
	}
	if s.Limits.Deadline != "" {
		d, err := time.ParseDuration(s.Limits.Deadline)
		if err != nil {
			return Fieldf("limits.deadline", "want a duration such as 90m or 2h, got %q", s.Limits.Deadline)
		}
		if d <= 0 {
			return Fieldf("limits.deadline", "must be positive, got %q", s.Limits.Deadline)
		}
	}
	return nil
}

// The assurances a job may ask for. Package trust says what they are worth.
const (
	Audited    = "audited"
	Replicated = "replicated"
	Full       = "full"
)

// The epsilons a job may ask for.
const (
	MinEpsilon = 1e-9
	MaxEpsilon = 0.1
)

func (t Trust) validate() error {
	if t.Replicas < 0 || t.Replicas > MaxReplicas {
		return Fieldf("trust.replicas", "must be between 1 and %d, got %d", MaxReplicas, t.Replicas)
	}
	if t.Epsilon != "" {
		e, err := strconv.ParseFloat(string(t.Epsilon), 64)
		if err != nil || !(e >= MinEpsilon && e <= MaxEpsilon) {
			return Fieldf("trust.epsilon", "must be between 0.000000001 and 0.1, got %s", t.Epsilon)
		}
	}
	switch t.Assurance {
	case "", Audited, Full:
		if t.Replicas != 0 && (t.Epsilon != "" || t.Assurance != "") {
			return Fieldf("trust.replicas", "has no meaning with assurance %s", cmp.Or(t.Assurance, Audited))
		}
	case Replicated:
		if t.Replicas < 2 {
			return Fieldf("trust.replicas", "must be between 2 and %d with assurance replicated, got %d", MaxReplicas, t.Replicas)
		}
	default:
		return Fieldf("trust.assurance", "want audited, replicated or full, got %q", t.Assurance)
	}
	return nil
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '\uFFFD' || (r >= 0x80 && r < 0xa0) {
			return false
		}
	}
	return true
}
