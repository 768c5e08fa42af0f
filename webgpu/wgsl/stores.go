package wgsl

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// store puts the value of one element, or of four.
func (s *scope) store(st store) {
	v := s.value(st.value)
	switch {
	case st.kind == adding:
		s.addTo(&st, s.value(st.index), v)
	case s.place.wide:
		s.storeFour(st.mem, s.whole(v))
	default:
		s.add("%s", s.putWord(st.mem, s.place.here().text, "bitcast<u32>("+v.text+")"))
	}
}

// whole names the vector of v.
func (s *scope) whole(v value) string {
	if v.wide {
		return v.text
	}
	s.wides++
	name := fmt.Sprintf("w%d", s.wides)
	s.add("let %s = %s;", name, widen(v))
	return name
}

// storeFour stores four values, less those that are not there. The first is.
func (s *scope) storeFour(mem int, v string) {
	put := func(j int, i, w string) { s.guarded(j, nil, s.putWord(mem, i, w)) }
	switch first := s.place.first; s.memory[mem].dtype {
	case kernel.I8:
		put(0, first+" >> 2u", s.pack4(v))
	case kernel.I16:
		put(0, first+" >> 1u", s.pack2(v+".x", v+".y"))
		put(2, "("+first+" >> 1u) + 1", s.pack2(v+".z", v+".w"))
	default:
		for j, c := range "xyzw" {
			put(j, fmt.Sprintf("%s.%c", s.place.here().text, c), fmt.Sprintf("bitcast<u32>(%s.%c)", v, c))
		}
	}
}

// guarded does something for element j where it is there and more holds.
func (s *scope) guarded(j int, more []string, do string) {
	if s.place.there != nil && j > 0 {
		more = append(more, s.place.there(j))
	}
	if len(more) == 0 {
		s.add("%s", do)
		return
	}
	s.add("if (%s) {", strings.Join(more, " && "))
	s.add("  %s", do)
	s.add("}")
}

// addTo adds the values of one element or of four. What is 0 need not be
// added: it is often most of what is there. A value that the whole row shares
// is added once.
func (s *scope) addTo(st *store, index, v value) {
	wide := s.place.wide
	add := func(j int, component string) {
		x, i := v.text+component, index.text+component
		guards := []string{x + " != 0"}
		if st.perRow() {
			guards = append(guards, s.place.col().text+component+" == 0")
		}
		s.guarded(j, guards, s.addWord(st.mem, i, x))
	}
	if !wide {
		add(0, "")
		return
	}
	v, index = value{s.whole(v), true}, value{s.whole(index), true}
	for j, c := range "xyzw" {
		add(j, "."+string(c))
	}
}
