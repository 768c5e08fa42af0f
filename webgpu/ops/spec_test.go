package ops_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

var update = flag.Bool("update", false, "rewrite the tables of SPEC.md and the test vectors")

const specFile = "SPEC.md"

// table is what SPEC.md says about the interface of an op, in its words.
func table(d *ops.Def) string {
	var b strings.Builder
	b.WriteString("| | name | type or range |\n|---|---|---|\n")
	bufs := func(what string, out bool) {
		for _, buf := range d.Kernel.Bufs {
			if buf.Out == out {
				fmt.Fprintf(&b, "| %s | `%s` | %s |\n", what, buf.Name, buf.DType)
			}
		}
	}
	bufs("input", false)
	for _, a := range d.Attrs {
		fmt.Fprintf(&b, "| attribute | `%s` | %s to %s |\n", a.Name, power(a.Min), power(a.Max))
	}
	bufs("output", true)
	fmt.Fprintf(&b, "| cost | | %s |\n", costFormula(d.Kernel))
	return b.String()
}

// power writes numbers at powers of two as such.
func power(v int32) string {
	for s := 10; s < 32; s++ {
		switch p := int64(1) << s; int64(v) {
		case p:
			return fmt.Sprintf("2^%d", s)
		case p - 1:
			return fmt.Sprintf("2^%d-1", s)
		case -p:
			return fmt.Sprintf("-2^%d", s)
		}
	}
	return fmt.Sprint(v)
}

// costFormula solves kernel.Cost, which is linear in elements, rows and runs.
func costFormula(k *kernel.Kernel) string {
	cost := func(rows, cols int, terms int32) int64 {
		in := &kernel.Instance{Kernel: k, Rows: rows, Cols: cols, Params: make([]int32, len(k.Params))}
		if k.Contract != nil {
			in.Params[k.Contract.K] = terms
		}
		return kernel.Cost(in)
	}
	base := cost(1, 1, 0)
	elem := cost(1, 2, 0) - base
	row := cost(2, 1, 0) - base - elem
	s := fmt.Sprintf("%d per element", elem)
	if k.Contract != nil {
		s = fmt.Sprintf("2`k` + %d per element", elem)
	}
	for _, part := range []struct {
		n    int64
		what string
	}{{row, "row"}, {base - elem - row, "run"}} {
		if part.n != 0 {
			s += fmt.Sprintf(" + %d per %s", part.n, part.what)
		}
	}
	return s
}

var section = regexp.MustCompile(`(?m)^#+ `)

// TestSpec checks that SPEC.md has one section for every op, headed with its
// name and code, whose table is that of the definition.
func TestSpec(t *testing.T) {
	data, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	spec := string(data)
	for _, d := range ops.All {
		head := fmt.Sprintf("\n#### `%s` (%d)\n", d.Name, d.Code)
		start := strings.Index(spec, head)
		if start < 0 {
			t.Errorf("SPEC.md has no section headed %q", strings.TrimSpace(head))
			continue
		}
		start += len(head)
		end := len(spec)
		if next := section.FindStringIndex(spec[start:]); next != nil {
			end = start + next[0]
		}
		body, want := spec[start:end], table(d)
		if *update {
			body = strings.TrimLeft(body, "\n")
			if strings.HasPrefix(body, "|") {
				_, body, _ = strings.Cut(body, "\n\n")
			}
			spec = spec[:start] + "\n" + want + "\n" + body + spec[end:]
			continue
		}
		if !strings.HasPrefix(strings.TrimLeft(body, "\n"), want+"\n") {
			t.Errorf("the table of %s in SPEC.md is not that of its definition; go test -update writes:\n%s", d.Name, want)
		}
		if strings.Count(spec, head) > 1 {
			t.Errorf("SPEC.md has two sections on %s", d.Name)
		}
	}
	known := map[string]bool{}
	for _, d := range ops.All {
		known[d.Name] = true
	}
	for _, m := range regexp.MustCompile("(?m)^#### `([a-z0-9_]+)` \\(\\d+\\)$").FindAllStringSubmatch(spec, -1) {
		if !known[m[1]] {
			t.Errorf("SPEC.md describes %s, which is no op", m[1])
		}
	}
	if *update {
		if err := os.WriteFile(specFile, []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpecWeights checks the table of costs against kernel.Cost.
func TestSpecWeights(t *testing.T) {
	data, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	weights := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| ([`a-z0-9_, ]+) \\| (\\d+) \\|$").FindAllStringSubmatch(string(data), -1) {
		for _, name := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(m[1], -1) {
			weights[name[1]] = m[2]
		}
	}
	for op := kernel.OpConst; op.String() != "op?"; op++ {
		if op == kernel.OpAcc || op == kernel.OpLoad {
			continue // not without buffers
		}
		k := kernel.New("weigh", "p")
		args := map[kernel.Op]int{
			kernel.OpConst: 0, kernel.OpParam: 0, kernel.OpRows: 0, kernel.OpCols: 0, kernel.OpRow: 0, kernel.OpCol: 0,
			kernel.OpAbs: 1, kernel.OpBitLen: 1, kernel.OpIsqrt: 1, kernel.OpReduceOr: 1, kernel.OpReduceMax: 1, kernel.OpReduceSum: 1,
			kernel.OpSelect: 3,
		}
		n, ok := args[op]
		if !ok {
			n = 2
		}
		e := &kernel.Expr{Op: op}
		for range n {
			e.Args = append(e.Args, k.P("p"))
		}
		k.Put(k.Output("out", kernel.I32), kernel.Row, e)
		got := fmt.Sprint(kernel.Cost(&kernel.Instance{Kernel: k, Rows: 1, Cols: 1, Params: []int32{0}}) - 1) // less the store
		if weights[op.String()] != got {
			t.Errorf("SPEC.md says %s costs %q, it costs %s", op, weights[op.String()], got)
		}
	}
}
