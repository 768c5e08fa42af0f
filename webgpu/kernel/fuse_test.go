package kernel_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// put stores v at element i of a tensor.
func put(data []byte, t kernel.DType, i int, v int64) {
	for b := range t.Size() {
		data[i*t.Size()+b] = byte(v >> (8 * b))
	}
}

// get loads element i of a tensor.
func get(data []byte, t kernel.DType, i int) int64 {
	switch t {
	case kernel.I8:
		return int64(int8(data[i]))
	case kernel.I16:
		return int64(int16(uint16(data[2*i]) | uint16(data[2*i+1])<<8))
	}
	return int64(int32(uint32(data[4*i]) | uint32(data[4*i+1])<<8 | uint32(data[4*i+2])<<16 | uint32(data[4*i+3])<<24))
}

// draw is a value of the interval, often at or near an end or near zero.
func draw(r *rand.Rand, iv kernel.Interval) int64 {
	var v int64
	switch r.IntN(6) {
	case 0:
		v = iv.Lo + r.Int64N(4)
	case 1:
		v = iv.Hi - r.Int64N(4)
	case 2:
		v = r.Int64N(9) - 4
	case 3: // of any magnitude
		v = r.Int64N(1<<32) >> r.IntN(32)
		if r.IntN(2) == 0 {
			v = -v
		}
	default:
		v = iv.Lo + r.Int64N(iv.Hi-iv.Lo+1)
	}
	return min(max(v, iv.Lo), iv.Hi)
}

// buffers makes the buffers of an instance: inputs at random within their
// ranges, outputs zero.
func buffers(r *rand.Rand, in *kernel.Instance) [][]byte {
	bufs := make([][]byte, len(in.Lens))
	for i, b := range in.Kernel.Bufs {
		bufs[i] = make([]byte, in.Lens[i]*b.DType.Size())
		if !b.Out {
			for j := range in.Lens[i] {
				put(bufs[i], b.DType, j, draw(r, in.Ranges[i]))
			}
		}
	}
	return bufs
}

func interpret(t testing.TB, in *kernel.Instance, bufs [][]byte) {
	t.Helper()
	if err := reference.Interpret(context.Background(), in, bufs); err != nil {
		t.Fatal(err)
	}
}

// sameFused runs c, and f made of p and c, also simplified, and compares all
// outputs. The buffers of p are given, its outputs filled; those of c are drawn
// but for the edges, and returned.
func sameFused(t testing.TB, r *rand.Rand, f *kernel.Fusion, p, c *kernel.Instance, pBufs [][]byte, edges []kernel.Edge) (cBufs [][]byte) {
	t.Helper()
	fused, err := f.Instance(p, c)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := kernel.Prove(fused)
	if err != nil {
		t.Fatalf("the fused instance is refused: %v", err)
	}
	cBufs = buffers(r, c)
	for _, e := range edges {
		cBufs[e.In] = pBufs[e.Out]
	}
	interpret(t, c, cBufs)
	simple := *fused
	simple.Kernel = kernel.Simplify(fused.Kernel, proof)
	if _, err := kernel.Prove(&simple); err != nil {
		t.Fatalf("the simplified instance is refused: %v", err)
	}
	for _, in := range []*kernel.Instance{fused, &simple} {
		bufs := make([][]byte, len(f.Bufs))
		for i, o := range f.Bufs {
			from := pBufs
			if o.Consumer {
				from = cBufs
			}
			bufs[i] = from[o.Buf]
			if in.Kernel.Bufs[i].Out {
				bufs[i] = make([]byte, len(from[o.Buf]))
			}
		}
		interpret(t, in, bufs)
		for i, o := range f.Bufs {
			from := pBufs
			if o.Consumer {
				from = cBufs
			}
			if !bytes.Equal(bufs[i], from[o.Buf]) {
				t.Fatalf("%s: buffer %s differs from the unfused kernels'", in.Kernel.Name, in.Kernel.Bufs[i].Name)
			}
		}
	}
	return cBufs
}

// instances are proved instances of every op, small ones.
func instances(t testing.TB, seed uint64, n int) map[string][]*ops.Applied {
	t.Helper()
	all := map[string][]*ops.Applied{}
	for _, c := range devicetest.Cases(seed, n) {
		a := c.Program.Nodes()[0].Applied
		if a.Instance.Rows*a.Instance.Cols <= 1000 {
			all[a.Def.Name] = append(all[a.Def.Name], a)
		}
	}
	return all
}

