package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/testharness/lab"
)

func TestBenchKernels(t *testing.T) {
	code, out, errs := shoal(t, "bench", "kernels", "--size", "33,64", "--lanes", "cpu,wasm,reference", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []kernelResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 6 {
		t.Errorf("%d results, want 3 lanes at 2 sizes", len(got.Lanes))
	}
	for _, r := range got.Lanes {
		if !r.Exact || r.GOPS <= 0 {
			t.Errorf("%+v", r)
		}
	}
}

func TestBenchKernelsBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	needBuilt(t)
	needBrowser(t)
	code, out, errs := shoal(t, "bench", "kernels", "--size", "61", "--lanes", "wasm-browser,webgpu,webgl", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []kernelResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 3 {
		t.Errorf("%+v %s", got, errs)
	}
	for _, r := range got.Lanes {
		if !r.Exact || r.GOPS <= 0 || !strings.Contains(r.Detail, "Chrome/") {
			t.Errorf("%+v", r)
		}
	}
}

// laneJob is a training job that the slowest lane does in a moment.
const laneJob = `
kind: train
name: tiny
model: {arch: decoder, vocab: 128, dim: 16, layers: 1, heads: 2, context: 8}
data: {file: text}
train: {steps: 4, batch: 4, micro_batch: 1, optimizer: adam, lr: 0.003, seed: 1, method: sync}
`

func TestReproduceOnEveryLane(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	needBuilt(t)
	needBrowser(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "tiny.yaml")
	text := strings.Repeat("In the beginning God created the heaven and the earth. ", 200)
	if err := errors.Join(os.WriteFile(file, []byte(laneJob), 0o644), os.WriteFile(filepath.Join(dir, "text"), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOAL_SOFTWARE_GPU", "1")
	var want reproduced
	for _, device := range []string{"reference", "cpu", "wasm", "wasm-browser", "webgpu", "webgl", "vulkan"} {
		code, out, errs := shoal(t, "reproduce", file, "--device", device, "--json")
		if code != exitDone && device == "vulkan" && strings.Contains(errs, "not available") && os.Getenv("SHOAL_REQUIRE") == "" {
			continue
		}
		if code != exitDone {
			t.Errorf("%s: code %d: %s", device, code, errs)
			continue
		}
		var got reproduced
		lastLine(t, out, &got)
		if want.WeightsSHA256 == "" {
			want = got
		}
		if got.WeightsSHA256 != want.WeightsSHA256 || got.LossLast != want.LossLast || got.Steps != 4 {
			t.Errorf("%s: got %+v, the reference %+v", device, got, want)
		}
	}
	if code, _, _ := shoal(t, "reproduce", file, "--device", "webgpu", "-o", dir); code != exitUsage {
		t.Errorf("files of a browser's lane: code %d", code)
	}
}

func TestBenchMatrix(t *testing.T) {
	code, out, errs := shoal(t, "bench", "matrix", "--lanes", "cpu,wasm", "--cases", "2", "--programs", "3", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	testMatrix(t, out, "cpu", "wasm")
	if !strings.Contains(errs, "cpu     0/") {
		t.Errorf("it printed %s", errs)
	}
}

func TestBenchMatrixBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	needBuilt(t)
	needBrowser(t)
	code, out, errs := shoal(t, "bench", "matrix", "--lanes", "webgpu,webgl,wasm-browser", "--cases", "1", "--programs", "1", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	testMatrix(t, out, "webgpu", "webgl", "wasm-browser")
}

func testMatrix(t *testing.T, out string, devices ...string) {
	t.Helper()
	var got struct{ Devices []matrixRow }
	lastLine(t, out, &got)
	var names []string
	for _, r := range got.Devices {
		names = append(names, r.Device)
		for i, suite := range []string{"ops", "programs", "models"} {
			if len(r.Suites) != 3 || r.Suites[i].Name != suite || r.Suites[i].Run == 0 || r.Suites[i].Differ != 0 {
				t.Fatalf("%+v", r)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(devices)
	if !slices.Equal(names, devices) {
		t.Errorf("got %v, want %v", names, devices)
	}
}

func TestMatrixThatDiffersFails(t *testing.T) {
	good := lab.Suite{Name: "ops", Run: 9}
	for _, test := range []struct {
		row  matrixRow
		want int
	}{
		{matrixRow{Device: "cpu", Suites: []lab.Suite{good}}, exitDone},
		{matrixRow{Device: "cuda", Error: "no driver", Absent: true}, exitDone},
		{matrixRow{Device: "cuda", Error: "lost"}, exitFailed},
		{matrixRow{Device: "webgl", Suites: []lab.Suite{good, {Name: "programs", Run: 5, Differ: 1}}}, exitVerification},
	} {
		if got := exitCode(differing([]matrixRow{test.row})); got != test.want {
			t.Errorf("%+v: code %d, want %d", test.row, got, test.want)
		}
	}
}

// needBrowser skips where there is no browser, unless everything has to be
// here.
func needBrowser(t *testing.T) {
	t.Helper()
	_, err := findBrowser()
	if err != nil && os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
}

func TestBenchStep(t *testing.T) {
	code, out, errs := shoal(t, "bench", "step", "--lanes", "cpu", "--threads", "1", "--steps", "1", "--json")
	if code != exitDone {
		t.Fatal(errs)
	}
	var got struct{ Lanes []stepResult }
	lastLine(t, out, &got)
	if len(got.Lanes) != 1 || got.Lanes[0].Threads != 1 || got.Lanes[0].Tokens <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range [][]string{
		{"bench", "kernels", "--size", "0"}, {"bench", "kernels", "--lanes", "abacus"}, {"bench", "step", "--steps", "0"}, {"bench"},
	} {
		if code, _, errs := shoal(t, args...); code != exitUsage {
			t.Errorf("%s: code %d, %s", strings.Join(args, " "), code, errs)
		}
	}
}
