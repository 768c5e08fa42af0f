package train

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// tiny is a decoder small enough for the reference device.
func tiny() *job.Spec {
	return &job.Spec{
		Kind: "train", Name: "tiny",
		Model: job.Model{Arch: "decoder", Vocab: 128, Dim: 16, Layers: job.Layers{Blocks: 1}, Heads: 2, Context: 8},
		Data:  job.Data{File: "text"},
		Train: job.Train{Steps: 3, Batch: 4, Optimizer: "adam", LR: "0.003", Warmup: 1, Schedule: "cosine", Seed: 1},
	}
}

// tinyMLP is a classifier of 4 by 4 images in 3 classes.
func tinyMLP() *job.Spec {
	return &job.Spec{
		Kind: "train", Name: "tiny-mlp",
		Model: job.Model{Arch: "mlp", Layers: job.Layers{Widths: []int{16, 8, 3}}},
		Data:  job.Data{IDX: []string{"images", "labels", "test-images", "test-labels"}},
		Train: job.Train{Epochs: 2, Batch: 8, Optimizer: "sgd", LR: "0.02", Schedule: "cosine0", Seed: 1},
	}
}

// files holds data files in memory; its read is a job.Env's Data.
type files map[string][]byte

func (f files) read(_ context.Context, name string) ([]byte, error) {
	data, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return data, nil
}

func idx(dims []uint32, element func(i int) byte) []byte {
	b := []byte{0, 0, 8, byte(len(dims))}
	n := uint32(1)
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
		n *= d
	}
	for i := range int(n) {
		b = append(b, element(i))
	}
	return b
}

// testFiles is data that tiny and tinyMLP learn from.
func testFiles() files {
	pixels := func(i int) byte { return byte(200 * (i / 16 % 3) / (1 + i%4)) }
	label := func(i int) byte { return byte(i % 3) }
	return files{
		"text":        []byte(strings.Repeat("in the beginning was the word, ", 50)),
		"images":      idx([]uint32{40, 4, 4}, pixels),
		"labels":      idx([]uint32{40}, label),
		"test-images": idx([]uint32{10, 4, 4}, pixels),
		"test-labels": idx([]uint32{10}, label),
		"short":       []byte("too short"),
		"gzip":        {0x1f, 0x8b, 8, 0, 0},
		"wide-images": idx([]uint32{40, 5, 4}, pixels),
		"few-images":  idx([]uint32{7, 4, 4}, pixels),
		"few-labels":  idx([]uint32{7}, label),
		"bad-labels":  idx([]uint32{40}, func(int) byte { return 3 }),
	}
}