// TestFuseOps fuses every output of every op with every input of every op
// where that is legal, and checks that the bytes are those of the two ops.
// The producer comes from the op's generator; the consumer is its own op
// applied to the producer's output, its other inputs taken from what a
// generated instance has, resized.
func TestFuseOps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	samples := instances(t, 3, 40)
	legal, run := 0, map[string]bool{}
	for _, pd := range ops.All {
		for _, cd := range ops.All {
			for out := len(pd.Inputs); out < len(pd.Kernel.Bufs); out++ {
				for in := range cd.Inputs {
					edge := kernel.Edge{Out: out, In: in, Keep: r.IntN(2) == 0}
					f, err := kernel.NewFusion(pd.Kernel, cd.Kernel, edge)
					if err != nil {
						continue
					}
					legal++
					name := fmt.Sprintf("%s.%s->%s.%s", pd.Name, pd.Outputs[out-len(pd.Inputs)], cd.Name, cd.Inputs[in])
					for _, pa := range samples[pd.Name] {
						ca := consumerOf(r, cd, in, pa.Outputs[out-len(pd.Inputs)], pa.Instance.Rows, pa.Instance.Cols)
						if ca == nil {
							continue
						}
						if _, err := f.Instance(&pa.Instance, &ca.Instance); err != nil {
							continue
						}
						pBufs := buffers(r, &pa.Instance)
						interpret(t, &pa.Instance, pBufs)
						sameFused(t, r, f, &pa.Instance, &ca.Instance, pBufs, []kernel.Edge{edge})
						run[name] = true
						if t.Failed() {
							t.Fatalf("in %s", name)
						}
						break
					}
					if !run[name] {
						t.Logf("%s is legal, but no instance of it was found", name)
					}
				}
			}
		}
	}
	t.Logf("%d pairs are legal, %d were run", legal, len(run))
	if len(run)*10 < legal*8 {
		t.Errorf("only %d of %d legal pairs were run", len(run), legal)
	}
}

// consumerOf applies op def to a tensor of type x as its input number in. It
// tries shapes for the other inputs, and ranges that shrink until the proof
// passes; nil if none does.
func consumerOf(r *rand.Rand, def *ops.Def, in int, x ops.Type, rows, cols int) *ops.Applied {
	shapes := [][]int{x.Shape, {rows}, {1}, {cols}, {rows, cols}}
	attrs := make([]int32, len(def.Attrs))
	for range 60 {
		for i, a := range def.Attrs {
			span := int64(a.Max) - int64(a.Min) + 1
			attrs[i] = int32(int64(a.Min) + r.Int64N(min(span, 1<<r.IntN(31))))
			if a.Name == "cols" {
				attrs[i] = int32(cols)
			}
		}
		types := make([]ops.Type, len(def.Inputs))
		for i := range types {
			t := def.Kernel.Bufs[i].DType
			iv := t.Range()
			bits := r.IntN(31)
			iv.Lo, iv.Hi = max(iv.Lo, -1<<bits), min(iv.Hi, 1<<bits)
			if r.IntN(2) == 0 {
				iv.Lo = 0
			}
			types[i] = ops.Type{DType: t, Shape: shapes[r.IntN(len(shapes))], Range: iv}
		}
		types[in] = x
		if a, err := def.Apply(types, attrs); err == nil {
			return a
		}
	}
	return nil
}

// TestFuseChains fuses along random programs: wherever a value has one reader
// and the rewrite accepts, the pair becomes one kernel, which is then offered
// to the next.
func TestFuseChains(t *testing.T) {
	saved := 0
	for seed := range uint64(200) {
		p := devicetest.RandomProgram(seed, 12)
		inputs := devicetest.RandomInputs(p, seed)
		want := runNodes(t, p, inputs)
		fused := fuseProgram(t, p)
		saved += len(p.Nodes()) - len(fused)
		got := runInstances(t, p, fused, inputs)
		for i, o := range p.Outputs() {
			if !bytes.Equal(got[o.Value], want[o.Value]) {
				t.Fatalf("seed %d: output %d differs after fusing %d ops into %d", seed, i, len(p.Nodes()), len(fused))
			}
		}
	}
	if saved < 20 {
		t.Errorf("only %d ops were fused away: the programs test too little", saved)
	}
}

// bound is an instance with the value that each buffer holds.
type bound struct {
	in     *kernel.Instance
	values []int
}

func unfused(p *program.Program) []bound {
	var all []bound
	for _, n := range p.Nodes() {
		b := bound{in: &n.Instance, values: append([]int(nil), n.In...)}
		for j := range n.Outputs {
			b.values = append(b.values, n.Out+j)
		}
		all = append(all, b)
	}
	return all
}

