package trace

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func leaves(n int) []Digest {
	all := make([]Digest, n)
	for i := range all {
		all[i] = Leaf([]Digest{DigestOf([]byte{byte(i), byte(i >> 8)})})
	}
	return all
}

// define is the tree's definition, as RFC 6962 gives it.
func define(leaves []Digest) Digest {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := Split(len(leaves))
	return Node(define(leaves[:k]), define(leaves[k:]))
}

func TestTree(t *testing.T) {
	for n := 1; n <= 70; n++ {
		l := leaves(n)
		tree := grow(l)
		root := tree.node(0, n)
		if root != define(l) {
			t.Fatalf("%d leaves: the root is not what is defined", n)
		}
		// Every node that a descent can meet.
		var descend func(lo, size, depth int)
		descend = func(lo, size, depth int) {
			if tree.node(lo, size) != define(l[lo:lo+size]) {
				t.Fatalf("%d leaves: node of %d from %d on is wrong", n, size, lo)
			}
			if size == 1 {
				if depth > Depth(n) {
					t.Fatalf("%d leaves: leaf %d is %d deep, more than %d", n, lo, depth, Depth(n))
				}
				return
			}
			k := Split(size)
			descend(lo, k, depth+1)
			descend(lo+k, size-k, depth+1)
		}
		descend(0, n, 0)
		for i := range n {
			path := tree.path(i)
			if got, ok := climb(l[i], i, n, path); !ok || got != root {
				t.Fatalf("%d leaves: leaf %d does not lead to the root", n, i)
			}
			if got, ok := climb(l[i], (i+1)%n, n, path); n > 1 && ok && got == root {
				t.Fatalf("%d leaves: leaf %d is shown at another place", n, i)
			}
			if _, ok := climb(l[i], i, n, append(slices.Clone(path), Digest{})); ok {
				t.Fatalf("%d leaves: too long a path is accepted", n)
			}
			if len(path) > 0 {
				if _, ok := climb(l[i], i, n, path[1:]); ok {
					t.Fatalf("%d leaves: too short a path is accepted", n)
				}
				path[len(path)/2][3] ^= 1
				if got, _ := climb(l[i], i, n, path); got == root {
					t.Fatalf("%d leaves: a changed path is accepted", n)
				}
			}
		}
	}
}

func TestLeavesAreNoNodes(t *testing.T) {
	a, b := DigestOf([]byte("a")), DigestOf([]byte("b"))
	if Leaf([]Digest{a, b}) == Node(a, b) {
		t.Error("an op with two outputs is the node above two ops")
	}
}

// open opens the devices that every machine has.
func open(t *testing.T) map[string]device.Device {
	t.Helper()
	fast, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fast.Close() })
	return map[string]device.Device{"cpu": fast, "reference": reference.New()}
}

// cases are the decoder's programs and some at random.
func cases(t *testing.T) []devicetest.Case {
	t.Helper()
	all, err := devicetest.Models()
	if err != nil {
		t.Fatal(err)
	}
	all = all[:7]
	for i := range uint64(12) {
		all = append(all, devicetest.Case{Name: fmt.Sprint("random ", i), Program: devicetest.RandomProgram(i, 40), Seed: i})
	}
	return all
}

// A trace is the same on every device and however many ops run at once, and
// leads to the outputs that the whole program has.
func TestTracesAgree(t *testing.T) {
	devices := open(t)
	for _, c := range cases(t) {
		p, in := c.Program, devicetest.RandomInputs(c.Program, c.Seed)
		want, err := device.Run(t.Context(), devices["cpu"], p, in)
		if err != nil {
			t.Fatal(err)
		}
		var root Digest
		for _, run := range []struct {
			lane    string
			stretch int64
		}{{"cpu", 0}, {"cpu", 1}, {"cpu", 5000}, {"reference", 0}} {
			tr, out, err := Record(t.Context(), devices[run.lane], p, in, Config{Stretch: run.stretch})
			if err != nil {
				t.Fatalf("%s: %v: %v", c.Name, run, err)
			}
			if root == (Digest{}) {
				root = tr.Root()
			}
			if tr.Root() != root {
				t.Errorf("%s: %v: another root", c.Name, run)
			}
			for i, o := range p.Outputs() {
				if !bytes.Equal(out[i], want[i]) || tr.Value(o.Value) != DigestOf(want[i]) {
					t.Errorf("%s: %v: output %s differs", c.Name, run, o.Name)
				}
			}
			for op := range p.Nodes() {
				if o := tr.Open(op); !Verify(p, root, o) {
					t.Errorf("%s: op %d cannot be opened", c.Name, op)
				}
			}
		}
	}
}

