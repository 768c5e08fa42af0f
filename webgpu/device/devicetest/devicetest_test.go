package devicetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// TestReference runs the suite on the reference itself: every generated case
// must be legal, run, and stay in its proved ranges.
func TestReference(t *testing.T) {
	Run(t, reference.New(), Options{})
}

// TestGenerators checks that every op has a generator and no generator is
// left over.
func TestGenerators(t *testing.T) {
	for _, d := range ops.All {
		if generators[d.Name] == nil {
			t.Errorf("op %s has no generator", d.Name)
		}
	}
	for name := range generators {
		if ops.ByName(name) == nil {
			t.Errorf("generator %s belongs to no op", name)
		}
	}
}

// TestCoverage checks that cases reach the ends of every attribute and that
// no op is left with few cases.
func TestCoverage(t *testing.T) {
	const n = 48
	count := map[string]int{}
	ends := map[string]bool{}
	for _, c := range Cases(1, n) {
		node := c.Program.Nodes()[0]
		count[node.Def.Name]++
		for i, a := range node.Def.Attrs {
			switch node.Attrs[i] {
			case a.Min:
				ends[node.Def.Name+" "+a.Name+" min"] = true
			case a.Max:
				ends[node.Def.Name+" "+a.Name+" max"] = true
			}
		}
	}
	for _, d := range ops.All {
		if count[d.Name] < n*3/4 {
			t.Errorf("%s: %d legal cases of %d", d.Name, count[d.Name], n)
		}
		for _, a := range d.Attrs {
			for _, end := range []string{"min", "max"} {
				if key := d.Name + " " + a.Name + " " + end; !ends[key] {
					t.Logf("no case has %s", key)
				}
			}
		}
	}
}

// otherShapes are ops whose rows and columns are not those of their tensors.
var otherShapes = map[string]bool{
	"concat3": true, "patches": true, "patches_grad": true, // several times as many columns
	"softmax_causal": true, "softmax_grad": true, // as many columns as rows, in every unit
	"split_exponents": true, "head_rows": true, // heads
	"matmul": true, "matmul_shift": true,
}

// TestFoci checks that the usual suite has more than 10,000 cases, and that
// they meet every width, long rows, many rows, and each kind of contraction.
func TestFoci(t *testing.T) {
	columns := map[string]map[int]bool{}
	products := map[string]int{}
	tall, total := map[string]bool{}, 0
	for _, c := range Cases(1, usualCases) {
		total++
		node := &c.Program.Nodes()[0]
		in, name := &node.Instance, node.Def.Name
		if columns[name] == nil {
			columns[name] = map[int]bool{}
		}
		columns[name][in.Cols] = true
		tall[name] = tall[name] || in.Rows >= long
		if k := in.Kernel.Contract; k != nil {
			for kind, is := range map[string]bool{
				"long sums":          in.Params[k.K] > 4096,
				"columns of a":       in.Params[k.AM] == 1 && in.Params[k.M] >= 16,
				"a block of columns": in.Params[k.AM] == 1 && in.Params[k.M] >= 64 && in.Params[k.K] >= 64,
				"batches":            in.Rows > int(in.Params[k.M]),
			} {
				if is {
					products[name+": "+kind]++
				}
			}
		}
	}
	if total < 10_000 {
		t.Errorf("%d cases, want 10000", total)
	}
	for _, d := range ops.All {
		if otherShapes[d.Name] {
			continue
		}
		for _, w := range append([]int{long}, widths...) {
			if !columns[d.Name][w] {
				t.Errorf("%s: no case has %d columns", d.Name, w)
			}
		}
		if d.Name != "fill" && !tall[d.Name] {
			t.Logf("%s: no case has %d rows", d.Name, long)
		}
	}
	for _, name := range []string{"matmul", "matmul_shift"} {
		for _, kind := range []string{"long sums", "columns of a", "a block of columns", "batches"} {
			if n := products[name+": "+kind]; n < 10 {
				t.Errorf("%s: %d cases with %s", name, n, kind)
			}
		}
		if !tall[name] {
			t.Errorf("%s: no case has %d rows", name, long)
		}
	}
}

