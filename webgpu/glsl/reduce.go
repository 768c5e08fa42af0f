package glsl

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// reduction is the passes of a stage: over whole rows, or over stretches of
// rows and then over what those left.
type reduction struct {
	whole   form
	partial form
	combine *pass
}

func (m *module) printReductions() {
	for i := range m.stages {
		key := fmt.Sprintf("%s reduce%d", m.key, i+1)
		m.reductions = append(m.reductions, reduction{
			whole: form{
				quad:  m.add(m.printReduce(key+" whole quad", i+1, true, true)),
				loose: m.add(m.printReduce(key+" whole loose", i+1, true, false)),
			},
			partial: form{
				quad:  m.add(m.printReduce(key+" part quad", i+1, false, true)),
				loose: m.add(m.printReduce(key+" part loose", i+1, false, false)),
			},
			combine: m.add(m.printCombine(key+" combine", i+1)),
		})
	}
}

// printReduce prints the pass over the columns of a stage: of whole rows, or of
// stretches of them.
func (m *module) printReduce(key string, number int, whole, quad bool) *pass {
	sh := newShader(key, m.width)
	st := &m.stages[number-1]
	v := view{row: value{text: "row"}, col: value{"col", true}, quad: quad, stage: number - 1}
	top := m.scope(sh, v)
	from, to := "0", sh.word("cols")
	if whole {
		top.add("int row = t;")
	} else {
		top.add("int row = t / %s;", sh.word("stretches"))
		top.add("int from = (t - row * stretches) * %s;", sh.word("stretch"))
		top.add("int to = min(from + stretch, cols);")
		from, to = "from", "to"
	}
	if quad {
		v.first = "c"
	}
	rows := top.inside(v, ofRow)
	each := rows.inside(v, everything)
	each.indent += "  "
	for _, n := range st.reduce {
		rows.add("ivec4 s%d = ivec4(%s);", n.ID, neutral(n))
	}
	if quad {
		each.add("ivec4 col = c + ivec4(0, 1, 2, 3);")
	} else {
		// Or and maximum do not mind to see the last column again.
		each.add("ivec4 col = min(c + ivec4(0, 1, 2, 3), %s - 1);", to)
	}
	for _, n := range st.reduce {
		x := each.value(n.Args[0]).text
		if n.Op == kernel.OpReduceSum && !quad {
			x = fmt.Sprintf("%s * ivec4(lessThan(c + ivec4(0, 1, 2, 3), ivec4(%s)))", parens(x), to)
		}
		each.add("%s", fold(n, fmt.Sprintf("s%d", n.ID), x, true))
	}
	rows.add("for (int c = %s; c < %s; c += 4) {", from, to)
	rows.put(each.lines)
	rows.add("}")
	now := map[*lower.Node]value{}
	for _, n := range st.reduce {
		s := fmt.Sprintf("s%d", n.ID)
		rows.add("int n%d = %s;", n.ID, collapse(n, s))
		now[n] = value{text: fmt.Sprintf("n%d", n.ID)}
	}
	rows.leave(number, whole, now)
	top.put(rows.lines)
	return sh.pass(top.lines)
}

// leave writes what a stage leaves: all that later passes need, or what was
// reduced.
func (s *scope) leave(number int, whole bool, now map[*lower.Node]value) {
	st := &s.module.stages[number-1]
	s.view.now = now
	list, name := st.keep, "row"
	if !whole {
		list, name = st.reduce, "part"
	}
	i := 0
	for texel := range slices.Chunk(list, 4) {
		parts := [4]any{"0", "0", "0", "0"}
		for j, n := range texel {
			parts[j] = s.value(n).text
		}
		s.add("%s = ivec4(%s, %s, %s, %s);", append([]any{s.target(temporary(fmt.Sprintf("%s%d_%d", name, number, i)))}, parts[:]...)...)
		i++
	}
}

// printCombine prints the pass that reduces what stretches left.
func (m *module) printCombine(key string, number int) *pass {
	sh := newShader(key, m.width)
	st := &m.stages[number-1]
	top := m.scope(sh, view{row: value{text: "row"}, stage: number - 1})
	top.holds = ofRow
	top.add("int row = t;")
	for _, n := range st.reduce {
		top.add("int n%d = %s;", n.ID, neutral(n))
	}
	now := map[*lower.Node]value{}
	top.open("for (int i = row * %s; i < (row + 1) * stretches; i++)", sh.word("stretches"))
	for i, n := range st.reduce {
		if i%4 == 0 {
			top.add("ivec4 q%d = %s;", i/4, sh.texel(temporary(fmt.Sprintf("part%d_%d", number, i/4)), "i"))
		}
		name := fmt.Sprintf("n%d", n.ID)
		top.add("%s", fold(n, name, fmt.Sprintf("q%d.%c", i/4, "xyzw"[i%4]), false))
		now[n] = value{text: name}
	}
	top.close()
	top.leave(number, true, now)
	return sh.pass(top.lines)
}

// neutral is what a reduction starts from.
func neutral(n *lower.Node) string {
	if n.Op == kernel.OpReduceMax {
		return literal(-1 << 31)
	}
	return "0"
}

// fold is the statement that takes x into s.
func fold(n *lower.Node, s, x string, wide bool) string {
	switch n.Op {
	case kernel.OpReduceOr:
		return fmt.Sprintf("%s |= %s;", s, x)
	case kernel.OpReduceMax:
		if wide {
			x = "ivec4(" + x + ")"
		}
		return fmt.Sprintf("%s = max(%s, %s);", s, s, x)
	default:
		return fmt.Sprintf("%s += %s;", s, x)
	}
}

// collapse reduces the four parts of s.
func collapse(n *lower.Node, s string) string {
	switch n.Op {
	case kernel.OpReduceOr:
		return fmt.Sprintf("%s.x | %s.y | %s.z | %s.w", s, s, s, s)
	case kernel.OpReduceMax:
		return fmt.Sprintf("max(max(%s.x, %s.y), max(%s.z, %s.w))", s, s, s, s)
	default:
		return fmt.Sprintf("%s.x + %s.y + %s.z + %s.w", s, s, s, s)
	}
}

func parens(x string) string {
	for _, c := range x {
		if c == ' ' {
			return "(" + x + ")"
		}
	}
	return x
}
