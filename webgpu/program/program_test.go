package program_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

var update = flag.Bool("update", false, "rewrite golden files")

// small is a program of four ops that uses every feature of the encoding:
// several inputs and outputs, negative attributes, a value that nobody reads.
func small(tb testing.TB) *program.Program {
	tb.Helper()
	var b program.Builder
	x := b.Input("x", ops.Int32(-kernel.Sat, kernel.Sat, 4, 6))
	w := b.Input("w", ops.Int8(-127, 127, 5, 6))
	ew := b.Input("ew", ops.Int32(0, 24, 1))
	q := b.Apply(ops.QuantizeRowsOp, []program.Value{x}, 6)
	y := b.One(ops.MatmulShiftOp, []program.Value{q[0], w, q[1], ew}, ops.NT(4, 5, 6).Attrs(-3, 1<<28)...)
	h := b.Apply(ops.ReLU2Op, []program.Value{y})
	b.Output("a", h[0])
	b.Output("sum", b.One(ops.AddOp, []program.Value{y, y}))
	p, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func programs(tb testing.TB, n int) []*program.Program {
	all := []*program.Program{small(tb), chain(tb, 3)}
	for seed := range uint64(n) {
		all = append(all, devicetest.RandomProgram(seed, 10))
	}
	return all
}

// TestRoundTrip checks that decoding gives the program back, with the same
// bytes, ID, types and cost.
func TestRoundTrip(t *testing.T) {
	for i, p := range programs(t, 60) {
		got, err := program.Decode(p.Encode())
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		if !bytes.Equal(got.Encode(), p.Encode()) || got.ID() != p.ID() || got.Cost() != p.Cost() || dump(t, got) != dump(t, p) {
			t.Errorf("program %d changed on its way through the encoding", i)
		}
		if p.ID() != program.ID(sha256.Sum256(p.Encode())) {
			t.Errorf("program %d: the ID is not the hash of the encoding", i)
		}
	}
}

// TestBuildTwice checks that building again gives the same program.
func TestBuildTwice(t *testing.T) {
	var b program.Builder
	x := b.Input("x", ops.Int32(0, 9, 3))
	b.Output("y", b.One(ops.ShiftOp, []program.Value{x}, 1))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	q, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if p.ID() != q.ID() || p.Cost() != q.Cost() {
		t.Errorf("got %v, then %v", p.Cost(), q.Cost())
	}
}

// mustBeCanonical holds every accepted input to the promise that a program has
// one encoding.
func mustBeCanonical(t *testing.T, data []byte) *program.Program {
	t.Helper()
	p, err := program.Decode(data)
	if err != nil {
		if !errors.Is(err, program.ErrDamaged) && !strings.HasPrefix(err.Error(), "program: ") {
			t.Fatalf("error %q names no package", err)
		}
		return nil
	}
	if !bytes.Equal(p.Encode(), data) {
		t.Fatalf("accepted % x, which encodes as % x", data, p.Encode())
	}
	return p
}

// TestDamage cuts an encoding at every byte, changes every byte in every way,
// and adds and removes bytes: each gives an error, or another program whose
// encoding is exactly those bytes.
func TestDamage(t *testing.T) {
	p := small(t)
	data := p.Encode()
	for n := range data {
		if _, err := program.Decode(data[:n]); !errors.Is(err, program.ErrDamaged) {
			t.Errorf("cut after %d bytes: got %v, want ErrDamaged", n, err)
		}
	}
	if _, err := program.Decode(append(bytes.Clone(data), 0)); !errors.Is(err, program.ErrDamaged) {
		t.Errorf("with a byte more: got %v, want ErrDamaged", err)
	}
	for i := range data {
		for flip := 1; flip < 256; flip++ {
			bad := bytes.Clone(data)
			bad[i] ^= byte(flip)
			if q := mustBeCanonical(t, bad); q != nil && q.ID() == p.ID() {
				t.Fatalf("byte %d changed, and the ID did not", i)
			}
		}
		mustBeCanonical(t, append(bytes.Clone(data[:i]), data[i+1:]...))
		mustBeCanonical(t, append(append(bytes.Clone(data[:i]), 0x80), data[i:]...))
	}
}

// u and z are the encoding's integers, in minimal form.
func u(v uint64) []byte {
	var b []byte
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}

func z(v int64) []byte { return u(uint64(v)<<1 ^ uint64(v>>63)) }

func name(s string) []byte { return append(u(uint64(len(s))), s...) }

// input is an i32 input of one dimension.
func input(s string, n int, lo, hi int64) []byte {
	return bytes.Join([][]byte{name(s), u(3), u(1), u(uint64(n)), z(lo), z(hi)}, nil)
}

const magic = "SHOAL\x00P\x01"

func join(parts ...[]byte) []byte { return append([]byte(magic), bytes.Join(parts, nil)...) }

// TestFormat holds the encoding to bytes written by hand.
func TestFormat(t *testing.T) {
	var b program.Builder
	x := b.Input("x", ops.Int32(-5, 300, 7))
	b.Output("y", b.One(ops.ShiftOp, []program.Value{x}, -2))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	want := join(u(1), []byte("\x01x\x03\x01\x07\x09\xd8\x04"), u(1), []byte{2, 0, 3}, u(1), []byte("\x01y\x01"))
	if !bytes.Equal(p.Encode(), want) {
		t.Errorf("got  % x\nwant % x", p.Encode(), want)
	}
}

// TestRefusals checks that each way of being wrong has its error.
func TestRefusals(t *testing.T) {
	in := input("x", 4, 0, 9)
	one, none := u(1), u(0)
	shift := bytes.Join([][]byte{u(2), u(0), z(1)}, nil) // value 1 = shift(value 0, s=1)
	out := bytes.Join([][]byte{name("y"), u(1)}, nil)
	good := join(one, in, one, shift, one, out)
	if _, err := program.Decode(good); err != nil {
		t.Fatalf("the good program: %v", err)
	}
	long := append([]byte(nil), good...)
	long[len(magic)] = 0x81
	long = append(append(bytes.Clone(long[:len(magic)+1]), 0), long[len(magic)+1:]...)
	many := func(n int, item func(i int) []byte) []byte {
		b := u(uint64(n))
		for i := range n {
			b = append(b, item(i)...)
		}
		return b
	}
	big := input("x", 1<<28, 0, 9)
	for _, tc := range []struct {
		name    string
		data    []byte
		damaged bool
		want    string
	}{
		{"nothing", nil, true, "no program"},
		{"another magic", append([]byte("SHOAL\x00P\x02"), good[8:]...), true, "another version"},
		{"a varint that is too long", long, true, "not in its shortest form"},
		{"a varint of 11 bytes", join(bytes.Repeat([]byte{0x80}, 11)), true, "cut short"},
		{"bytes after the end", append(bytes.Clone(good), 0), true, "1 bytes follow"},
		{"more inputs than bytes", join(u(4000)), true, "do not fit"},
		{"too many inputs", join(u(5000)), true, "is above 4096"},
		{"too many ops", join(one, in, u(1<<16+1)), true, "is above 65536"},
		{"an unknown type", join(one, name("x"), u(9), one, u(4), z(0), z(9), one, shift, one, out), false, "unknown dtype 9"},
		{"no dimensions", join(one, name("x"), u(3), none, z(0), z(9), one, shift, one, out), false, "0 dimensions"},
		{"five dimensions", join(one, name("x"), u(3), u(5)), true, "is above 4"},
		{"a dimension of 0", join(one, input("x", 0, 0, 9), one, shift, one, out), false, "below 1"},
		{"a huge dimension", join(one, input("x", 1<<28+1, 0, 9), one, shift, one, out), true, "is above 268435456"},
		{"too many elements", join(one, name("x"), u(3), u(2), u(1<<20), u(1<<20), z(0), z(9), one, shift, one, out), false, "more than 2^28 elements"},
		{"an empty range", join(one, input("x", 4, 9, 0), one, shift, one, out), false, "does not fit"},
		{"a range beyond 32 bits", join(one, input("x", 4, 0, 1<<31), one, shift, one, out), false, "does not fit"},
		{"an unknown op", join(one, in, one, u(9999), u(0), one, out), false, "unknown code 9999"},
		{"a value not made yet", join(one, in, one, u(2), u(1), z(1), one, out), false, "reads value 1 before it is made"},
		{"an attribute out of range", join(one, in, one, u(2), u(0), z(31), one, out), false, "attribute s = 31, want -30 to 30"},
		{"an attribute beyond 32 bits", join(one, in, one, u(2), u(0), z(1<<40), one, out), true, "leaves 32 bits"},
		{"wrong shapes", join(u(2), in, input("z", 5, 0, 9), one, u(1), u(0), u(1), one, name("y"), u(2)), false, "has 5 elements, want 4"},
		{"an overflow", join(one, input("x", 4, 0, 1<<31-1), one, u(1), u(0), u(0), one, out), false, "leaves 32 bits"},
		{"no outputs", join(one, in, one, shift, none), false, "at least one output"},
		{"an input as output", join(one, in, one, shift, one, name("y"), u(0)), false, "is an input"},
		{"an output of nothing", join(one, in, one, shift, one, name("y"), u(7)), false, "is no value"},
		{"a value output twice", join(one, in, one, shift, u(2), out, name("z"), u(1)), false, "output twice"},
		{"a name taken twice", join(u(2), in, in, one, shift, one, name("y"), u(2)), false, "taken twice"},
		{"an empty name", join(one, input("", 4, 0, 9), one, shift, one, out), false, "empty"},
		{"a long name", join(one, input(strings.Repeat("x", 65), 4, 0, 9), one, shift, one, out), true, "is above 64"},
		{"a name of control characters", join(one, input("a\x1b[2J", 4, 0, 9), one, shift, one, out), false, "visible ASCII"},
		{"too much memory", join(one, big, many(16, func(i int) []byte { return bytes.Join([][]byte{u(2), u(uint64(i)), z(1)}, nil) }),
			many(16, func(i int) []byte { return append(name(fmt.Sprint("y", i)), u(uint64(i+1))...) })), false, "bytes, more than 17179869184"},
	} {
		_, err := program.Decode(tc.data)
		if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, program.ErrDamaged) != tc.damaged {
			t.Errorf("%s: got %v, want %q (damaged: %v)", tc.name, err, tc.want, tc.damaged)
		}
	}
	if _, err := program.Decode(make([]byte, program.MaxBytes+1)); !errors.Is(err, program.ErrDamaged) {
		t.Errorf("an encoding that is too long: got %v", err)
	}
}

