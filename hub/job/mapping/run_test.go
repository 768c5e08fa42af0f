package mapping

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
)

// files are data files by name.
type files map[string]string

func (f files) read(_ context.Context, name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

func env(f files) job.Env { return job.Env{Blobs: local.NewBlobs(), Data: f.read} }

func start(t *testing.T, m job.Map, e job.Env, checkpoint []byte) *run {
	t.Helper()
	if m.Module == "" {
		m.Module = "m.wasm"
	}
	r, err := Kind{}.Start(t.Context(), &job.Spec{Kind: "map", Name: "x", Map: m}, e, checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return r.(*run)
}

// upper is what a volunteer would return whose module makes capitals, and does
// not like the letter q.
func upper(in []byte) job.Outcome {
	fuel := uint64(100 + len(in))
	if bytes.ContainsRune(in, 'q') {
		return job.Outcome{Status: job.Exited, Fuel: fuel, Output: []byte("upper.go:7\nno q, please\n")}
	}
	out := bytes.Clone(in)
	for i, c := range out {
		if 'a' <= c && c <= 'z' {
			out[i] = c - 'a' + 'A'
		}
	}
	return job.Outcome{Status: job.Returned, Fuel: fuel, Output: out}
}

// compute returns the outputs of the current round.
func compute(t *testing.T, r *run, f func([]byte) job.Outcome) [][][]byte {
	t.Helper()
	var outputs [][][]byte
	for _, s := range r.Round().Shards {
		var shard [][]byte
		for _, in := range s.Inputs {
			data := in.Data
			if data == nil {
				var err error
				if data, err = r.env.Blobs.Get(t.Context(), in.Blob); err != nil {
					t.Fatal(err)
				}
			}
			shard = append(shard, f(data).Encode())
		}
		outputs = append(outputs, shard)
	}
	return outputs
}

// finish takes the run to its end and returns its files.
func finish(t *testing.T, r *run, f func([]byte) job.Outcome) map[string]job.Artifact {
	t.Helper()
	for !r.Round().Done {
		if _, err := r.Fold(t.Context(), compute(t, r, f)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := r.Artifacts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]job.Artifact{}
	for _, a := range list {
		byName[a.Name] = a
	}
	return byName
}

func TestLines(t *testing.T) {
	e := env(files{"m.wasm": "module", "in.txt": "one\r\n\nquit\n\xffb"})
	r := start(t, job.Map{Inputs: job.Inputs{Lines: "in.txt"}, Batch: 3, Fuel: 1000, Memory: 1 << 20, Output: 64}, e, nil)

	round := r.Round()
	if len(round.Shards) != 2 || len(round.Shards[0].Inputs) != 3 || round.Shards[0].Cost != 3000 || round.Shards[1].Cost != 1000 {
		t.Fatalf("shards %+v", round.Shards)
	}
	code, err := e.Blobs.Get(t.Context(), round.Shards[0].Program)
	if err != nil {
		t.Fatal(err)
	}
	task, err := job.DecodeTask(code)
	if want := (job.Task{Module: job.Sum([]byte("module")), Fuel: 1000, Memory: 16, Output: 64}); err != nil || task != want {
		t.Errorf("task %+v, %v; want %+v", task, err, want)
	}
	if _, err := e.Blobs.Get(t.Context(), task.Module); err != nil {
		t.Error(err)
	}

	report, err := r.Fold(t.Context(), compute(t, r, upper))
	if want := (job.Report{Step: 4, Steps: 4, Failed: 1, Failures: "1 exited with an error",
		FirstFailure: "input 2 exited with an error after 104 instructions: no q, please"}); err != nil || report != want {
		t.Errorf("report %+v, %v; want %+v", report, err, want)
	}
	got := finish(t, r, upper)
	const want = `{"index":0,"status":"returned","fuel":103,"output":"ONE"}
{"index":1,"status":"returned","fuel":100,"output":""}
{"index":2,"status":"exited","fuel":104,"complaint":"upper.go:7\nno q, please\n"}
{"index":3,"status":"returned","fuel":102,"output_base64":"/0I="}
`
	if lines := string(got[FileOutputs].Data); lines != want {
		t.Errorf("got\n%swant\n%s", lines, want)
	}
	var sum Summary
	if err := json.Unmarshal(got[FileReport].Data, &sum); err != nil {
		t.Fatal(err)
	}
	if sum.Inputs != 4 || sum.Returned != 3 || sum.Failed != 1 || sum.Fuel != 409 || sum.OutputBytes != 3+2+24 ||
		sum.OutputsSHA256 != job.Sum([]byte(want)).String() || sum.Statuses["exited"] != 1 {
		t.Errorf("summary %+v", sum)
	}
	if f := (Failure{2, "exited", "exited with an error after 104 instructions: no q, please"}); !slices.Equal(sum.Failures, []Failure{f}) {
		t.Errorf("failures %+v, want %+v", sum.Failures, f)
	}
	if len(got) != 2 {
		t.Errorf("files %v", got)
	}
}

// Equal inputs make equal outputs whichever way they are named.
func TestFileForms(t *testing.T) {
	png := "\x89PNG\x0D\x0A\x1A\x0A...."
	html := "<html>" + strings.Repeat("x", 2*maxInline)
	echo := func(in []byte) job.Outcome { return job.Outcome{Status: job.Returned, Fuel: 1, Output: in} }
	e := env(files{"m.wasm": "m", "a": png, "b": html, "ab.tar": archive(t, png, html)})
	var names []string
	for _, text := range []string{png, html} {
		h, err := e.Blobs.Put(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, "sha256:"+h.String())
	}
	var first map[string]job.Artifact
	for _, in := range []job.Inputs{{Files: []string{"a", "b"}}, {Files: names}, {Blobs: names}, {Tar: "ab.tar"}} {
		got := finish(t, start(t, job.Map{Inputs: in}, e, nil), echo)
		if first == nil {
			first = got
			for name, media := range map[string]string{"output-0000.png": "image/png", "output-0001.txt": "text/plain; charset=utf-8"} {
				if a, ok := got[name]; !ok || a.Type != media {
					t.Errorf("%s is %q, want %s", name, a.Type, media)
				}
			}
		}
		if string(got["output-0000.png"].Data) != png || string(got["output-0001.txt"].Data) != html {
			t.Errorf("%+v: files %v", in, got)
		}
		if !bytes.Equal(got[FileOutputs].Data, first[FileOutputs].Data) {
			t.Errorf("%+v: %s", in, got[FileOutputs].Data)
		}
	}
}

func TestManyFiles(t *testing.T) {
	texts := make([]string, maxFiles+1)
	for i := range texts {
		texts[i] = fmt.Sprint("text ", i)
	}
	e := env(files{"m.wasm": "m", "in.tar": archive(t, texts...)})
	got := finish(t, start(t, job.Map{Inputs: job.Inputs{Tar: "in.tar"}}, e, nil), upper)
	if len(got) != 3 {
		t.Fatalf("%d files", len(got))
	}
	list, err := untar(got[FileTar].Data)
	if err != nil || len(list) != len(texts) || string(list[256]) != "TEXT 256" {
		t.Errorf("%d files in the archive, %v", len(list), err)
	}
}

// A run resumed from any checkpoint ends with the same files, from what the
// checkpoint says is needed alone.
func TestCheckpoints(t *testing.T) {
	m := job.Map{
		Inputs: job.Inputs{Range: job.Range{From: -3, To: 320, Step: 2}},
		Output: job.MaxTaskOutput, Batch: 1, // so that rounds are small
	}
	f := files{"m.wasm": "m"}
	grow := func(in []byte) job.Outcome { // a segment is full after a few
		return job.Outcome{Status: job.Returned, Fuel: 7, Output: bytes.Repeat(in, 20_000)}
	}
	want := finish(t, start(t, m, env(f), nil), grow)

	e := env(f)
	r := start(t, m, e, nil)
	if n := len(r.Round().Shards); n < 10 || n > 80 {
		t.Fatalf("%d shards in a round", n)
	}
	for rounds := 0; ; rounds++ {
		c, err := r.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		moved := env(f)
		for _, h := range c.Blobs {
			data, err := e.Blobs.Get(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := moved.Blobs.Put(t.Context(), data); err != nil {
				t.Fatal(err)
			}
		}
		again := start(t, m, moved, c.Record)
		if a, b := again.Round(), r.Round(); a.Index != b.Index || len(a.Shards) != len(b.Shards) || a.Index != rounds {
			t.Fatalf("resumed at round %d with %d shards, want %d with %d", a.Index, len(a.Shards), b.Index, len(b.Shards))
		}
		// Kept outcomes and new ones make the same blobs: few are written anew.
		if c2, err := again.Checkpoint(t.Context()); err != nil || !slices.Equal(c2.Blobs, c.Blobs) || !bytes.Equal(c2.Record, c.Record) {
			t.Errorf("after round %d: checkpoint %s, %v, want %s", rounds, c2.Record, err, c.Record)
		}
		if got := finish(t, again, grow); !bytes.Equal(got[FileOutputs].Data, want[FileOutputs].Data) || !bytes.Equal(got[FileReport].Data, want[FileReport].Data) {
			t.Errorf("resumed after %d rounds: %s", rounds, got[FileReport].Data)
		}
		if r.Round().Done {
			if rounds != 3 {
				t.Errorf("%d rounds", rounds)
			}
			return
		}
		if _, err := r.Fold(t.Context(), compute(t, r, grow)); err != nil {
			t.Fatal(err)
		}
	}
}

// A report says how runs failed so far, and why the first did, also after the
// hub was restarted in between.
func TestFailures(t *testing.T) {
	m := job.Map{
		Inputs: job.Inputs{Range: job.Range{From: 0, To: 150, Step: 1}},
		Output: job.MaxTaskOutput, Batch: 1, // so that there are rounds
	}
	fail := func(in []byte) job.Outcome {
		switch string(in) {
		case "3 4":
			return job.Outcome{Status: job.OutOfFuel, Fuel: 7}
		case "4 5", "149 150":
			return job.Outcome{Status: job.Trapped, Fuel: 8, Output: []byte("oh")}
		}
		return job.Outcome{Status: job.Returned, Fuel: 9, Output: in}
	}
	e := env(files{"m.wasm": "m"})
	r := start(t, m, e, nil)
	var last job.Report
	rounds := 0
	for ; !r.Round().Done; rounds++ {
		var err error
		if last, err = r.Fold(t.Context(), compute(t, r, fail)); err != nil {
			t.Fatal(err)
		}
		const first = "input 3 ran out of fuel after 7 instructions"
		if counts := last.Failures; last.FirstFailure != first || last.Failed < 3 && counts != "1 trapped, 1 ran out of fuel" {
			t.Errorf("round %d: %+v", last.Round, last)
		}
		c, err := r.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r = start(t, m, e, c.Record)
	}
	if rounds < 2 || last.Failed != 3 || last.Failures != "2 trapped, 1 ran out of fuel" {
		t.Errorf("%d rounds, at last %+v", rounds, last)
	}
}

func TestRestoreErrors(t *testing.T) {
	e := env(files{"m.wasm": "m", "other.wasm": "o", "in.txt": "a\nb\n"})
	m := job.Map{Module: "m.wasm", Inputs: job.Inputs{Lines: "in.txt"}}
	r := start(t, m, e, nil)
	finish(t, r, upper)
	c, err := r.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	good := string(c.Record)
	tests := []struct{ name, record, want string }{
		{"nothing", "", "map: checkpoint"},
		{"unknown field", `{"weights":[]}`, "unknown field"},
		{"version", strings.Replace(good, `"version":1`, `"version":2`, 1), "checkpoint of version 2"},
		{"too many", strings.Replace(good, `"inputs":2`, `"inputs":3`, 1), "after 3 of 2 inputs"},
		{"too few", strings.Replace(good, `"inputs":2`, `"inputs":1`, 1), "after 1 of 2 inputs"},
		{"round", strings.Replace(good, `"round":1`, `"round":0`, 1), "before round 0"},
		{"no blob", strings.Replace(good, c.Blobs[0].String(), job.Sum(nil).String(), 1), "file does not exist"},
		{"size", strings.Replace(good, `"size":`, `"size":9`, 1), "bytes, want"},
		{"bad name", strings.Replace(good, c.Blobs[0].String(), "zz", 1), "segment 0"},
	}
	for _, tt := range tests {
		if _, err := (Kind{}).Start(t.Context(), &job.Spec{Name: "x", Map: m}, e, []byte(tt.record)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	m.Module = "other.wasm"
	if _, err := (Kind{}).Start(t.Context(), &job.Spec{Name: "x", Map: m}, e, []byte(good)); err == nil || !strings.Contains(err.Error(), "another module") {
		t.Errorf("another module: %v", err)
	}
}

func TestFoldErrors(t *testing.T) {
	e := env(files{"m.wasm": "m", "in.txt": "a\nquit\nb\n"})
	m := job.Map{Inputs: job.Inputs{Lines: "in.txt"}, Batch: 2, Fuel: 1000, Output: 8, OnError: "fail"}
	fine := upper([]byte("a")).Encode()
	tests := []struct {
		name    string
		outputs [][][]byte
		want    string
	}{
		{"no shards", nil, "outputs of 0 shards, want 2"},
		{"missing", [][][]byte{{fine}, {fine}}, "shard 0: 1 outcomes, want 2"},
		{"no outcome", [][][]byte{{fine, fine}, {{1, 2}}}, "shard 1: job: malformed encoding"},
		{"too long", [][][]byte{{fine, fine}, {job.Outcome{Status: job.Returned, Output: make([]byte, 9)}.Encode()}}, "want at most 8"},
		{"a failed run", [][][]byte{{fine, job.Outcome{Status: job.OutOfFuel, Fuel: 1000}.Encode()}, {fine}}, "map: input 1 ran out of fuel after 1000 instructions"},
	}
	for _, tt := range tests {
		r := start(t, m, e, nil)
		if _, err := r.Fold(t.Context(), tt.outputs); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if r.results.Inputs != 0 || r.Round().Index != 0 {
			t.Errorf("%s: the run moved", tt.name)
		}
		if _, err := r.Artifacts(t.Context()); err == nil {
			t.Error("artifacts before the end")
		}
	}
	r := start(t, m, e, nil)
	_, err := r.Fold(t.Context(), compute(t, r, upper))
	var failed *FailedError
	if !errors.As(err, &failed) || failed.Input != 1 || !strings.HasSuffix(err.Error(), ": no q, please") {
		t.Errorf("on_error fail: %v", err)
	}
}

func TestTooMuchOutput(t *testing.T) {
	r := results{totals: totals{Inputs: 5, Bytes: maxOutputs - 10}}
	if err := r.room([]job.Outcome{{Output: make([]byte, 10)}}); err != nil {
		t.Error(err)
	}
	if err := r.room([]job.Outcome{{Output: make([]byte, 10)}, {Output: make([]byte, 1)}}); err == nil || !strings.Contains(err.Error(), "up to input 6") {
		t.Errorf("got %v", err)
	}
}

func TestReason(t *testing.T) {
	tests := []struct {
		o    job.Outcome
		want string
	}{
		{job.Outcome{Status: job.Trapped, Fuel: 3}, "trapped after 3 instructions"},
		{job.Outcome{Status: job.Exited, Output: []byte("a\nb \x1b[31m\xff\n\n")}, "exited with an error after 0 instructions: b  [31m?"},
		{job.Outcome{Status: job.Exited, Output: []byte(strings.Repeat("é", 300))}, "exited with an error after 0 instructions: ..." + strings.Repeat("é", 100)},
	}
	for _, tt := range tests {
		if got := Reason(tt.o); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
	for s := job.Returned; s <= job.OutputTooBig; s++ {
		if strings.HasPrefix(Word(s), "status_") {
			t.Errorf("%v has no word", s)
		}
	}
}
