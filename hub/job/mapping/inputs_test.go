package mapping

import (
	"archive/tar"
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// archive packs texts, with things between them that are no files.
func archive(t *testing.T, texts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, text string) {
		h.Size = int64(len(text))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range texts {
		add(tar.Header{Typeflag: tar.TypeDir, Name: "d/"}, "")
		add(tar.Header{Typeflag: tar.TypeReg, Name: "d/file"}, text)
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: "d/file"}, "")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRange(t *testing.T) {
	tests := []struct {
		r    job.Range
		want string
	}{
		{job.Range{To: 10, Step: 4}, "0 4,4 8,8 10"},
		{job.Range{From: -5, To: 5, Step: 5}, "-5 0,0 5"},
		{job.Range{From: 7, To: 8, Step: 100}, "7 8"},
		{
			job.Range{From: math.MinInt64, To: math.MaxInt64, Step: math.MaxInt64},
			"-9223372036854775808 -1,-1 9223372036854775806,9223372036854775806 9223372036854775807",
		},
	}
	for _, tt := range tests {
		in, err := openRange(tt.r)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range in.count {
			text, err := in.at(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(text))
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%+v: got %v, want %s", tt.r, got, tt.want)
		}
	}
}

func TestSettings(t *testing.T) {
	s, err := newSettings(job.Map{})
	if want := (settings{batch: 16, fuel: 1e9, memory: 64 << 20, output: 1 << 20}); err != nil || s != want {
		t.Errorf("defaults %+v, %v; want %+v", s, err, want)
	}
	if s, err := newSettings(job.Map{Output: job.MaxTaskOutput}); err != nil || s.batch != 3 {
		t.Errorf("batch of large outputs %d, %v", s.batch, err)
	}
	for _, output := range []job.Bytes{1, 4 << 10, 1 << 20, job.MaxTaskOutput} {
		s, err := newSettings(job.Map{Output: output})
		if err != nil {
			t.Fatal(err)
		}
		n := s.perRound()
		if n%s.batch != 0 || n < s.batch || n/s.batch > roundShards || int64(n)*s.worst() > roundBytes {
			t.Errorf("outputs of %v: %d inputs in a round, %d in a shard", output, n, s.batch)
		}
	}
}

// Every way to be wrong names its field.
func TestErrors(t *testing.T) {
	f := files{"m.wasm": "m", "in.txt": "a\n", "empty": "", "bad.tar": strings.Repeat("x", 600), "big": strings.Repeat("x", MaxInput+1)}
	lines := job.Inputs{Lines: "in.txt"}
	none := "sha256:" + strings.Repeat("0", 64)
	tests := []struct {
		name string
		spec job.Spec
		want string
	}{
		{"no module", job.Spec{Map: job.Map{Inputs: lines}}, "map.module: is missing"},
		{"no such module", job.Spec{Map: job.Map{Module: "x.wasm", Inputs: lines}}, "map.module: there is no x.wasm"},
		{"no such blob", job.Spec{Map: job.Map{Module: none, Inputs: lines}}, "map.module: there is no blob 0000"},
		{"no hash", job.Spec{Map: job.Map{Module: "sha256:xyz", Inputs: lines}}, "map.module: job: "},
		{"no inputs", job.Spec{Map: job.Map{Module: "m.wasm"}}, "map.inputs: set exactly one of"},
		{"two inputs", job.Spec{Map: job.Map{Inputs: job.Inputs{Lines: "a", Tar: "b"}}}, "map.inputs: set exactly one of"},
		{"no lines", job.Spec{Map: job.Map{Inputs: job.Inputs{Lines: "empty"}}}, "map.inputs.lines: has no inputs"},
		{"no such lines", job.Spec{Map: job.Map{Inputs: job.Inputs{Lines: "none"}}}, "map.inputs.lines: there is no none"},
		{"a long line", job.Spec{Map: job.Map{Inputs: job.Inputs{Lines: "big"}}}, "map.inputs.lines: input 0 has 33554433 bytes"},
		{"no files", job.Spec{Map: job.Map{Inputs: job.Inputs{Files: []string{}}}}, "map.inputs.files: has no inputs"},
		{"no such file", job.Spec{Map: job.Map{Inputs: job.Inputs{Files: []string{"in.txt", "none"}}}}, "map.inputs.files[1]: there is no none"},
		{"no name", job.Spec{Map: job.Map{Inputs: job.Inputs{Files: []string{""}}}}, "map.inputs.files[0]: is empty"},
		{"a file for a blob", job.Spec{Map: job.Map{Inputs: job.Inputs{Blobs: []string{"in.txt"}}}}, "map.inputs.blobs[0]: want sha256:"},
		{"no such input", job.Spec{Map: job.Map{Inputs: job.Inputs{Blobs: []string{none}}}}, "map.inputs.blobs[0]: there is no blob"},
		{"no archive", job.Spec{Map: job.Map{Inputs: job.Inputs{Tar: "bad.tar"}}}, "map.inputs.tar: damaged archive"},
		{"no step", job.Spec{Map: job.Map{Inputs: job.Inputs{Range: job.Range{To: 1}}}}, "map.inputs.range.step: must be at least 1, got 0"},
		{"backwards", job.Spec{Map: job.Map{Inputs: job.Inputs{Range: job.Range{From: 2, To: 1, Step: 1}}}}, "map.inputs.range.to: must be larger than from, 2, got 1"},
		{"a long range", job.Spec{Map: job.Map{Inputs: job.Inputs{Range: job.Range{From: math.MinInt64, To: math.MaxInt64, Step: 1}}}}, "map.inputs.range.step: makes 18446744073709551615 inputs"},
		{"batch", job.Spec{Map: job.Map{Inputs: lines, Batch: -1}}, "map.batch: must be between 1 and 1024, got -1"},
		{"large outputs", job.Spec{Map: job.Map{Inputs: lines, Batch: 4, Output: job.MaxTaskOutput}}, "map.batch: is 4 outputs of up to 16MiB, and a result holds 64MiB: at most 3 fit"},
		{"fuel", job.Spec{Map: job.Map{Inputs: lines, Fuel: job.MaxFuel + 1}}, "map.fuel: must be between 1 and 1099511627776"},
		{"negative fuel", job.Spec{Map: job.Map{Inputs: lines, Fuel: -1}}, "map.fuel: must be between 1 and"},
		{"memory", job.Spec{Map: job.Map{Inputs: lines, Memory: 1 << 30}}, "map.memory: must be at most 256MiB, got 1GiB"},
		{"part of a page", job.Spec{Map: job.Map{Inputs: lines, Memory: 1000}}, "map.memory: must be a multiple of 64KiB, got 1000B"},
		{"output", job.Spec{Map: job.Map{Inputs: lines, Output: 17 << 20}}, "map.output: must be at most 16MiB, got 17MiB"},
		{"on_error", job.Spec{Map: job.Map{Inputs: lines, OnError: "cry"}}, `map.on_error: want keep or fail, got "cry"`},
		{"a model", job.Spec{Map: job.Map{Inputs: lines}, Model: job.Model{Dim: 1}}, "model: does not belong to kind map"},
		{"no WebAssembly", job.Spec{Map: job.Map{Inputs: lines}}, "map.module: "},
		{"training", job.Spec{Map: job.Map{Inputs: lines}, Train: job.Train{Steps: 1}}, "train: does not belong to kind map"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.spec.Map.Module == "" && tt.name != "no module" {
				tt.spec.Map.Module = "m.wasm"
			}
			_, err := Kind{}.Check(t.Context(), &tt.spec, env(f))
			var field *job.FieldError
			if !errors.As(err, &field) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUntarBounds(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "big", Size: MaxInput + 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := untar(b.Bytes()); err == nil || !strings.Contains(err.Error(), `"big" makes it too large`) {
		t.Errorf("a large file: %v", err)
	}
}

// What an archive holds, once read, is bounded and can be packed again.
func FuzzUntar(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, text := range []string{"", "one", strings.Repeat("two", 300)} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(text))}); err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := untar(data)
		if err != nil {
			return
		}
		total := 0
		for _, file := range list {
			total += len(file)
		}
		if total > maxData {
			t.Fatalf("%d bytes", total)
		}
	})
}

