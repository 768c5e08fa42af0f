package clang

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

//go:embed text/prelude.c
var prelude string

//go:embed text/matmul.c
var matmul string

// Symbol is the name of the C function of k: that of the kernel, with what
// joins the names of fused kernels made legal.
func Symbol(k *kernel.Kernel) string { return strings.ReplaceAll(k.Name, "+", "__") }

// Print returns the C text of kernels: a prelude, and one function each, named
// by Symbol.
func Print(kernels ...*kernel.Kernel) []byte {
	var b strings.Builder
	b.WriteString("// Printed by webgpu/clang.\n")
	b.WriteString(prelude)
	b.WriteString(matmul)
	for _, k := range kernels {
		p := &printer{schedule: newSchedule(k), kernel: k}
		b.WriteString(p.function())
	}
	return []byte(b.String())
}

type printer struct {
	*schedule
	kernel *kernel.Kernel
	arrays map[*lower.Node]bool
	names  map[*lower.Node]string // of uniforms
}

// lines collects statements at one indentation.
type lines struct {
	b      strings.Builder
	indent string
}

func (l *lines) add(format string, args ...any) {
	l.b.WriteString(l.indent)
	fmt.Fprintf(&l.b, format, args...)
	l.b.WriteByte('\n')
}

func (p *printer) function() string {
	p.arrays = p.schedule.arrays()
	p.names = map[*lower.Node]string{}
	var b strings.Builder
	fmt.Fprintf(&b, "\nNOINLINE void body_%s(%s) {\n", Symbol(p.kernel), strings.Join(p.formals(), ", "))
	top := &lines{indent: "\t"}
	for _, n := range p.reachable() {
		if n.Level() == lower.Uniform {
			p.uniform(n, top)
		}
	}
	p.tableLoop(top)
	p.rowBlocks(top)
	b.WriteString(top.b.String())
	b.WriteString("}\n")
	b.WriteString(p.entry())
	return b.String()
}

func ctype(t kernel.DType) string { return t.String() }

// formals are the body's parameters. Every memory it touches is a restrict
// parameter of its own: that is what lets clang vectorise without checks.
func (p *printer) formals() []string {
	f := []string{"i32 rows", "i32 cols", "ix row0", "ix row1", "const i32 *restrict params"}
	for i, buf := range p.kernel.Bufs {
		c := "const "
		if buf.Out {
			c = ""
		}
		f = append(f, fmt.Sprintf("%s%s *restrict b%d", c, ctype(buf.DType), i))
	}
	for _, n := range p.tables {
		f = append(f, fmt.Sprintf("i32 *restrict t%d", n.ID))
	}
	for _, n := range p.kept {
		f = append(f, fmt.Sprintf("i32 *restrict k%d", n.ID))
	}
	if p.kernel.Contract != nil {
		f = append(f, "i32 *restrict acc", "struct contraction *restrict m")
	}
	return f
}

// entry is the function that callers see: it takes the arguments apart and
// divides the scratch.
func (p *printer) entry() string {
	out := &lines{indent: "\t"}
	args := []string{"a->rows", "a->cols", "a->row0", "a->row1", "a->params"}
	for i := range p.kernel.Bufs {
		args = append(args, fmt.Sprintf("a->buf[%d]", i))
	}
	if len(p.tables)+len(p.kept) > 0 || p.kernel.Contract != nil {
		out.add("char *scratch = a->scratch;")
	}
	for _, n := range p.tables {
		out.add("i32 *t%d = (i32 *)scratch;", n.ID)
		out.add("scratch += TABLE_BYTES(a->cols);")
		args = append(args, fmt.Sprintf("t%d", n.ID))
	}
	for _, n := range p.kept {
		out.add("i32 *k%d = (i32 *)scratch;", n.ID)
		out.add("scratch += KEPT_BYTES(a->cols);")
		args = append(args, fmt.Sprintf("k%d", n.ID))
	}
	if c := p.kernel.Contract; c != nil {
		out.add("struct contraction m = contraction_of(a, %d, %d, scratch);", c.A, c.B)
		out.add("if (a->phase == 1) {")
		out.add("\tcontraction_pack(&m, a->row0, a->row1);")
		out.add("\treturn;")
		out.add("}")
		args = append(args, "m.acc", "&m")
	}
	out.add("body_%s(%s);", Symbol(p.kernel), strings.Join(args, ", "))
	return fmt.Sprintf("\nvoid %s(const struct args *a) {\n%s}\n", Symbol(p.kernel), out.b.String())
}

// uniform emits a value that is the same everywhere.
func (p *printer) uniform(n *lower.Node, top *lines) string {
	if s := p.names[n]; s != "" {
		return s
	}
	if n.Op == kernel.OpConst {
		p.names[n] = literal(n.K)
		return p.names[n]
	}
	e := p.expr(n, func(a *lower.Node) string { return p.uniform(a, top) })
	p.names[n] = fmt.Sprintf("u%d", n.ID)
	top.add("const i32 u%d = %s;", n.ID, e)
	return p.names[n]
}

func literal(v int32) string {
	if v == -1<<31 {
		return "MIN_I32"
	}
	return fmt.Sprint(v)
}