// Any value can be had again, and is what the trace says.
func TestValues(t *testing.T) {
	devices := open(t)
	for _, c := range cases(t)[5:] {
		p, in := c.Program, devicetest.RandomInputs(c.Program, c.Seed)
		tr, _, err := Record(t.Context(), devices["cpu"], p, in, Config{})
		if err != nil {
			t.Fatal(err)
		}
		for v := 0; v < p.Values(); v += 1 + p.Values()/9 {
			want := []int{v, 0, p.Values() - 1, v}
			got, err := Values(t.Context(), devices["cpu"], p, in, want)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range want {
				if DigestOf(got[i]) != tr.Value(v) {
					t.Errorf("%s: value %d is not what was traced", c.Name, v)
				}
			}
		}
		if _, err := Values(t.Context(), devices["cpu"], p, in, []int{p.Values()}); err == nil {
			t.Error("a value that does not exist was found")
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	p := devicetest.RandomProgram(3, 40)
	tr, _, err := Record(t.Context(), reference.New(), p, devicetest.RandomInputs(p, 3), Config{})
	if err != nil {
		t.Fatal(err)
	}
	root := tr.Root()
	for name, spoil := range map[string]func(*Opening){
		"another op":     func(o *Opening) { o.Op ^= 1 },
		"no op":          func(o *Opening) { o.Op = len(p.Nodes()) },
		"negative":       func(o *Opening) { o.Op = -1 },
		"another value":  func(o *Opening) { o.Outputs = slices.Clone(o.Outputs); o.Outputs[0][0] ^= 1 },
		"one value more": func(o *Opening) { o.Outputs = append(slices.Clone(o.Outputs), Digest{}) },
		"no values":      func(o *Opening) { o.Outputs = nil },
		"another path":   func(o *Opening) { o.Path[0][31] ^= 0x80 },
	} {
		o := tr.Open(len(p.Nodes()) / 2)
		o.Path = slices.Clone(o.Path)
		spoil(&o)
		if Verify(p, root, o) {
			t.Errorf("%s is accepted", name)
		}
	}
	if tr.Value(0) != DigestOf(devicetest.RandomInputs(p, 3)[0]) {
		t.Error("the first value is not the first input")
	}
	if _, err := New(p, make([]Digest, p.Values()-1)); err == nil {
		t.Error("a trace with a value missing is accepted")
	}
}

func TestMaker(t *testing.T) {
	p := devicetest.RandomProgram(5, 30)
	for v := range p.Inputs() {
		if op, _ := Maker(p, v); op != -1 {
			t.Errorf("input %d is made by op %d", v, op)
		}
	}
	for op, n := range p.Nodes() {
		for j := range n.Outputs {
			if gotOp, gotOut := Maker(p, n.Out+j); gotOp != op || gotOut != j {
				t.Errorf("output %d of op %d is said to be %d of %d", j, op, gotOut, gotOp)
			}
		}
	}
}

func TestInputsAreChecked(t *testing.T) {
	p := devicetest.RandomProgram(3, 10)
	in := devicetest.RandomInputs(p, 3)
	if _, _, err := Record(t.Context(), reference.New(), p, in[1:], Config{}); err == nil {
		t.Error("a missing input is accepted")
	}
	in[0] = in[0][1:]
	if _, err := Values(t.Context(), reference.New(), p, in, []int{0}); err == nil {
		t.Error("a short input is accepted")
	}
}
