package wgsl_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// TestKeys checks that keys name texts, and the same ones every time.
func TestKeys(t *testing.T) {
	for _, o := range wgsl.Variants(limits, true) {
		p, again := wgsl.New(o), wgsl.New(o)
		texts := map[string]string{}
		for _, k := range kernels() {
			codes := again.Codes(k)
			for i, c := range p.Codes(k) {
				if old, ok := texts[c.Key]; ok && old != c.Text {
					t.Fatalf("%s: %s names two texts", p.Name(), c.Key)
				}
				texts[c.Key] = c.Text
				if codes[i].Key != c.Key || codes[i].Text != c.Text {
					t.Fatalf("%s: %s is printed in two ways", p.Name(), c.Key)
				}
			}
		}
	}
	masked := func(v int32) string {
		k := kernel.New("k")
		x, o := k.Input("x", kernel.I32), k.Output("out", kernel.I32)
		k.PutElem(o, kernel.And(kernel.Elem(x), kernel.C(v)))
		return wgsl.New(wgsl.Options{Limits: limits}).Codes(k)[0].Key
	}
	if one := masked(1); one == masked(2) || one != masked(1) {
		t.Error("keys do not follow what kernels compute")
	}
}

// TestStepRefuses checks the errors of instances that limits do not allow.
func TestStepRefuses(t *testing.T) {
	s := samples()[5] // adds into three parts
	for _, c := range []struct {
		change func(o *wgsl.Options)
		want   string
	}{
		{func(o *wgsl.Options) { o.Limits.Binding = 255 }, "bindings of 255 bytes"},
		{func(o *wgsl.Options) { o.Limits.Binding, o.Limits.Bindings = 256, 4 }, "scatter binds 5 memories"},
		{func(o *wgsl.Options) { o.Limits.Side = 0 }, "scatter takes 1 workgroups"},
	} {
		o := wgsl.Options{Limits: limits}
		c.change(&o)
		if _, err := wgsl.New(o).Step(s.instance()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// TestStepRefusesBytes checks that nothing is added into parts of words.
func TestStepRefusesBytes(t *testing.T) {
	k := kernel.New("count")
	k.Fan = kernel.Rows
	k.AddTo(k.Output("out", kernel.I8), kernel.C(0), kernel.C(1))
	_, err := wgsl.New(wgsl.Options{Limits: limits}).Step(&kernel.Instance{Kernel: k, Rows: 2, Cols: 1, Lens: []int{1}})
	if err == nil || !strings.Contains(err.Error(), "count adds into out, which is i8") {
		t.Errorf("error %v", err)
	}
}

// TestHammerStep prints from many goroutines.
func TestHammerStep(t *testing.T) {
	p := wgsl.New(wgsl.Options{Limits: limits})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, s := range samples() {
				step, err := p.Step(s.instance())
				if err != nil {
					t.Error(err)
					return
				}
				if again, err := p.Step(s.instance()); err != nil || again.Passes[0].Code != step.Passes[0].Code {
					t.Errorf("%s: equal instances have different codes: %v", s.name, err)
				}
			}
		})
	}
	wg.Wait()
}
