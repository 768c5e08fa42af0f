package sandboxtest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Module is a module to assemble. Functions are numbered imported ones first.
type Module struct {
	Imports   []Import
	Functions []Function
	Memory    string   // "min" or "min max", in pages; empty: none
	Tables    []string // each "min" or "min max", of references to functions
	Globals   []string // each "type value" or "mut type value"
	Elements  []Elements
	Data      []Data
	Start     string            // name of a function
	Exports   map[string]string // of functions, by their names here, besides those with Export set
}

// Import is a function of WASI.
type Import struct{ Name, Type string }

// Function is a function and its code; see Assemble.
type Function struct {
	Name   string
	Type   string // "i32 i32 -> i64"
	Locals string // "i32 i32 f64"
	Code   string
	Export bool
}

// Elements is a segment of functions' names; Table is -1 where it is passive.
type Elements struct {
	Table, Offset int
	Functions     []string
}

// Data is a segment of bytes; Offset is -1 where it is passive.
type Data struct {
	Offset int
	Bytes  []byte
}

// assembling is a module on its way to bytes.
type assembling struct {
	types  []string
	byName map[string]int
}

// Encode returns the module's bytes. It panics when the module's text is
// wrong, which is a fault of whoever wrote it.
func (m Module) Encode() []byte {
	a := &assembling{byName: map[string]int{}}
	var imports, functions, tables, memories, globals, exports, elements, bodies, data [][]byte
	for i, imp := range m.Imports {
		a.byName[imp.Name] = i
		item := append(text("wasi_snapshot_preview1"), text(imp.Name)...)
		imports = append(imports, number(append(item, 0), a.typeIndex(imp.Type)))
	}
	for i, f := range m.Functions {
		a.byName[f.Name] = len(m.Imports) + i
		functions = append(functions, number(nil, a.typeIndex(f.Type)))
		if f.Export {
			exports = append(exports, number(append(text(f.Name), 0), uint64(len(m.Imports)+i)))
		}
	}
	for as, name := range m.Exports {
		exports = append(exports, number(append(text(as), 0), a.function(name)))
	}
	for _, t := range m.Tables {
		tables = append(tables, append([]byte{0x70}, limits(t)...))
	}
	if m.Memory != "" {
		memories = append(memories, limits(m.Memory))
		exports = append(exports, append(text("memory"), 2, 0))
	}
	for _, g := range m.Globals {
		g, mutable := strings.CutPrefix(g, "mut ")
		typ, value, _ := strings.Cut(g, " ")
		item := []byte{valueType(typ), 0}
		if mutable {
			item[1] = 1
		}
		globals = append(globals, append(append(item, a.code(typ+".const "+value)...), 0x0b))
	}
	for _, e := range m.Elements {
		item := []byte{1, 0}
		if e.Table >= 0 {
			item = number([]byte{2}, uint64(e.Table))
			item = append(append(item, a.code(fmt.Sprintf("i32.const %d", e.Offset))...), 0x0b, 0)
		}
		item = number(item, uint64(len(e.Functions)))
		for _, f := range e.Functions {
			item = number(item, a.function(f))
		}
		elements = append(elements, item)
	}
	for _, f := range m.Functions {
		locals := strings.Fields(f.Locals)
		body := number(nil, uint64(len(locals)))
		for _, l := range locals {
			body = append(body, 1, valueType(l))
		}
		body = append(append(body, a.code(f.Code)...), 0x0b)
		bodies = append(bodies, append(number(nil, uint64(len(body))), body...))
	}
	for _, d := range m.Data {
		item := []byte{1}
		if d.Offset >= 0 {
			item = append(append([]byte{0}, a.code(fmt.Sprintf("i32.const %d", d.Offset))...), 0x0b)
		}
		data = append(data, append(number(item, uint64(len(d.Bytes))), d.Bytes...))
	}
	var types [][]byte
	for _, t := range a.types {
		types = append(types, funcType(t))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range []struct {
		id    byte
		items [][]byte
	}{{1, types}, {2, imports}, {3, functions}, {4, tables}, {5, memories}, {6, globals}, {7, exports}} {
		out = section(out, s.id, s.items)
	}
	if m.Start != "" {
		start := number(nil, a.function(m.Start))
		out = append(append(out, 8, byte(len(start))), start...)
	}
	out = section(out, 9, elements)
	if len(data) > 0 {
		count := number(nil, uint64(len(data)))
		out = append(append(out, 12, byte(len(count))), count...)
	}
	return section(section(out, 10, bodies), 11, data)
}

func section(out []byte, id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return out
	}
	body := number(nil, uint64(len(items)))
	for _, item := range items {
		body = append(body, item...)
	}
	return append(number(append(out, id), uint64(len(body))), body...)
}

func (a *assembling) typeIndex(t string) uint64 {
	t = strings.ReplaceAll(t, ",", " ")
	for i, have := range a.types {
		if have == t {
			return uint64(i)
		}
	}
	a.types = append(a.types, t)
	return uint64(len(a.types) - 1)
}

func (a *assembling) function(name string) uint64 {
	i, ok := a.byName[name]
	if !ok {
		panic("sandboxtest: no function " + name)
	}
	return uint64(i)
}

func number(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func text(s string) []byte { return append(number(nil, uint64(len(s))), s...) }

func limits(s string) []byte {
	var low, high uint64
	if n, err := fmt.Sscan(s, &low, &high); n == 1 {
		return number([]byte{0}, low)
	} else if err != nil {
		panic("sandboxtest: limits " + s)
	}
	return number(number([]byte{1}, low), high)
}

func valueType(name string) byte {
	t, ok := map[string]byte{"i32": 0x7f, "i64": 0x7e, "f32": 0x7d, "f64": 0x7c, "v128": 0x7b, "funcref": 0x70, "externref": 0x6f}[name]
	if !ok {
		panic("sandboxtest: no type " + name)
	}
	return t
}

func funcType(t string) []byte {
	params, results, ok := strings.Cut(t, "->")
	if !ok {
		panic("sandboxtest: type " + t)
	}
	b := []byte{0x60}
	for _, list := range []string{params, results} {
		names := strings.Fields(list)
		b = number(b, uint64(len(names)))
		for _, name := range names {
			b = append(b, valueType(name))
		}
	}
	return b
}
