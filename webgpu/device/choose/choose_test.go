package choose

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// memory is a Store that counts.
type memory struct {
	data  map[string]string
	saved int
}

func (m *memory) Load(key string) ([]byte, bool) {
	data, found := m.data[key]
	return []byte(data), found
}

func (m *memory) Save(key string, data []byte) {
	m.data[key] = string(data)
	m.saved++
}

// counted is a device that counts what is loaded, and fails to if told.
type counted struct {
	device.Device
	loads  int
	detail string
	err    error
	closed int
}

func (c *counted) Caps() device.Caps {
	caps := c.Device.Caps()
	caps.Detail = c.detail
	return caps
}

func (c *counted) Load(p *program.Program) (device.Executable, error) {
	c.loads++
	if c.err != nil {
		return nil, c.err
	}
	return c.Device.Load(p)
}

func (c *counted) Close() error {
	c.closed++
	return nil
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	d, err := cpu.New(cpu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return &counted{Device: d, detail: "Card 1, driver 2"}
}

func (c *counted) lane() Lane {
	return Lane{Name: "cpu", Open: func(context.Context) (device.Device, error) { return c, nil }}
}

func TestPassIsKeptForThisDeviceAndBuild(t *testing.T) {
	store := &memory{data: map[string]string{}}
	d := newCounted(t)
	try := func(build string) Verdict {
		t.Helper()
		d.loads = 0
		dev, v := Config{Store: store, Build: build}.Try(t.Context(), d.lane())
		if dev == nil || !v.Fit || v.GOPS <= 0 || v.Group != "Card 1" || v.Threads == 0 {
			t.Fatalf("got %+v", v)
		}
		return v
	}
	if v := try("one"); v.Kept || d.loads < 100 {
		t.Errorf("first: %+v after %d programs", v, d.loads)
	}
	if v := try("one"); !v.Kept || d.loads != 0 {
		t.Errorf("again: %+v after %d programs", v, d.loads)
	}
	if v := try("two"); v.Kept || d.loads == 0 {
		t.Errorf("another build: %+v", v)
	}
	d.detail = "Card 1, driver 3"
	if v := try("one"); v.Kept || d.loads == 0 {
		t.Errorf("another driver: %+v", v)
	}
	try("")
	if v := try(""); v.Kept || store.saved != 3 {
		t.Errorf("without a build: %+v, %d saved", v, store.saved)
	}
}

func TestFailureIsNotKept(t *testing.T) {
	store := &memory{data: map[string]string{}}
	d := newCounted(t)
	d.err = errors.New("driver is drunk")
	for range 2 {
		dev, v := Config{Store: store, Build: "one"}.Try(t.Context(), d.lane())
		if dev != nil || v.Fit || v.Absent || !strings.Contains(v.Error, "drunk") || v.Detail != d.detail {
			t.Errorf("got %+v", v)
		}
	}
	if d.loads != 2 || d.closed != 2 || store.saved != 0 {
		t.Errorf("%d loads, %d closed, %d saved", d.loads, d.closed, store.saved)
	}
}

func TestLaneThatDoesNotOpen(t *testing.T) {
	absent := fmt.Errorf("no libcuda.so.1: %w", device.ErrUnavailable)
	for _, test := range []struct {
		open   func(context.Context) (device.Device, error)
		absent bool
		want   string
	}{
		{func(context.Context) (device.Device, error) { return nil, absent }, true, absent.Error()},
		{func(context.Context) (device.Device, error) { return nil, errors.New("busy") }, false, "busy"},
		{func(context.Context) (device.Device, error) { panic("nil") }, false, "selftest: open: panic: nil"},
	} {
		dev, v := Config{}.Try(t.Context(), Lane{Name: "cuda", Open: test.open})
		if dev != nil || v.Fit || v.Absent != test.absent || v.Error != test.want || v.Lane != "cuda" {
			t.Errorf("got %+v, want %q", v, test.want)
		}
	}
}

func TestPick(t *testing.T) {
	fit := func(lane, group string, gops float64) Verdict {
		return Verdict{Lane: lane, Group: group, Fit: true, GOPS: gops}
	}
	unfit := func(lane string) Verdict { return Verdict{Lane: lane, Error: "wrong answers"} }
	native := Rule{Share: 0.05, Last: []string{"reference"}}
	page := Rule{Share: 0.25}
	tests := []struct {
		name string
		rule Rule
		list []Verdict
		want string
	}{
		{"all of them", native, []Verdict{fit("cuda", "H100", 900), fit("cpu", "EPYC", 100)}, "cuda cpu"},
		{"one card, the faster way", native, []Verdict{fit("cuda", "H100", 900), fit("vulkan", "H100", 400), fit("cpu", "EPYC", 100)}, "cuda cpu"},
		{"the faster way may be the second", native, []Verdict{fit("cuda", "K80", 50), fit("vulkan", "K80", 60), fit("cpu", "EPYC", 30)}, "vulkan cpu"},
		{"two cards", native, []Verdict{fit("cuda", "H100", 900), fit("vulkan", "RX 6600", 200), fit("cpu", "EPYC", 100)}, "cuda vulkan cpu"},
		{"cuda failed", native, []Verdict{unfit("cuda"), fit("vulkan", "H100", 400), fit("cpu", "EPYC", 100)}, "vulkan cpu"},
		{"too slow", native, []Verdict{fit("cuda", "H100", 9000), fit("cpu", "Atom", 3)}, "cuda"},
		{"slow card", native, []Verdict{fit("vulkan", "HD 4000", 2), fit("cpu", "EPYC", 100)}, "cpu"},
		{"reference last", native, []Verdict{fit("cpu", "EPYC", 100), fit("reference", "interpreter", 90)}, "cpu"},
		{"reference alone", native, []Verdict{unfit("cpu"), fit("reference", "interpreter", 0.2)}, "reference"},
		{"nothing", native, []Verdict{unfit("cpu"), unfit("cuda")}, ""},
		{"page", page, []Verdict{fit("webgpu", "gpu", 100), fit("webgl", "gpu", 20), fit("wasm", "cpu", 30)}, "webgpu wasm"},
		{"page with a fast card", page, []Verdict{fit("webgpu", "gpu", 400), fit("wasm", "cpu", 30)}, "webgpu"},
		{"page without webgpu", page, []Verdict{unfit("webgpu"), fit("webgl", "gpu", 90), fit("wasm", "cpu", 30)}, "webgl wasm"},
		{"forced", Rule{Forced: []string{"reference", "cuda"}}, []Verdict{unfit("cuda"), fit("cpu", "EPYC", 100), fit("reference", "interpreter", 0.2)}, "reference"},
		{"forced ways to one card", Rule{Forced: []string{"webgpu", "webgl", "wasm"}}, []Verdict{fit("webgpu", "gpu", 1), fit("webgl", "gpu", 2), fit("wasm", "cpu", 30)}, "webgpu wasm"},
		{"forced and unfit", Rule{Forced: []string{"cuda"}}, []Verdict{unfit("cuda"), fit("cpu", "EPYC", 100)}, ""},
	}
	for _, test := range tests {
		any := test.rule.Pick(test.list)
		var got []string
		for _, v := range test.list {
			if v.Chosen {
				got = append(got, v.Lane)
			}
			if v.Why == "" {
				t.Errorf("%s: nothing says why %s is chosen or not", test.name, v.Lane)
			}
		}
		if strings.Join(got, " ") != test.want || any != (test.want != "") {
			t.Errorf("%s: got %v (%v), want %s", test.name, got, any, test.want)
		}
	}
}

func TestTuningIsKeptForEachLane(t *testing.T) {
	store := &memory{data: map[string]string{}}
	tuning := Tuning{Store: store, Build: "one"}
	want := gpu.Choice{Key: "vulkan; Card 1; driver 2; one", Printer: "wgsl dot4 4x4"}
	tuning.Keep("vulkan")(want)
	if got := tuning.Known("vulkan"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := tuning.Known("webgpu"); !reflect.DeepEqual(got, gpu.Choice{}) {
		t.Errorf("of another lane: %+v", got)
	}
	Tuning{Store: store}.Keep("webgpu")(want)
	Tuning{}.Keep("webgpu")(want)
	if got := (Tuning{}).Known("webgpu"); !reflect.DeepEqual(got, gpu.Choice{}) || store.saved != 1 {
		t.Errorf("without a store or a build: %+v, %d saved", got, store.saved)
	}
}