// expr is the C expression of n, given its arguments.
func (p *printer) expr(n *lower.Node, arg func(*lower.Node) string) string {
	a := make([]string, len(n.Args))
	for i, x := range n.Args {
		a[i] = arg(x)
	}
	infix := func(op string) string { return fmt.Sprintf("%s %s %s", a[0], op, a[1]) }
	call := func(f string) string { return fmt.Sprintf("%s(%s)", f, strings.Join(a, ", ")) }
	switch n.Op {
	case kernel.OpConst:
		return literal(n.K)
	case kernel.OpParam:
		return fmt.Sprintf("params[%d]", n.K)
	case kernel.OpRows:
		return "rows"
	case kernel.OpCols:
		return "cols"
	case kernel.OpRow:
		return "row"
	case kernel.OpCol:
		return "(i32)c"
	case kernel.OpLoad:
		return fmt.Sprintf("b%d[%s]", n.K, a[0])
	case kernel.OpAdd:
		return infix("+")
	case kernel.OpSub:
		if n.Args[1].Op == kernel.OpConst && n.Args[1].K < 0 {
			return fmt.Sprintf("%s - (%s)", a[0], a[1])
		}
		return infix("-")
	case kernel.OpMul:
		return infix("*")
	case kernel.OpAnd:
		return infix("&")
	case kernel.OpOr:
		return infix("|")
	case kernel.OpXor:
		return infix("^")
	case kernel.OpLt:
		return infix("<")
	case kernel.OpEq:
		return infix("==")
	case kernel.OpSelect:
		return fmt.Sprintf("%s ? %s : %s", a[0], a[1], a[2])
	case kernel.OpShl:
		return call("op_shl")
	case kernel.OpSar:
		return call("op_sar")
	case kernel.OpMin:
		return call("op_min")
	case kernel.OpMax:
		return call("op_max")
	case kernel.OpAbs:
		return call("op_abs")
	case kernel.OpBitLen:
		return call("op_bitlen")
	case kernel.OpDiv:
		if n.Args[0].Bound.Hi+n.Args[1].Bound.Hi < 1<<24 {
			return call("op_div24")
		}
		return call("op_div")
	case kernel.OpIsqrt:
		return call("op_isqrt")
	case kernel.OpRand:
		return call("op_rand")
	}
	panic(fmt.Sprintf("clang: %s: no C for %s", p.kernel.Name, n.Op))
}

// scope prints one loop body: values known before the loop go to outer, the
// others to inner.
type scope struct {
	*printer
	stage int
	inner *lines
	outer *lines // nil in row loops and tables: everything is inner
	names map[*lower.Node]string

	pointers map[string]bool
}

func (p *printer) scope(stage int, inner, outer *lines) *scope {
	return &scope{printer: p, stage: stage, inner: inner, outer: outer, names: map[*lower.Node]string{}, pointers: map[string]bool{}}
}

func (s *scope) value(n *lower.Node) string {
	if n.Level() == lower.Uniform {
		return s.printer.names[n]
	}
	if v := s.names[n]; v != "" {
		return v
	}
	v, out := fmt.Sprintf("v%d", n.ID), s.inner
	var e string
	switch {
	case n.Level() == lower.PerRow:
		if s.outer != nil {
			out = s.outer
		}
		if s.known(n) {
			e = fmt.Sprintf("a%d[i]", n.ID)
		} else {
			e = s.expr(n, s.value)
		}
	case n.Level() == lower.PerCol && s.isTable(n):
		e = fmt.Sprintf("t%d[c]", n.ID)
	case n.Op == kernel.OpAcc:
		e = "acc_row[c]"
	case n.Level() == lower.PerElem && s.keptBefore(n, s.stage):
		e = fmt.Sprintf("k%d_row[c]", n.ID)
	case n.Unit:
		e = s.pointer(int(n.K), n.Args[0]) + "[c]"
	default:
		e = s.expr(n, s.value)
	}
	s.names[n] = v
	out.add("const i32 %s = %s;", v, e)
	return v
}

// known tells whether a per-row value was computed by an earlier loop.
func (s *scope) known(n *lower.Node) bool {
	return !trivial(n) && (s.outer != nil || n.Op.IsReduce() || n.Stage < s.stage)
}

func (s *scope) isTable(n *lower.Node) bool {
	for _, t := range s.tables {
		if t == n {
			return s.stage >= 0
		}
	}
	return false
}

// pointer declares the address of column 0 of a unit access.
func (s *scope) pointer(buf int, base *lower.Node) string {
	if base.IsConst(0) {
		return fmt.Sprintf("b%d", buf)
	}
	at := s.value(base)
	name := fmt.Sprintf("p%d_%d", buf, base.ID)
	if !s.pointers[name] {
		s.pointers[name] = true
		b := s.kernel.Bufs[buf]
		c := "const "
		if b.Out {
			c = ""
		}
		out := s.outer
		if out == nil {
			out = s.inner
		}
		out.add("%s%s *%s = b%d + %s;", c, ctype(b.DType), name, buf, at)
	}
	return name
}

