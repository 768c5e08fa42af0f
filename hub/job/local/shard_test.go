package local

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// What nobody can compute is told from what cannot be computed here.
func TestErrShard(t *testing.T) {
	ctx := t.Context()
	blobs := NewBlobs()
	put := func(data []byte) job.Hash {
		h, err := blobs.Put(ctx, data)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	var b program.Builder
	x, y := b.Input("x", ops.Int32(-1<<20, 1<<20, 1)), b.Input("y", ops.Int32(0, 10, 1))
	b.Output("out", b.One(ops.ByName("add"), []program.Value{x, y}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	add := put(p.Encode())
	one := job.Input{Data: word(1)}
	task := job.Task{Module: put(selftest.Module), Fuel: 1000, Memory: 16, Output: 16}
	module := func(code []byte) job.Hash {
		t := task
		t.Module = put(code)
		return put(t.Encode())
	}
	absent := task
	absent.Module = job.Sum([]byte("absent"))
	for _, c := range []struct {
		name  string
		shard job.Shard
		want  string // of ErrShard; empty: the error is another
	}{
		{"no program", job.Shard{Program: put([]byte("garbage"))}, "damaged encoding"},
		{"half a program", job.Shard{Program: put(p.Encode()[:20])}, "damaged encoding"},
		{"half a task", job.Shard{Program: put(task.Encode()[:20])}, "no task"},
		{"no module", job.Shard{Program: module([]byte("garbage")), Inputs: []job.Input{one}}, "no WebAssembly"},
		{"too few inputs", job.Shard{Program: add, Inputs: []job.Input{one}}, "1 inputs, the program has 2"},
		{"too many inputs", job.Shard{Program: add, Inputs: []job.Input{one, one, one}}, "3 inputs, the program has 2"},
		{"a short input", job.Shard{Program: add, Inputs: []job.Input{one, {Blob: put([]byte{1})}}}, "input y has 1 bytes"},
		{"out of range", job.Shard{Program: add, Inputs: []job.Input{one, {Blob: put(word(11))}}}, "outside"},
		{"absent program", job.Shard{Program: job.Sum([]byte("absent"))}, ""},
		{"absent input", job.Shard{Program: add, Inputs: []job.Input{one, {Blob: job.Sum([]byte("absent"))}}}, ""},
		{"absent module", job.Shard{Program: put(absent.Encode()), Inputs: []job.Input{one}}, ""},
	} {
		e := NewExecutor(reference.New(), blobs)
		e.Sandbox = box(t)
		_, err := e.Execute(ctx, c.shard)
		switch {
		case c.want == "" && (errors.Is(err, ErrShard) || !errors.Is(err, fs.ErrNotExist)):
			t.Errorf("%s: %v, want that something is not there", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrShard) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want ErrShard with %q", c.name, err, c.want)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
