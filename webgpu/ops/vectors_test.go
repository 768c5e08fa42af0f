package ops_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// vector is an op with inputs and the outputs they must give; SPEC.md
// describes the text form.
type vector struct {
	name    string
	in      []ops.Type
	attrs   []int32
	inputs  [][]int64
	outputs [][]int64
	shapes  []ops.Type // of the outputs
}

// run computes an applied op with the reference.
func run(t testing.TB, a *ops.Applied, inputs [][]int64) [][]int64 {
	t.Helper()
	bufs := make([][]byte, len(a.Instance.Lens))
	for i, b := range a.Instance.Kernel.Bufs {
		bufs[i] = make([]byte, a.Instance.Lens[i]*b.DType.Size())
		if !b.Out {
			for j, v := range inputs[i] {
				for k := range b.DType.Size() {
					bufs[i][j*b.DType.Size()+k] = byte(v >> (8 * k))
				}
			}
		}
	}
	if err := reference.Interpret(context.Background(), &a.Instance, bufs); err != nil {
		t.Fatal(err)
	}
	var outs [][]int64
	for i, b := range a.Instance.Kernel.Bufs {
		if !b.Out {
			continue
		}
		size := b.DType.Size()
		out := make([]int64, a.Instance.Lens[i])
		for j := range out {
			for k := range size {
				out[j] |= int64(bufs[i][j*size+k]) << (8 * k)
			}
			out[j] = out[j] << (64 - 8*size) >> (64 - 8*size)
		}
		outs = append(outs, out)
	}
	return outs
}

// TestVectors checks that the reference gives every output of the committed
// vectors, and that every op has some.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	for _, d := range ops.All {
		path := filepath.Join("testdata", "vectors", d.Name+".txt")
		vectors, err := readVectors(path, d)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if len(vectors) < 2 && len(d.Inputs) > 0 {
			t.Errorf("%s has %d cases", path, len(vectors))
		}
		for _, v := range vectors {
			a, err := d.Apply(v.in, v.attrs)
			if err != nil {
				t.Errorf("%s: %s: %v", path, v.name, err)
				continue
			}
			got := run(t, a, v.inputs)
			for i, name := range d.Outputs {
				if !slices.Equal(got[i], v.outputs[i]) {
					t.Errorf("%s: %s: output %s is\n%v, want\n%v", path, v.name, name, got[i], v.outputs[i])
				}
				if !slices.Equal(a.Outputs[i].Shape, v.shapes[i].Shape) || a.Outputs[i].DType != v.shapes[i].DType {
					t.Errorf("%s: %s: output %s is %v, want %v", path, v.name, name, a.Outputs[i], v.shapes[i])
				}
			}
		}
	}
}