// A checkpoint is restored whole or not at all. In the record, TASK and BLOB
// stand for the hashes that belong there.
func FuzzRestore(f *testing.F) {
	two := new(results)
	for range 2 {
		two.add(job.Outcome{Status: job.Returned, Fuel: 1, Output: []byte("x")})
	}
	f.Add(`{"version":1,"round":0,"task":"TASK","inputs":0,"segments":[]}`, []byte{})
	f.Add(`{"version":1,"round":1,"task":"TASK","inputs":2,"segments":[{"blob":"BLOB","size":22}]}`, two.segments[0].data)
	f.Add(`{"version":1,"round":1,"task":"TASK","inputs":2,"segments":[{"blob":"BLOB","size":3}]}`, []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, record string, segment []byte) {
		e := env(files{"m.wasm": "m", "in.txt": "a\nb\n"})
		blob, err := e.Blobs.Put(t.Context(), segment)
		if err != nil {
			t.Fatal(err)
		}
		spec := &job.Spec{Name: "x", Map: job.Map{Module: "m.wasm", Inputs: job.Inputs{Lines: "in.txt"}}}
		s, err := newSetup(t.Context(), spec, e)
		if err != nil {
			t.Fatal(err)
		}
		record = strings.NewReplacer("TASK", job.Sum(s.task.Encode()).String(), "BLOB", blob.String()).Replace(record)
		r, err := Kind{}.Start(t.Context(), spec, e, []byte(record))
		if err != nil {
			return
		}
		done := r.Round().Done
		if _, err := r.Artifacts(t.Context()); done != (err == nil) {
			t.Fatalf("done %v, artifacts %v", done, err)
		}
	})
}
