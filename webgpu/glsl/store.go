package glsl

import "fmt"

// printElements prints the pass of stores at every element.
func (m *module) printElements(i int, stores []*store) form {
	if m.flat {
		return form{quad: m.add(m.printElementsAs(fmt.Sprintf("%s map%d", m.key, i), stores, true))}
	}
	return form{
		quad:  m.add(m.printElementsAs(fmt.Sprintf("%s map%d quad", m.key, i), stores, true)),
		loose: m.add(m.printElementsAs(fmt.Sprintf("%s map%d loose", m.key, i), stores, false)),
	}
}

func (m *module) printElementsAs(key string, stores []*store, quad bool) *pass {
	sh := newShader(key, m.width)
	v := view{own: true, quad: quad, stage: len(m.stages)}
	head := &lines{indent: "  "}
	switch {
	case m.flat:
		head.add("ivec4 col = t * 4 + ivec4(0, 1, 2, 3);")
	case quad:
		head.add("int e = t * 4;")
		head.add("int row = e / %s;", sh.word("cols"))
		head.add("int first = e - row * cols;")
		head.add("ivec4 col = first + ivec4(0, 1, 2, 3);")
		v.first, v.row = "first", value{text: "row"}
	default:
		head.add("ivec4 e = min(t * 4 + ivec4(0, 1, 2, 3), %s - 1);", sh.word("elems"))
		head.add("ivec4 row = e / %s;", sh.word("cols"))
		head.add("ivec4 col = e - row * cols;")
		v.row = value{"row", true}
	}
	v.col = value{"col", true}
	top := m.scope(sh, v)
	top.holds = everything
	top.put(head)
	for _, s := range stores {
		text := widen(top.value(s.value))
		top.add("%s = %s;", sh.target(m.buffer(s.Buf)), text)
	}
	return sh.pass(top.lines)
}

// printRows prints the pass of stores at every row: four rows a fragment.
func (m *module) printRows(i int, stores []*store) *pass {
	sh := newShader(fmt.Sprintf("%s rows%d", m.key, i), m.width)
	top := m.scope(sh, view{row: value{"row", true}, line: "line", stage: len(m.stages)})
	top.holds = everything
	top.add("int line = t * 4;")
	top.add("ivec4 row = min(line + ivec4(0, 1, 2, 3), %s - 1);", sh.word("rows"))
	for _, s := range stores {
		text := widen(top.value(s.value))
		top.add("%s = %s;", sh.target(m.buffer(s.Buf)), text)
	}
	return m.add(sh.pass(top.lines))
}
