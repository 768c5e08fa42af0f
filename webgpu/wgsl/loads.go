package wgsl

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/lower"
)

// load reads a buffer.
func (s *scope) load(n *lower.Node) value {
	if s.place != nil && s.place.first != "" && s.place.isHere(n.Args[0]) {
		return s.loadHere(int(n.K))
	}
	return s.loadAt(int(n.K), s.value(n.Args[0]))
}

func (s *scope) loadAt(mem int, i value) value {
	if !i.wide {
		return value{text: s.element(mem, i.text)}
	}
	e := func(c string) string { return s.element(mem, i.text+c) }
	return value{fmt.Sprintf("vec4<i32>(%s, %s, %s, %s)", e(".x"), e(".y"), e(".z"), e(".w")), true}
}

// loadHere reads the four elements of the place: those that share words are
// read together. The first lies in the buffer, and so does its word; what
// comes after may not.
func (s *scope) loadHere(mem int) value {
	switch first := s.place.first; {
	case s.memory[mem].dtype == kernel.I8:
		return value{s.unpack4(s.word(mem, first+" >> 2u")), true}
	case s.memory[mem].dtype == kernel.I16 && s.place.quad:
		return value{s.unpack2(s.word(mem, first+" >> 1u"), s.word(mem, "("+first+" >> 1u) + 1")), true}
	}
	return s.loadAt(mem, s.place.here())
}