// TestBatches checks that batches hold what single cases do.
func TestBatches(t *testing.T) {
	const n = 40
	var single, batched []string
	for _, c := range Cases(2, n) {
		single = append(single, describeOp(c.Program, 0))
	}
	for _, c := range Batches(2, n) {
		for i := range c.Program.Nodes() {
			batched = append(batched, describeOp(c.Program, i))
		}
	}
	if !slices.Equal(single, batched) {
		t.Errorf("%d ops in batches differ from the %d single ones", len(batched), len(single))
	}
}

// describeOp is op i of a program: its name, attributes, and the types of what
// it reads and makes.
func describeOp(p *program.Program, i int) string {
	n := p.Nodes()[i]
	text := fmt.Sprint(n.Def.Name, n.Attrs, n.Outputs)
	for _, v := range n.In {
		text += fmt.Sprint(" ", p.Type(v))
	}
	return text
}

// TestDeterministic checks that seeds name the same bytes twice.
func TestDeterministic(t *testing.T) {
	for seed := range uint64(8) {
		p, q := RandomProgram(seed, 12), RandomProgram(seed, 12)
		if p.ID() != q.ID() {
			t.Fatalf("seed %d made two programs", seed)
		}
		a, b := RandomInputs(p, seed), RandomInputs(q, seed)
		for i := range a {
			if !bytes.Equal(a[i], b[i]) {
				t.Errorf("seed %d made input %d twice, differently", seed, i)
			}
		}
	}
}

// TestFiles reads programs from files, and reports one that is damaged.
func TestFiles(t *testing.T) {
	p := RandomProgram(1, 5)
	fsys := fstest.MapFS{
		"golden/step.program": {Data: p.Encode()},
		"golden/README":       {Data: []byte("no program")},
	}
	cases, err := Files(fsys, "golden")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 1 || cases[0].Name != "step" || cases[0].Program.ID() != p.ID() {
		t.Errorf("read %+v, want the one program", cases)
	}
	fsys["golden/bad.program"] = &fstest.MapFile{Data: p.Encode()[:20]}
	if _, err := Files(fsys, "golden"); !errors.Is(err, program.ErrDamaged) || !strings.Contains(err.Error(), "bad.program") {
		t.Errorf("a program cut short gave %v", err)
	}
}

// wrong is the reference with a fault: one op's largest results are off by one.
type wrong struct {
	device.Device
	op string
}

func (w wrong) Load(p *program.Program) (device.Executable, error) {
	exe, err := w.Device.Load(p)
	return wrongExecutable{exe, w.Device, p, w.op}, err
}

type wrongExecutable struct {
	device.Executable
	dev device.Device
	p   *program.Program
	op  string
}

func (e wrongExecutable) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	out, err := e.Executable.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, n := range e.p.Nodes() {
		for i, o := range e.p.Outputs() {
			if n.Def.Name != e.op || o.Value != n.Out || o.Type.DType != kernel.I32 {
				continue
			}
			data := make([]byte, out[i].Size())
			if err := out[i].Read(data); err != nil {
				return nil, err
			}
			put(data, kernel.I32, o.Type.Len()-1, get(data, kernel.I32, o.Type.Len()-1)^1)
			if out[i], err = e.dev.Upload(data); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// TestFindsFault checks that a fault in one op of a random program is found
// and that the report names the op alone.
func TestFindsFault(t *testing.T) {
	found := 0
	for i := range 40 {
		c := ProgramCase(1, i, 24)
		names := func(n program.Node) bool { return n.Def.Name == "relu" }
		has := false
		for _, n := range c.Program.Nodes() {
			has = has || names(n)
		}
		err := Compare(t.Context(), wrong{reference.New(), "relu"}, c)
		if err == nil {
			continue // its result is not an output
		}
		if !has {
			t.Fatalf("no relu, yet: %v", err)
		}
		found++
		for _, want := range []string{"relu alone", "inputs of seed", "want", "element"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("report lacks %q: %v", want, err)
			}
		}
	}
	if found == 0 {
		t.Error("no program showed the fault")
	}
}
