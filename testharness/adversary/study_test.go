package adversary_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// study is a small training job: its job file but for the trust section.
type study struct{ name, file string }

// The studies. Their data is generated below.
var (
	// mlp: 6 steps of 4 shards and an evaluation at the end.
	mlp = study{"mlp", `
kind: train
name: a small classifier
model: {arch: mlp, layers: [16, 8, 3]}
data: {idx: [images, labels, test-images, test-labels]}
train: {steps: 6, batch: 8, micro_batch: 2, optimizer: sgd, lr: 0.0001, schedule: constant}
`}
	// decoder: 6 steps of 2 shards, no evaluation.
	decoder = study{"decoder", `
kind: train
name: a small decoder
model: {arch: decoder, layers: 1, vocab: 128, dim: 16, heads: 2, context: 8}
data: {file: text}
train: {steps: 6, batch: 4, micro_batch: 2, optimizer: adam, lr: 0.01, schedule: constant, eval_every: -1}
`}
	// long: 30 steps of 2 shards.
	long = study{"long", `
kind: train
name: a longer one
model: {arch: mlp, layers: [16, 8, 3]}
data: {idx: [images, labels, test-images, test-labels]}
train: {steps: 30, batch: 4, micro_batch: 2, optimizer: sgd, lr: 0.0001, schedule: constant, eval_every: -1}
`}
	// veteran: 900 steps of 2 shards: enough for volunteers to become known, and to
	// have earned what a lie would cost them.
	veteran = study{"veteran", `
kind: train
name: a long way
model: {arch: mlp, layers: [16, 3]}
data: {idx: [images, labels, test-images, test-labels]}
train: {steps: 900, batch: 4, micro_batch: 2, optimizer: sgd, lr: 0.0001, schedule: constant, eval_every: -1}
`}
	// grain: as little as can be trained: 3 steps of 2 shards.
	grain = study{"grain", `
kind: train
name: a grain
model: {arch: mlp, layers: [16, 3]}
data: {idx: [images, labels, test-images, test-labels]}
train: {steps: 3, batch: 4, micro_batch: 2, optimizer: sgd, lr: 0.0001, schedule: constant, eval_every: -1}
`}
)

// with returns the job file with a trust section.
func (s study) with(trust string) []byte {
	return []byte(strings.TrimSpace(s.file) + "\ntrust: {" + trust + "}\n")
}

// files are the data of all studies: images whose bright rows tell their
// class, and a text that repeats itself.
var files = sync.OnceValue(func() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	idx := func(n int, dims []uint32, element func(i int) byte) []byte {
		b := []byte{0, 0, 8, byte(1 + len(dims))}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
		size := n
		for _, d := range dims {
			b = binary.BigEndian.AppendUint32(b, d)
			size *= int(d)
		}
		for i := range size {
			b = append(b, element(i))
		}
		return b
	}
	label := func(i int) byte { return byte(i % 3) }
	pixel := func(i int) byte {
		if i%16/4 == int(label(i/16)) {
			return byte(150 + rng.IntN(100))
		}
		return byte(rng.IntN(60))
	}
	return map[string][]byte{
		"images": idx(48, []uint32{4, 4}, pixel), "labels": idx(48, nil, label),
		"test-images": idx(12, []uint32{4, 4}, pixel), "test-labels": idx(12, nil, label),
		"text": bytes.Repeat([]byte("the quick brown fox jumps over the lazy dog. "), 40),
	}
})

func readFile(_ context.Context, name string) ([]byte, error) {
	if data, ok := files()[name]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("no data file %q: %w", name, fs.ErrNotExist)
}

// lane opens the device that players compute on.
func lane() device.Device {
	d, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		panic(err) // the plain Go lane is always there
	}
	return d
}

// weights is the file that two runs of one job must agree on.
const weights = train.FileMasters

// computed are the weights of studies that have been computed, by name.
var computed sync.Map // of job.Hash

// alone runs the study without a hub, as `shoal reproduce` does, and returns
// the SHA-256 of its weights.
func (s study) alone(t testing.TB) job.Hash {
	t.Helper()
	if h, ok := computed.Load(s.name); ok {
		return h.(job.Hash)
	}
	spec, err := jobfile.Parse(s.with("replicas: 1"))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := all.ByName(spec.Kind)
	if err != nil {
		t.Fatal(err)
	}
	d := lane()
	defer d.Close()
	res, err := local.Run(t.Context(), kind, spec, local.Config{Device: d, Data: readFile})
	if err != nil {
		t.Fatal(err)
	}
	data, err := res.Artifact(weights)
	if err != nil {
		t.Fatal(err)
	}
	h := job.Sum(data)
	computed.Store(s.name, h)
	return h
}