// tableLoop fills the tables.
func (p *printer) tableLoop(top *lines) {
	if len(p.tables) == 0 {
		return
	}
	inner := &lines{indent: "\t\t"}
	s := p.scope(-1, inner, top)
	for _, n := range p.tables {
		inner.add("t%d[c] = %s;", n.ID, s.value(n))
	}
	top.add("VEC for (ix c = 0; c < cols; c++) {")
	top.b.WriteString(inner.b.String())
	top.add("}")
}

// rowBlocks emits the loop over blocks of rows and all stages inside.
func (p *printer) rowBlocks(top *lines) {
	if p.flat {
		p.columnLoop(0, top)
		return
	}
	for _, n := range sorted(p.arrays) {
		top.add("i32 a%d[64];", n.ID)
	}
	if p.kernel.Contract != nil {
		top.add("for (ix r0 = row0, n; r0 < row1; r0 += n) {")
		top.add("\tn = contraction_block(m, r0, row1);")
	} else {
		top.add("const ix step = rows_at_once(cols);")
		top.add("for (ix r0 = row0; r0 < row1; r0 += step) {")
		top.add("\tconst ix n = row1 - r0 < step ? row1 - r0 : step;")
	}
	for i := range p.stages {
		p.rowLoop(i, top)
		p.rowsOfColumns(i, top)
	}
	top.add("}")
}

// rowLoop computes what stage i knows once per row, for all rows of the block.
func (p *printer) rowLoop(i int, top *lines) {
	st := &p.stages[i]
	if len(st.rows)+len(st.rowStores) == 0 {
		return
	}
	inner := &lines{indent: top.indent + "\t\t"}
	s := p.scope(i, inner, nil)
	for _, n := range st.rows {
		v := s.value(n)
		if p.arrays[n] {
			inner.add("a%d[i] = %s;", n.ID, v)
		}
	}
	vec := "VEC "
	for _, x := range st.rowStores {
		op := "="
		if x.Add {
			op, vec = "+=", "" // two rows may add to one element
		}
		inner.add("b%d[%s] %s (%s)%s;", x.Buf, s.value(x.index), op, ctype(p.kernel.Bufs[x.Buf].DType), s.value(x.value))
	}
	top.add("\t%sfor (ix i = 0; i < n; i++) {", vec)
	top.add("\t\tconst i32 row = (i32)(r0 + i);")
	top.b.WriteString(inner.b.String())
	top.add("\t}")
}

// rowsOfColumns runs the column loop of stage i for every row of the block.
func (p *printer) rowsOfColumns(i int, top *lines) {
	st := &p.stages[i]
	if len(st.reduce)+len(st.stores)+len(st.keep) == 0 {
		return
	}
	top.add("\tfor (ix i = 0; i < n; i++) {")
	top.add("\t\tconst i32 row = (i32)(r0 + i);")
	body := &lines{indent: top.indent + "\t\t"}
	p.columnLoop(i, body)
	top.b.WriteString(body.b.String())
	top.add("\t}")
}

// columnLoop emits the column loop of stage i for one row, or the only loop
// of a flat kernel.
func (p *printer) columnLoop(i int, out *lines) {
	st := &p.stages[i]
	inner := &lines{indent: out.indent + "\t"}
	s := p.scope(i, inner, out)
	if p.kernel.Contract != nil {
		out.add("const i32 *acc_row = acc + i * m->ldacc;")
	}
	for _, n := range p.kept {
		out.add("i32 *k%d_row = k%d + i * cols;", n.ID, n.ID)
	}
	vec := "VEC "
	for _, n := range st.keep {
		inner.add("k%d_row[c] = %s;", n.ID, s.value(n))
	}
	for _, n := range st.reduce {
		v := s.value(n.Args[0])
		switch n.Op {
		case kernel.OpReduceOr:
			out.add("i32 s%d = 0;", n.ID)
			inner.add("s%d |= %s;", n.ID, v)
		case kernel.OpReduceSum:
			out.add("i32 s%d = 0;", n.ID)
			inner.add("s%d += %s;", n.ID, v)
		case kernel.OpReduceMax:
			out.add("i32 s%d = MIN_I32;", n.ID)
			inner.add("s%d = op_max(s%d, %s);", n.ID, n.ID, v)
		}
	}
	for _, x := range st.stores {
		v := s.value(x.value)
		to := ""
		if x.unit {
			to = s.pointer(x.Buf, x.index) + "[c]"
		} else {
			to = fmt.Sprintf("b%d[%s]", x.Buf, s.value(x.index))
		}
		op := "="
		if x.Add {
			op = "+="
			if !x.unit {
				vec = "" // two columns may add to one element
			}
		}
		inner.add("%s %s (%s)%s;", to, op, ctype(p.kernel.Bufs[x.Buf].DType), v)
	}
	from, to := "0", "cols"
	if p.flat {
		from, to = "row0", "row1"
	}
	out.add("%sfor (ix c = %s; c < %s; c++) {", vec, from, to)
	out.b.WriteString(inner.b.String())
	out.add("}")
	for _, n := range st.reduce {
		out.add("a%d[i] = s%d;", n.ID, n.ID)
	}
}
