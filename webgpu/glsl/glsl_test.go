package glsl

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// options are those of a usual machine.
func options() Options {
	return Options{Limits: launch.Limits{Bindings: 16, Binding: 1 << 26, Side: 8192, Targets: 8}, Width: 4096}
}

func printer(t testing.TB, o Options) *Printer {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// kernels are those of every op and every fusion.
func kernels() []*kernel.Kernel { return append(plan.Kernels(), plan.FusedKernels()...) }

// samples are small kernels that show what the printer does with each form.
func samples() []*kernel.Kernel {
	flat := kernel.New("flat", "s")
	x, o := flat.Input("x", kernel.I32), flat.Output("out", kernel.I16)
	flat.PutElem(o, kernel.Clamped(kernel.Shift(kernel.Elem(x), flat.P("s")), 32767))

	// The stages: a maximum, a sum of what it decides, and stores of both.
	rows := kernel.New("rows")
	x, e := rows.Input("x", kernel.I32), rows.Input("e", kernel.I32)
	p, z := rows.Output("p", kernel.I8), rows.Output("z", kernel.I32)
	top := kernel.ReduceMax(kernel.Shift(kernel.Elem(x), kernel.At(e, kernel.Row)))
	sum := kernel.ReduceSum(kernel.Lt(kernel.Elem(x), top))
	rows.PutElem(p, kernel.Lt(kernel.Elem(x), kernel.BitLen(sum)))
	rows.Put(z, kernel.Row, kernel.Add(sum, top))

	scatter := kernel.New("scatter")
	x, ids, o := scatter.Input("x", kernel.I32), scatter.Input("ids", kernel.I32), scatter.Output("out", kernel.I32)
	scatter.Fan = kernel.Rows
	scatter.AddTo(o, kernel.Add(kernel.Mul(kernel.At(ids, kernel.Row), kernel.Cols), kernel.Col), kernel.Elem(x))

	// An adding store that nothing is known about.
	free := kernel.New("free", "n")
	x, o = free.Input("x", kernel.I32), free.Output("out", kernel.I32)
	free.Fan = kernel.Mul(kernel.Rows, kernel.Cols)
	free.AddTo(o, kernel.And(kernel.Elem(x), free.P("n")), kernel.C(1))

	product := kernel.NewMatmul("product", "s")
	o = product.Output("out", kernel.I32)
	product.PutElem(o, kernel.Shift(kernel.Acc, product.P("s")))
	return []*kernel.Kernel{flat, rows, scatter, free, product}
}

// TestGolden compares every text of the samples. Rewrite with -update, and
// read the difference.
func TestGolden(t *testing.T) {
	p := printer(t, options())
	for _, k := range samples() {
		if err := k.Check(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, c := range p.Codes(k) {
			b.WriteString(c.Text)
			b.WriteByte('\n')
		}
		path := filepath.Join("testdata", k.Name+".expected.glsl")
		if *update {
			if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil { //nolint:gosec // golden files are readable
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: printed text differs from %s:\n%s", k.Name, path, b.String())
		}
	}
}

// reserved are words of GLSL ES 3.00 that a printer might take for names, and
// types that devices must not compute with.
var reserved = regexp.MustCompile(`\b(attribute|varying|active|asm|cast|common|filter|fixed|goto|half|inline|input|interface|long|namespace|noinline|output|partition|resource|sample|short|superp|template|this|union|unsigned|using|volatile|double|float|vec[234]|mat[234])\b`)

// TestTexts holds every text to what drivers are known to do right, and keys
// to what they promise.
func TestTexts(t *testing.T) {
	for _, o := range Variants(options()) {
		p, texts, n := printer(t, o), map[string]string{}, 0
		for _, k := range append(kernels(), samples()...) {
			codes := p.Codes(k)
			if len(codes) == 0 {
				t.Errorf("%s has no code", k.Name)
			}
			for _, c := range codes {
				n++
				if old, ok := texts[c.Key]; ok && old != c.Text {
					t.Errorf("%s names two texts", c.Key)
				}
				texts[c.Key] = c.Text
				if !strings.HasPrefix(c.Text, "#version 300 es\n") {
					t.Errorf("%s does not begin with its version", c.Key)
				}
				body := strings.Replace(c.Text, "precision highp float;\n", "", 1)
				if w := reserved.FindString(body); w != "" {
					t.Errorf("%s uses the word %s", c.Key, w)
				}
				if strings.Contains(body, "-2147483648") {
					t.Errorf("%s holds a literal that does not exist", c.Key)
				}
				checkBindings(t, c)
			}
		}
		t.Logf("%s: %d texts", p.Name(), n)
	}
}

// checkBindings checks that what is read comes first and is there, and that
// what is written is.
func checkBindings(t *testing.T, c *launch.Code) {
	reads, writes := 0, 0
	for _, b := range c.Bindings {
		name := fmt.Sprintf("uniform isampler2D b%d;", reads)
		if b.Write {
			name = fmt.Sprintf("layout(location = %d) out ivec4 o%d;", writes, writes)
			writes++
		} else {
			if writes > 0 {
				t.Errorf("%s reads a binding behind one that it writes", c.Key)
			}
			reads++
		}
		if !strings.Contains(c.Text, name) {
			t.Errorf("%s lacks %q", c.Key, name)
		}
	}
	if block := fmt.Sprintf("ivec4 params[%d];", (c.Params+3)/4); c.Lanes != 0 || c.Params < 1 || !strings.Contains(c.Text, block) {
		t.Errorf("%s: %d lanes and %d parameters, want none and %q", c.Key, c.Lanes, c.Params, block)
	}
}

// instances are of every op, of many sizes.
func instances() []*kernel.Instance {
	var all []*kernel.Instance
	for _, c := range devicetest.Batches(1, 16) {
		for _, n := range c.Program.Nodes() {
			all = append(all, &n.Instance)
		}
	}
	return all
}

// TestSteps checks of every op what package gpu relies on, and that printers
// agree.
func TestSteps(t *testing.T) {
	p, q := printer(t, options()), printer(t, options())
	for _, in := range instances() {
		step, err := p.Step(in)
		if err != nil {
			t.Errorf("%s: %v", in.Kernel.Name, err)
			continue
		}
		again, err := q.Step(in)
		if err != nil || !reflect.DeepEqual(step, again) {
			t.Errorf("%s: two printers differ: %v", in.Kernel.Name, err)
		}
		checkStep(t, in, step, p.Codes(in.Kernel))
	}
}

// checkStep checks that passes bind and pass what their codes want, read only
// what is there, and write every output.
func checkStep(t *testing.T, in *kernel.Instance, s *launch.Step, codes []*launch.Code) {
	t.Helper()
	known := map[*launch.Code]bool{}
	for _, c := range codes {
		known[c] = true
	}
	name, ready := in.Kernel.Name, map[int]int{} // texels of what was written
	for i, p := range s.Passes {
		if !known[p.Code] {
			t.Errorf("%s: %s is not among the codes", name, p.Code.Key)
		}
		if len(p.Refs) != len(p.Code.Bindings) || len(p.Params) != p.Code.Params || p.Groups < 1 {
			t.Fatalf("%s: pass %d: %d memories and %d parameters for %s, %d groups", name, i, len(p.Refs), len(p.Params), p.Code.Key, p.Groups)
		}
		for j, b := range p.Code.Bindings {
			buf := p.Refs[j].Buf
			input := buf < len(in.Kernel.Bufs) && !in.Kernel.Bufs[buf].Out
			if !b.Write && !input && ready[buf] == 0 {
				t.Errorf("%s: %s reads memory %d, which nothing wrote", name, p.Code.Key, buf)
			}
			if b.Write && input {
				t.Errorf("%s: %s writes an input", name, p.Code.Key)
			}
		}
		for j, b := range p.Code.Bindings {
			if b.Write {
				ready[p.Refs[j].Buf] = p.Groups
			}
		}
	}
	for i, b := range in.Kernel.Bufs {
		if b.Out && ready[i] != texels(in.Lens[i]) {
			t.Errorf("%s: output %s has %d texels, %d are written", name, b.Name, texels(in.Lens[i]), ready[i])
		}
	}
	for i, temp := range s.Temps {
		if got := ready[len(in.Kernel.Bufs)+i]; temp.Elems != 4*got {
			t.Errorf("%s: temporary %d has %d elements, %d texels are written", name, i, temp.Elems, got)
		}
	}
}

func keys(s *launch.Step) string {
	var list []string
	for _, p := range s.Passes {
		list = append(list, fmt.Sprintf("%s x %d", p.Code.Key, p.Groups))
	}
	return strings.Join(list, "\n")
}

// TestPasses checks which passes serve which sizes.
func TestPasses(t *testing.T) {
	x := func(rows, cols int) ops.Type { return ops.Int32(-1000, 1000, rows, cols) }
	i8 := func(n int) ops.Type { return ops.Int8(-128, 127, n) }
	for _, c := range []struct {
		name  string
		op    *ops.Def
		in    []ops.Type
		attrs []int32
		want  string
	}{
		{"flat", ops.ReLUOp, []ops.Type{x(3, 3)}, nil, "relu map0 x 3"},
		{"rows that are whole texels", ops.Concat3Op, []ops.Type{x(2, 4), x(2, 4), x(2, 4)}, nil, "concat3 map0 quad x 6"},
		{"rows that are not", ops.Concat3Op, []ops.Type{x(2, 3), x(2, 3), x(2, 3)}, nil, "concat3 map0 loose x 5"},
		{"short rows", ops.RowMaxOp, []ops.Type{x(50, 8)}, []int32{8}, "row_max reduce1 whole quad x 50\nrow_max rows0 x 13"},
		{"few long rows", ops.RowMaxOp, []ops.Type{x(2, 1001)}, []int32{1001}, "row_max reduce1 part loose x 14\nrow_max reduce1 combine x 2\nrow_max rows0 x 1"},
		{"product", ops.MatmulOp, []ops.Type{i8(64 * 32), i8(64 * 32)}, ops.NT(64, 64, 32).Attrs(), "contract k k x 256\nmatmul map0 quad x 1024"},
		{"product of transposed", ops.MatmulOp, []ops.Type{i8(64 * 32), i8(64 * 32)}, ops.TN(64, 64, 32).Attrs(), "contract x x x 256\nmatmul map0 quad x 1024"},
		{"product with a long sum", ops.MatmulOp, []ops.Type{i8(4 * 1024), i8(4 * 1024)}, ops.NT(4, 4, 1024).Attrs(), "contract k k x 4\nmatmul map0 quad x 4"},
		{"product of odd sizes", ops.MatmulOp, []ops.Type{i8(5 * 7), i8(3 * 7)}, ops.NT(5, 3, 7).Attrs(), "contract any any x 2\nmatmul map0 loose x 4"},
		{"sums of every third row", ops.SumRowsOp, []ops.Type{x(9, 4)}, []int32{3, 0, 100}, "sum_rows add1 whole quad x 3"},
		{"sums of all rows", ops.SumRowsOp, []ops.Type{x(1000, 5)}, []int32{1, 0, 100}, "sum_rows add1 part loose x 30\nadd up i32 x 2"},
	} {
		a, err := c.op.Apply(c.in, c.attrs)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p := printer(t, options())
		s, err := p.Step(&a.Instance)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := keys(s); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
		checkStep(t, &a.Instance, s, p.Codes(a.Instance.Kernel))
	}
}

// TestOptions checks what is refused.
func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"width of no power of two":  func(o *Options) { o.Width = 1000 },
		"width beyond the side":     func(o *Options) { o.Width = 16384 },
		"tiles of six rows":         func(o *Options) { o.Rows = 6 },
		"more rows than targets":    func(o *Options) { o.Rows, o.Limits.Targets = 8, 4 },
		"fewer targets than it has": func(o *Options) { o.Limits.Targets = 2 },
	} {
		o := options()
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := options()
	o.Limits.Bindings = 3
	for _, in := range instances() {
		_, err := printer(t, o).Step(in)
		if in.Kernel == ops.AdamOp.Kernel && err == nil {
			t.Fatal("a kernel with more memories than can be bound: no error")
		}
	}
}