func writeVectors(t *testing.T) {
	t.Helper()
	files, cases := map[string]*strings.Builder{}, map[string]int{}
	for i, c := range typicals() {
		b := files[c.def.Name]
		if b == nil {
			b = &strings.Builder{}
			files[c.def.Name] = b
			fmt.Fprintf(b, "# %s: %s. See SPEC.md, section 8.\n", c.def.Name, c.def.Doc)
		}
		a, err := c.def.Apply(c.in, c.attrs)
		if err != nil {
			t.Fatal(err)
		}
		for j, kind := range append(fillKinds, "random") {
			if len(c.in) == 0 && j > 0 {
				break
			}
			r := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			cases[c.def.Name]++
			fmt.Fprintf(b, "\ncase %d %s\n", cases[c.def.Name], kind)
			var inputs [][]int64
			for k, in := range c.in {
				v := fill(r, kind, in.Range, in.Len())
				inputs = append(inputs, v)
				fmt.Fprintf(b, "input %s %s\n", c.def.Inputs[k], in)
				writeValues(b, v)
			}
			for k, v := range c.attrs {
				fmt.Fprintf(b, "attr %s %d\n", c.def.Attrs[k].Name, v)
			}
			for k, v := range run(t, a, inputs) {
				shape, _, _ := strings.Cut(a.Outputs[k].String(), " in ")
				fmt.Fprintf(b, "output %s %s\n", c.def.Outputs[k], shape)
				writeValues(b, v)
			}
		}
	}
	for name, b := range files {
		if err := os.MkdirAll(filepath.Join("testdata", "vectors"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", "vectors", name+".txt"), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeValues(b *strings.Builder, values []int64) {
	for i, v := range values {
		sep := " "
		if i%16 == 15 || i == len(values)-1 {
			sep = "\n"
		}
		fmt.Fprintf(b, "%d%s", v, sep)
	}
}

// readVectors parses a file of vectors of op d, strictly.
func readVectors(path string, d *ops.Def) ([]vector, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []vector
	var values *[]int64 // of the tensor being read
	line := 0
	s := bufio.NewScanner(f)
	for s.Scan() {
		line++
		fields := strings.Fields(s.Text())
		if len(fields) == 0 || fields[0] == "#" {
			values = nil
			continue
		}
		bad := func(err error) error { return fmt.Errorf("line %d: %q: %w", line, s.Text(), err) }
		if fields[0] == "case" {
			all, values = append(all, vector{name: strings.Join(fields[1:], " ")}), nil
			continue
		}
		if len(all) == 0 {
			return nil, bad(fmt.Errorf("comes before a case"))
		}
		v := &all[len(all)-1]
		switch fields[0] {
		case "input", "output":
			typ, err := parseType(strings.Join(fields[2:], " "))
			if err != nil {
				return nil, bad(err)
			}
			names, list := d.Inputs, &v.inputs
			if fields[0] == "output" {
				names, list = d.Outputs, &v.outputs
				v.shapes = append(v.shapes, typ)
			} else {
				v.in = append(v.in, typ)
			}
			if len(*list) >= len(names) || names[len(*list)] != fields[1] {
				return nil, bad(fmt.Errorf("is not the next tensor of %v", names))
			}
			*list = append(*list, nil)
			values = &(*list)[len(*list)-1]
		case "attr":
			n, err := strconv.ParseInt(fields[2], 10, 32)
			if err != nil || len(v.attrs) >= len(d.Attrs) || d.Attrs[len(v.attrs)].Name != fields[1] {
				return nil, bad(fmt.Errorf("is not the next attribute: %v", err))
			}
			v.attrs = append(v.attrs, int32(n))
		default:
			for _, f := range fields {
				n, err := strconv.ParseInt(f, 10, 64)
				if err != nil || values == nil {
					return nil, bad(fmt.Errorf("is no value of a tensor: %v", err))
				}
				*values = append(*values, n)
			}
		}
	}
	for _, v := range all {
		if len(v.inputs) != len(d.Inputs) || len(v.outputs) != len(d.Outputs) || len(v.attrs) != len(d.Attrs) {
			return nil, fmt.Errorf("case %s is not complete", v.name)
		}
		for i, t := range v.in {
			if len(v.inputs[i]) != t.Len() {
				return nil, fmt.Errorf("case %s: input %s has %d values, want %d", v.name, d.Inputs[i], len(v.inputs[i]), t.Len())
			}
		}
	}
	return all, s.Err()
}

// parseType reads what ops.Type.String writes, with or without the range.
func parseType(s string) (ops.Type, error) {
	var t ops.Type
	head, interval, ranged := strings.Cut(s, " in ")
	name, dims, ok := strings.Cut(strings.TrimSuffix(head, "]"), "[")
	for _, d := range []kernel.DType{kernel.I8, kernel.I16, kernel.I32} {
		if d.String() == name {
			t.DType = d
		}
	}
	if !ok || t.DType == 0 {
		return t, fmt.Errorf("%q is no type", s)
	}
	for _, f := range strings.Split(dims, ",") {
		n, err := strconv.Atoi(f)
		if err != nil {
			return t, err
		}
		t.Shape = append(t.Shape, n)
	}
	if ranged {
		if _, err := fmt.Sscanf(interval, "[%d, %d]", &t.Range.Lo, &t.Range.Hi); err != nil {
			return t, err
		}
	}
	return t, nil
}
