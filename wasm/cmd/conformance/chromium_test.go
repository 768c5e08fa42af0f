//go:build !js && !wasip1

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/browser/browsertest"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// lane is one to run, and how much of it.
type lane struct {
	name     string // of the test
	lane     string
	browser  func(testing.TB) string
	perOp    int
	programs int
	printers []string // variants of the lane's code, which differ in the ops that sum products
	binding  int      // bytes that one binding may have; 0: as many as it can
	speed    bool
}

func lanes() []lane {
	all := []lane{
		{name: "wasm", lane: "wasm", browser: browsertest.Chromium, perOp: 240, programs: 240, speed: true},
		{name: "webgpu", lane: "webgpu", browser: browsertest.Chromium, perOp: 240, programs: 240},
		{name: "webgl", lane: "webgl", browser: browsertest.Chromium, perOp: 240, programs: 240},
		{name: "webgl-llvmpipe", lane: "webgl", browser: browsertest.Llvmpipe, perOp: 240, programs: 240},
		// Bindings so small that most tensors need several.
		{name: "webgpu-parts", lane: "webgpu", browser: browsertest.Chromium, perOp: 8, programs: 40, binding: 32 << 10},
	}
	// Some of the variants of WebGPU's code, and few cases: a processor takes
	// long to compile them.
	variants := lane{name: "webgpu-variants", lane: "webgpu", browser: browsertest.Chromium, perOp: 8}
	for _, o := range []wgsl.Options{
		{Dot4: true},
		{Tile: wgsl.Tile{M: 8, N: 8}},
		{Tile: wgsl.Tile{M: 8, N: 8, Shared: true}, Dot4: true},
	} {
		variants.printers = append(variants.printers, wgsl.New(o).Name())
	}
	return append(all, variants)
}

// mostParts is in how many bindings a tensor may come: codes with three tensors
// have room for that.
const mostParts = 3

func (l lane) selection() selection {
	s := selection{seed: 1, perOp: l.perOp, programs: l.programs, only: os.Getenv("SHOAL_CASES"), largest: mostParts * l.binding}
	if len(l.printers) == 0 || s.only != "" {
		return s
	}
	var products []string
	for _, def := range ops.All {
		if def.Kernel.Contract != nil {
			products = append(products, def.Name)
		}
	}
	s.only = strings.Join(products, ",")
	return s
}

// TestChromium compares every case that ran in the browser with the
// reference. A GPU is played by a processor here: that says nothing of speed.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	browsertest.Chromium(t) // or skip, before anything is built
	program := browsertest.Build(t, "build")
	known := truth{}
	for _, l := range lanes() {
		t.Run(l.name, func(t *testing.T) { l.compare(t, program, known) })
	}
}

// mostExplained bounds the faults that are looked at closely: one fault shows
// in many cases.
const mostExplained = 8

func (l lane) compare(t *testing.T, program string, known truth) {
	s := l.selection()
	all, err := s.cases()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	open := l.opener(t, program)
	page := open(s)
	var learned error
	var learning sync.WaitGroup
	learning.Go(func() { learned = known.learn(t.Context(), all) })
	defer learning.Wait()
	got := hear(t, page)
	learning.Wait()
	if learned != nil {
		t.Fatal(learned)
	}
	if want := max(len(l.printers), 1); len(got.devices) != want || len(got.digests) != want*len(all) {
		t.Fatalf("the browser ran %d cases on %q, want %d on each of %d", len(got.digests), got.devices, len(all), want)
	}
	var differ []string
	for i, digest := range got.digests {
		c := all[i%len(all)]
		if want := known[c.Name]; digest != want && !slices.Contains(differ, c.Name) {
			differ = append(differ, c.Name)
			if len(differ) <= mostExplained {
				t.Errorf("%s, %s, seed %d: the browser returned %s, the reference %s", got.devices[i/len(all)], c.Name, c.Seed, digest, want)
			}
		}
	}
	t.Logf("%s, seed %d: %s; %d differ; %.0f s", strings.Join(got.devices, "; "), s.seed, amount(all), len(differ), time.Since(start).Seconds())
	if len(got.speed) > 0 {
		t.Log(strings.Join(got.speed, ", "))
	}
	if len(differ) > 0 {
		s.only = strings.Join(differ[:min(len(differ), mostExplained)], ",")
		t.Logf("to run the first of them alone: SHOAL_CASES='%s'", s.only)
		for _, fault := range hear(t, open(s, "-explain")).faults {
			t.Error(fault)
		}
	}
}

// amount says how much all is.
func amount(all []devicetest.Case) string {
	var cases, programs, models int
	for _, c := range all {
		switch {
		case strings.Contains(c.Name, "/"):
			cases += len(c.Program.Nodes())
		case strings.HasPrefix(c.Name, "program "):
			programs++
		default:
			models++
		}
	}
	return fmt.Sprintf("%d cases of single ops, %d random programs, %d programs of models", cases, programs, models)
}

// opener starts the lane in a browser, every time it is called.
func (l lane) opener(t *testing.T, program string) func(s selection, more ...string) *browsertest.Page {
	browser := l.browser(t)
	return func(s selection, more ...string) *browsertest.Page {
		t.Helper()
		return browsertest.Open(t, browsertest.Options{
			Browser: browser,
			Flags:   map[string]any{"enable-unsafe-webgpu": true},
			Program: program,
			Args: append([]string{
				"-lane=" + l.lane,
				"-printers=" + strings.Join(l.printers, ","),
				"-seed=" + strconv.FormatUint(s.seed, 10),
				"-per-op=" + strconv.Itoa(s.perOp),
				"-programs=" + strconv.Itoa(s.programs),
				"-only=" + s.only,
				"-largest=" + strconv.Itoa(s.largest),
				"-binding=" + strconv.Itoa(l.binding),
				"-speed=" + strconv.FormatBool(l.speed),
			}, more...),
			Timeout: 15 * time.Minute,
		})
	}
}

// said is what a lane said until it was done.
type said struct {
	devices []string // one after another
	digests []string
	speed   []string
	faults  []string
}

func hear(t *testing.T, page *browsertest.Page) said {
	t.Helper()
	var all said
	for {
		for _, m := range page.Hear() {
			switch m.Kind {
			case "device":
				all.devices = append(all.devices, m.Value)
			case "digests":
				all.digests = append(all.digests, strings.Split(m.Value, "\n")...)
			case "speed":
				all.speed = append(all.speed, m.Value)
			case "fault":
				all.faults = append(all.faults, m.Value)
			case "line":
				t.Log(m.Value)
			case "error":
				t.Fatalf("after %d cases: %s", len(all.digests), m.Value)
			case "exit":
				t.Fatalf("after %d cases the program ended with %s", len(all.digests), m.Value)
			case "done":
				return all
			}
		}
	}
}