// fuseProgram fuses neighbours as long as the rewrite accepts them. Values
// that others read, or that are outputs, are kept.
func fuseProgram(t *testing.T, p *program.Program) []bound {
	list := unfused(p)
	readers := map[int]int{}
	for _, b := range list {
		for i, v := range b.values {
			if !b.in.Kernel.Bufs[i].Out {
				readers[v]++
			}
		}
	}
	for _, o := range p.Outputs() {
		readers[o.Value] += 1000
	}
	for i := 0; i+1 < len(list); {
		pr, co := list[i], list[i+1]
		var edges []kernel.Edge
		for in, v := range co.values {
			for out, w := range pr.values {
				if v == w && !co.in.Kernel.Bufs[in].Out && pr.in.Kernel.Bufs[out].Out {
					edges = append(edges, kernel.Edge{Out: out, In: in})
				}
			}
		}
		for j, e := range edges {
			used := 0
			for _, o := range edges {
				if o.Out == e.Out {
					used++
				}
			}
			edges[j].Keep = readers[pr.values[e.Out]] > used
		}
		f, err := kernel.NewFusion(pr.in.Kernel, co.in.Kernel, edges...)
		if err != nil {
			i++
			continue
		}
		in, err := f.Instance(pr.in, co.in)
		if err != nil {
			i++
			continue
		}
		if _, err := kernel.Prove(in); err != nil {
			t.Fatalf("%s: %v", f.Kernel.Name, err)
		}
		b := bound{in: in}
		for _, o := range f.Bufs {
			if o.Consumer {
				b.values = append(b.values, co.values[o.Buf])
			} else {
				b.values = append(b.values, pr.values[o.Buf])
			}
		}
		list = append(append(append([]bound(nil), list[:i]...), b), list[i+2:]...)
	}
	return list
}

func runNodes(t *testing.T, p *program.Program, inputs [][]byte) [][]byte {
	return runInstances(t, p, unfused(p), inputs)
}

func runInstances(t *testing.T, p *program.Program, list []bound, inputs [][]byte) [][]byte {
	values := make([][]byte, p.Values())
	copy(values, inputs)
	for _, b := range list {
		bufs := make([][]byte, len(b.values))
		for i, v := range b.values {
			if b.in.Kernel.Bufs[i].Out {
				values[v] = make([]byte, b.in.Lens[i]*b.in.Kernel.Bufs[i].DType.Size())
			}
			if bufs[i] = values[v]; bufs[i] == nil {
				t.Fatalf("%s reads value %d before it is made", b.in.Kernel.Name, v)
			}
		}
		interpret(t, b.in, bufs)
	}
	return values
}

// TestFuseLongChains grows chains of ops, each reading the one before, fuses
// them into one kernel step by step, and compares all bytes at every step.
func TestFuseLongChains(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	samples := instances(t, 5, 20)
	longest := 0
	for range 150 {
		first := samples[ops.All[r.IntN(len(ops.All))].Name]
		if len(first) == 0 {
			continue
		}
		a := first[r.IntN(len(first))]
		fused, unfused := &a.Instance, buffers(r, &a.Instance)
		interpret(t, fused, unfused)
		length, last := 1, len(a.Def.Inputs)
		for range 40 {
			def := ops.All[r.IntN(len(ops.All))]
			if len(def.Inputs) == 0 {
				continue
			}
			edge := kernel.Edge{Out: last, In: r.IntN(len(def.Inputs)), Keep: r.IntN(3) == 0}
			f, err := kernel.NewFusion(fused.Kernel, def.Kernel, edge)
			if err != nil {
				continue
			}
			x := ops.Type{DType: fused.Kernel.Bufs[last].DType, Shape: []int{fused.Rows, fused.Cols}}
			proof, err := kernel.Prove(fused)
			if err != nil {
				t.Fatal(err)
			}
			x.Range = proof.Outputs[last]
			c := consumerOf(r, def, edge.In, x, fused.Rows, fused.Cols)
			if c == nil {
				continue
			}
			in, err := f.Instance(fused, &c.Instance)
			if err != nil {
				continue
			}
			cBufs := sameFused(t, r, f, fused, &c.Instance, unfused, []kernel.Edge{edge})
			next := make([][]byte, len(f.Bufs))
			for i, o := range f.Bufs {
				if o.Consumer {
					next[i] = cBufs[o.Buf]
				} else {
					next[i] = unfused[o.Buf]
				}
				if o == (kernel.Origin{Consumer: true, Buf: len(def.Inputs)}) {
					last = i
				}
			}
			fused, unfused = in, next
			if length++; length == 6 {
				break
			}
		}
		longest = max(longest, length)
	}
	if longest < 6 {
		t.Errorf("the longest chain has %d ops, want 6", longest)
	}
}

