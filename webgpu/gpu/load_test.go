package gpu

import (
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// faulty is a printer that spoils what the double's prints.
type faulty struct {
	doublePrinter
	spoil func(*launch.Step)
}

func (f *faulty) Step(in *kernel.Instance) (*launch.Step, error) {
	s, err := f.doublePrinter.Step(in)
	if err == nil {
		f.spoil(s)
	}
	return s, err
}

// TestFaultySteps checks that no machine is handed what its interface rules
// out. The steps have two passes: x, x -> temporary 3, and 3 -> output 2.
func TestFaultySteps(t *testing.T) {
	pass := func(i int, f func(*launch.Pass)) func(*launch.Step) {
		return func(s *launch.Step) { f(&s.Passes[i]) }
	}
	for _, c := range []struct {
		want  string
		spoil func(*launch.Step)
	}{
		{"parameters", pass(0, func(p *launch.Pass) { p.Params = p.Params[1:] })},
		{"2 memories for 3 bindings", pass(0, func(p *launch.Pass) { p.Refs = p.Refs[1:] })},
		{"the machine has", pass(0, func(p *launch.Pass) { p.Code.Lanes = 65 })},
		{"the machine has", pass(1, func(p *launch.Pass) { p.Code.Shared = 1 << 20 })},
		{"writes 1 memories", pass(1, func(p *launch.Pass) { p.Code.Lanes = 0 })},
		{"no such memory", pass(0, func(p *launch.Pass) { p.Refs[0].Buf = 4 })},
		{"no such memory", pass(0, func(p *launch.Pass) { p.Refs[0].Buf = -1 })},
		{"no such memory", pass(0, func(p *launch.Pass) { p.Refs[0].Part = -1 })},
		{"binds part 1", pass(0, func(p *launch.Pass) { p.Refs[0].Part = 1 })},
		{"reads and writes", pass(1, func(p *launch.Pass) { p.Refs[0] = p.Refs[1] })},
		{"writes input", pass(1, func(p *launch.Pass) { p.Refs[1].Buf = 0 })},
		{"clears", pass(1, func(p *launch.Pass) { p.Clear = []int{0} })},
		{"clears", pass(1, func(p *launch.Pass) { p.Clear = []int{4} })},
	} {
		m := newDouble(t, func(i *Info) { i.Limits.Targets = 0 })
		d := m.device(Config{Printer: &faulty{doublePrinter{binding: 1 << 20}, c.spoil}})
		if _, err := d.Load(doubling(t, 10, 2)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want an error about %q", err, c.want)
		}
	}
}

// TestConfig checks what New refuses.
func TestConfig(t *testing.T) {
	m := newDouble(t, nil)
	print := &doublePrinter{binding: 1 << 20}
	for name, c := range map[string]Config{
		"no machine": {Printer: print}, "no printer": {Machine: m},
		"negative memory": {Machine: m, Printer: print, Memory: -1}, "negative turn": {Machine: m, Printer: print, Turn: -1},
		"odd binding": {Machine: newDouble(t, func(i *Info) { i.Limits.Binding = 1000 }), Printer: print},
		"no memory":   {Machine: newDouble(t, func(i *Info) { i.Memory = 0 }), Printer: print},
	} {
		if _, err := New(t.Context(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	d, err := New(t.Context(), Config{Machine: m, Printer: print})
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Caps(); c.Lane != "double" || c.Detail != "interpreter, go, double" || c.Threads != 1 || c.Memory != 1<<30 {
		t.Errorf("caps %+v", c)
	}
	d.Close()
}