// TestMaxCost reaches the limit of integer operations with the largest
// contractions there are.
func TestMaxCost(t *testing.T) {
	var b program.Builder
	const m, n, k = 1 << 14, 1 << 14, 1 << 14
	x := b.Input("x", ops.Int8(-1, 1, m, k))
	y := b.Input("y", ops.Int8(-1, 1, n, k))
	for i := range 200 {
		out := b.One(ops.MatmulOp, []program.Value{x, y}, ops.NT(m, n, k).Attrs()...)
		if i == 0 {
			b.Output("out", out)
		}
	}
	if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), "costs more than") {
		t.Errorf("got %v", err)
	}
}

// TestBuilderErrors checks misuse of the builder.
func TestBuilderErrors(t *testing.T) {
	x := ops.Int32(0, 9, 4)
	for name, f := range map[string]func(b *program.Builder){
		"a zero value": func(b *program.Builder) { b.Output("y", program.Value{}) },
		"a zero argument": func(b *program.Builder) {
			b.Output("y", b.One(ops.ShiftOp, []program.Value{{}}, 1))
		},
		"an input after an op": func(b *program.Builder) {
			b.Output("y", b.One(ops.ShiftOp, []program.Value{b.Input("x", x)}, 1))
			b.Input("late", x)
		},
		"too few inputs": func(b *program.Builder) {
			b.Output("y", b.One(ops.AddOp, []program.Value{b.Input("x", x)}))
		},
		"too few attributes": func(b *program.Builder) {
			b.Output("y", b.One(ops.ShiftOp, []program.Value{b.Input("x", x)}))
		},
		"the type of nothing": func(b *program.Builder) { b.Type(program.Value{}) },
		"nothing":             func(b *program.Builder) {},
	} {
		var b program.Builder
		f(&b)
		if _, err := b.Build(); err == nil || !strings.HasPrefix(err.Error(), "program: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestCost recomputes cost and peak memory from the graph in the most direct
// way: what is alive at each op.
func TestCost(t *testing.T) {
	for i, p := range programs(t, 100) {
		var cost int64
		peak := int64(0)
		alive := func(v, at int) bool {
			if v < len(p.Inputs()) {
				return true
			}
			made, read := -1, -1
			for j, n := range p.Nodes() {
				if v >= n.Out && v < n.Out+len(n.Outputs) {
					made = j
				}
				for _, w := range n.In {
					if w == v {
						read = j
					}
				}
			}
			for _, o := range p.Outputs() {
				if o.Value == v {
					read = len(p.Nodes())
				}
			}
			return made == at || made < at && at <= read
		}
		for at, n := range p.Nodes() {
			cost += kernel.Cost(&n.Instance)
			sum := int64(0)
			for v := range p.Values() {
				if alive(v, at) {
					elements := 1
					for _, d := range p.Type(v).Shape {
						elements *= d
					}
					sum += int64(elements * p.Type(v).DType.Size())
				}
			}
			peak = max(peak, sum)
		}
		if got := p.Cost(); got.Ops != cost || got.PeakBytes != peak {
			t.Errorf("program %d: got %v, want %d operations and %d bytes", i, got, cost, peak)
		}
	}
}

func dump(t testing.TB, p *program.Program) string {
	t.Helper()
	var b strings.Builder
	if err := p.Dump(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDump compares the text form with its golden file.
func TestDump(t *testing.T) {
	path := filepath.Join("testdata", "small.txt")
	got := dump(t, small(t))
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// FuzzDecode looks for input that panics the decoder, or that it accepts
// though it is not the encoding of what it decodes to.
func FuzzDecode(f *testing.F) {
	for _, p := range programs(f, 12) {
		f.Add(p.Encode())
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		data := bytes.Clone(small(f).Encode())
		data[len(magic)+r.IntN(len(data)-len(magic))] ^= byte(1 << r.IntN(8))
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		mustBeCanonical(t, data)
	})
}