// TestFuseRefuses names every reason not to fuse.
func TestFuseRefuses(t *testing.T) {
	input := func(def *ops.Def, name string) int {
		for i, n := range def.Inputs {
			if n == name {
				return i
			}
		}
		t.Fatalf("%s has no input %s", def.Name, name)
		return 0
	}
	for _, c := range []struct {
		p    *ops.Def
		out  string
		c    *ops.Def
		in   string
		want string
	}{
		{ops.SumRowsOp, "out", ops.ClampOp, "x", "the producer adds into its outputs"},
		{ops.ClampOp, "out", ops.SumRowsOp, "g", "the consumer adds into its outputs"},
		{ops.QuantizeRowsOp, "q", ops.MatmulOp, "a", "the consumer is a contraction"},
		{ops.MatmulOp, "out", ops.QuantizeRowsOp, "x", "the consumer reduces over the columns of a contraction"},
		{ops.QuantizeRowsOp, "e", ops.ClampOp, "x", "output e is not stored at Here"},
		{ops.AddOp, "out", ops.AddBiasOp, "b", "input b is loaded elsewhere than at Here"},
		{ops.QuantizeRowsOp, "q", ops.ClampOp, "x", "output q is i8, input x is i32"},
	} {
		out := -1
		for i, n := range c.p.Outputs {
			if n == c.out {
				out = len(c.p.Inputs) + i
			}
		}
		_, err := kernel.Fuse(c.p.Kernel, c.c.Kernel, out, input(c.c, c.in), false)
		want := fmt.Sprintf("kernel: cannot fuse %s into %s: %s", c.p.Name, c.c.Name, c.want)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := kernel.Fuse(ops.AddOp.Kernel, ops.AddOp.Kernel, 0, 0, false); err == nil {
		t.Error("an input was fused as an output")
	}
	if _, err := kernel.Fuse(ops.AddOp.Kernel, ops.AddOp.Kernel, 2, 2, false); err == nil {
		t.Error("an output was fused as an input")
	}
}

// TestFuseShape checks what a planner relies on: the order of buffers and
// parameters.
func TestFuseShape(t *testing.T) {
	f, err := kernel.NewFusion(ops.ShiftOp.Kernel, ops.QuantizeFoldOp.Kernel, kernel.Edge{Out: 1, In: 0, Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(f.Kernel.Name, f.Kernel.Params, f.Kernel.Bufs, f.Bufs)
	want := "shift+quantize_fold [p_s c_salt c_group c_group_bits] " +
		"[{p_x i32 false} {c_e i32 false} {c_bits i32 false} {c_key i32 false} {p_out i32 true} {c_q i8 true}] " +
		"[{false 0} {true 1} {true 2} {true 3} {false 1} {true 4}]\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFuseReshape checks that a flat kernel follows the rows of the other, and
// that two kernels with rows of their own are refused.
func TestFuseReshape(t *testing.T) {
	x := ops.Int32(-1000, 1000, 6, 4)
	y := ops.Int32(-1000, 1000, 24)
	add, err := ops.AddOp.Apply([]ops.Type{y, y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	quant, err := ops.QuantizeRowsOp.Apply([]ops.Type{x}, []int32{4})
	if err != nil {
		t.Fatal(err)
	}
	in, err := kernel.FuseInstances(&add.Instance, &quant.Instance, 2, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if in.Rows != 6 || in.Cols != 4 {
		t.Errorf("got %d x %d, want 6 x 4", in.Rows, in.Cols)
	}
	bias, err := ops.AddBiasOp.Apply([]ops.Type{ops.Int32(0, 9, 3, 8), ops.Int32(0, 9, 8)}, []int32{0})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.FuseInstances(&bias.Instance, &quant.Instance, 2, 0, false); err == nil {
		t.Error("rows of 8 and rows of 4 were fused")
	}
	for _, d := range []*ops.Def{ops.AddOp, ops.ClampOp, ops.ShiftOp, ops.AdamOp, ops.SwiGLUOp} {
		if !d.Kernel.Flat() {
			t.Errorf("%s is flat", d.Name)
		}
	}
	for _, d := range []*ops.Def{ops.AddBiasOp, ops.QuantizeRowsOp, ops.MatmulOp, ops.SumRowsOp, ops.Concat3Op, ops.ShiftByOp, ops.PatchesOp} {
		if d.Kernel.Flat() {
			t.Errorf("%s is not flat", d.Name)
		}
	}
}