func TestFieldErrors(t *testing.T) {
	tests := []struct {
		name   string
		spec   *job.Spec
		change func(*job.Spec)
		want   string
	}{
		{"method", tiny(), func(s *job.Spec) { s.Train.Method = "diloco" }, `train.method: want sync, got "diloco"`},
		{"optimizer", tiny(), func(s *job.Spec) { s.Train.Optimizer = "muon" }, "train.optimizer: want adam, lion or sgd"},
		{"schedule", tiny(), func(s *job.Spec) { s.Train.Schedule = "linear" }, "train.schedule: want cosine"},
		{"no rate", tiny(), func(s *job.Spec) { s.Train.LR = "" }, "train.lr: is missing or zero"},
		{"large rate", tiny(), func(s *job.Spec) { s.Train.LR = "0.5" }, "train.lr: 0.5 is too large for adam"},
		{"huge rate", tiny(), func(s *job.Spec) { s.Train.LR = "999999999999999999" }, "train.lr: 999999999999999999 is too large"},
		{"no batch", tiny(), func(s *job.Spec) { s.Train.Batch = 0 }, "train.batch: is missing or zero"},
		{"large batch", tiny(), func(s *job.Spec) { s.Train.Batch = 1001 }, "train.batch: must be at most 1000 sequences, got 1001"},
		{"micro-batch", tiny(), func(s *job.Spec) { s.Train.MicroBatch = 3 }, "train.micro_batch: must divide the batch of 4, got 3"},
		{"many micro-batches", tiny(), func(s *job.Spec) { s.Train.Batch, s.Train.MicroBatch = 128, 1 },
			"train.micro_batch: makes 128 micro-batches of a batch of 128, at most 64 are possible"},
		{"warm-up", tiny(), func(s *job.Spec) { s.Train.Warmup = -1 }, "train.warmup: must not be negative"},
		{"eval_every", tiny(), func(s *job.Spec) { s.Train.EvalEvery = -2 }, "train.eval_every: must be -1 for none"},
		{"no steps", tiny(), func(s *job.Spec) { s.Train.Steps = 0 }, "train.steps: is missing or zero"},
		{"many steps", tiny(), func(s *job.Spec) { s.Train.Steps = 1e9 }, "train.steps: must be between 1 and 1000000"},
		{"epochs of text", tiny(), func(s *job.Spec) { s.Train.Epochs = 1 }, "train.epochs: only classifiers have epochs"},
		{"steps and epochs", tinyMLP(), func(s *job.Spec) { s.Train.Steps = 1 }, "train.epochs: set either"},
		{"many epochs", tinyMLP(), func(s *job.Spec) { s.Train.Epochs = 1e6 }, "train.epochs: makes 5000000 steps"},

		{"no arch", tiny(), func(s *job.Spec) { s.Model.Arch = "" }, "model.arch: is missing"},
		{"arch", tiny(), func(s *job.Spec) { s.Model.Arch = "rnn" }, `model.arch: want decoder, mlp or cnn, got "rnn"`},
		{"foreign field", tinyMLP(), func(s *job.Spec) { s.Model.Heads = 4 }, "model.heads: does not belong to arch mlp"},
		{"blocks for mlp", tinyMLP(), func(s *job.Spec) { s.Model.Layers = job.Layers{Blocks: 3} }, "model.layers: want a list of widths"},
		{"widths for decoder", tiny(), func(s *job.Spec) { s.Model.Layers = job.Layers{Widths: []int{1}} }, "model.layers: want a number of blocks"},
		{"one width", tinyMLP(), func(s *job.Spec) { s.Model.Layers.Widths = []int{16} }, "model.layers: want at least"},
		{"no classes", tinyMLP(), func(s *job.Spec) { s.Model.Layers.Widths = []int{16, 1} }, "model.layers: the last width, 1"},
		{"vocab", tiny(), func(s *job.Spec) { s.Model.Vocab = 1 }, "model.vocab: must be between 2 and 65536, got 1"},
		{"context", tiny(), func(s *job.Spec) { s.Model.Context = 0 }, "model.context: must be between 1 and"},
		{"heads", tiny(), func(s *job.Spec) { s.Model.Heads = 3 }, "model"},
		{"cnn input", &job.Spec{Model: job.Model{Arch: "cnn", Classes: 3}, Data: tinyMLP().Data, Train: tinyMLP().Train},
			func(*job.Spec) {}, "model.input: want height, width and channels"},

		{"no data", tiny(), func(s *job.Spec) { s.Data = job.Data{} }, "data: set exactly one of"},
		{"two data", tiny(), func(s *job.Spec) { s.Data.Tokens = "text" }, "data: set exactly one of"},
		{"images for text", tiny(), func(s *job.Spec) { s.Data = tinyMLP().Data }, "data.idx: a decoder reads text"},
		{"text for images", tinyMLP(), func(s *job.Spec) { s.Data = tiny().Data }, "data.idx: is missing"},
		{"missing file", tiny(), func(s *job.Spec) { s.Data.File = "none" }, "data.file: there is no none"},
		{"short text", tiny(), func(s *job.Spec) { s.Data.File = "short" }, "data.file: too short"},
		{"odd tokens", tiny(), func(s *job.Spec) { s.Data = job.Data{Tokens: "short"} }, "data.tokens: tokens are two bytes each"},
		{"blob name", tiny(), func(s *job.Spec) { s.Data = job.Data{Blob: "text"} }, "data.blob: want sha256:"},
		{"missing blob", tiny(), func(s *job.Spec) { s.Data = job.Data{Blob: "sha256:" + strings.Repeat("0", 64)} }, "data.blob: there is no"},
		{"small vocabulary", tiny(), func(s *job.Spec) { s.Model.Vocab = 100 }, "data.file: byte 105 at offset 0 is outside a vocabulary of 100"},
		{"three files", tinyMLP(), func(s *job.Spec) { s.Data.IDX = s.Data.IDX[:3] }, "data.idx: want train images and labels"},
		{"missing labels", tinyMLP(), func(s *job.Spec) { s.Data.IDX[1] = "none" }, "data.idx[1]: there is no none"},
		{"damaged images", tinyMLP(), func(s *job.Spec) { s.Data.IDX[2] = "gzip" }, "data.idx[2]: not an IDX file"},
		{"wide images", tinyMLP(), func(s *job.Spec) { s.Data.IDX[0] = "wide-images" }, "model.layers: the first width is 16, the images have 5 by 4 pixels"},
		{"labels of others", tinyMLP(), func(s *job.Spec) { s.Data.IDX[1] = "test-labels" }, "data.idx[1]: 40 images but 10 labels"},
		{"label out of range", tinyMLP(), func(s *job.Spec) { s.Data.IDX[1] = "bad-labels" }, "data.idx[1]: label 3 of example 0 is outside 3 classes"},
		{"few images", tinyMLP(), func(s *job.Spec) { s.Data.IDX = []string{"few-images", "few-labels", "test-images", "test-labels"} },
			"data.idx[0]: holds 7 images to train on, fewer than one batch of 8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.change(tt.spec)
			_, err := Kind{}.Check(context.Background(), tt.spec, testEnv())
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			var field *job.FieldError
			if !errors.As(err, &field) {
				t.Errorf("%T is not a *job.FieldError", err)
			}
		})
	}
}

func TestDefaultMicroBatch(t *testing.T) {
	for batch, want := range map[int]int{16: 4, 128: 32, 1: 1, 2: 1, 3: 1, 6: 2, 10: 5, 67: 67, 9: 3} {
		if got := defaultMicroBatch(batch); got != want {
			t.Errorf("batch %d: %d, want %d", batch, got, want)
		}
	}
}

func TestEvaluations(t *testing.T) {
	for _, tt := range []struct{ steps, every, want int }{
		{10, 0, 1}, {10, 3, 4}, {10, 5, 2}, {10, 10, 1}, {10, 20, 1}, {1, 1, 1}, {10, -1, 0},
	} {
		s := settings{job.Train{Steps: tt.steps, EvalEvery: tt.every}}
		var at []int
		for step := 1; step <= tt.steps; step++ {
			if s.evaluates(step) {
				at = append(at, step)
			}
		}
		if s.evaluations() != tt.want || len(at) != tt.want || tt.want > 0 && !slices.Contains(at, tt.steps) {
			t.Errorf("%+v: %d evaluations, at %v", tt, s.evaluations(), at)
		}
	}
}
