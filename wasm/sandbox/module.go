package sandbox

import (
	"encoding/binary"
	"fmt"
)

// valueType is the type of a value, in the encoding of the format.
type valueType = byte

const (
	typeI32     valueType = 0x7f
	typeI64     valueType = 0x7e
	typeF32     valueType = 0x7d
	typeF64     valueType = 0x7c
	typeFuncref valueType = 0x70

	typeExternref valueType = 0x6f
	typeNone      byte      = 0x40 // a block without results
	typeAny       valueType = 0    // of a value that is never there, in code that is never reached
)

// funcType is the type of a function. The strings are lists of valueTypes.
type funcType struct{ params, results string }

// module is a decoded module, in the terms of the format.
type module struct {
	types     []funcType
	imports   []imported
	functions []uint32 // their types, without the imported
	tables    []table
	memory    *limits
	globals   []global
	exports   map[string]export
	start     int64 // a function, or -1
	elements  []elements
	code      [][]byte // locals and body of each function
	data      []data
	dataCount int64 // -1: no such section

	listed int // elements of all segments
}

type imported struct {
	name string
	typ  uint32
	wasi wasiFunction
}

type limits struct {
	min, max uint32
	bounded  bool
}

type table struct {
	typ valueType
	limits
}

type global struct {
	typ     valueType
	mutable bool
	init    constant
}

// constant is an initial value: the bytes of the instruction that makes it, or
// a reference to a function.
type constant struct {
	code     []byte
	function int64 // -1: none
}

type export struct {
	kind  byte
	index uint32
}

const (
	exportFunction = 0
	exportMemory   = 2
)

type elements struct {
	active    bool
	declared  bool
	table     uint32
	offset    uint32
	typ       valueType
	functions []int64 // -1: null
}

type data struct {
	active bool
	offset uint32
	bytes  []byte
}

// Numbers of the sections.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
	sectionTag
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// sectionOrder is where in a module each section stands.
var sectionOrder = [...]int{
	sectionType: 1, sectionImport: 2, sectionFunction: 3, sectionTable: 4, sectionMemory: 5, sectionGlobal: 6,
	sectionExport: 7, sectionStart: 8, sectionElement: 9, sectionDataCount: 10, sectionCode: 11, sectionData: 12,
}

// decode reads a module and holds it to everything but the types in its code.
func decode(b []byte) (*module, error) {
	if len(b) > MaxModule {
		return nil, refuse("it has %d bytes, of at most %d", len(b), MaxModule)
	}
	if len(b) < len(magic) || string(b[:4]) != string(magic[:4]) {
		return nil, refuse("this is no WebAssembly")
	}
	if string(b[4:8]) != string(magic[4:]) {
		return nil, refuse("its format is version %d (a component?), and only modules of version 1 are known", binary.LittleEndian.Uint32(b[4:]))
	}
	m := &module{start: -1, dataCount: -1, exports: map[string]export{}}
	r := &reader{data: b, pos: len(magic)}
	last := 0
	for r.more() {
		id := r.byte()
		body := &reader{data: r.bytes(r.u32())}
		switch {
		case r.err != nil:
		case id == sectionCustom:
			body.name()
			body.pos = len(body.data)
		case id == sectionTag:
			r.fail("it uses exceptions, which the sandbox does not have")
		case int(id) >= len(sectionOrder):
			r.fail("its section %d is unknown", id)
		case sectionOrder[id] <= last:
			r.fail("its section %d is twice there or out of order", id)
		default:
			last = sectionOrder[id]
			m.section(id, body)
			if body.err == nil && body.pos != len(body.data) {
				body.fail("its section %d is longer than what it holds", id)
			}
		}
		if r.err == nil {
			r.err = body.err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.check()
}

func (r *reader) valueType() valueType {
	switch t := r.byte(); t {
	case typeI32, typeI64, typeF32, typeF64, typeFuncref:
		return t
	case 0x7b:
		r.fail("it uses %s", noVectors)
	case typeExternref:
		r.fail("it uses externref, and there is nothing outside that it could refer to")
	case 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73, 0x74:
		r.fail("it uses types of the garbage collection or exception proposals (0x%02x), which the sandbox does not have", t)
	default:
		r.fail("0x%02x is no type of a value", t)
	}
	return typeI32
}

func (r *reader) funcType() funcType {
	switch form := r.byte(); form {
	case 0x60:
	case 0x4e, 0x4f, 0x50, 0x5e, 0x5f:
		r.fail("it uses garbage collected types (0x%02x), which the sandbox does not have", form)
	default:
		r.fail("0x%02x is no type of a function", form)
	}
	list := func(what string) string {
		var l []byte
		for range r.count(what, maxParams) {
			l = append(l, r.valueType())
		}
		return string(l)
	}
	return funcType{params: list("parameters"), results: list("results")}
}

// limits reads the size of a table or memory.
func (r *reader) limits(what string, most uint32) limits {
	flags := r.byte()
	switch {
	case flags&^7 != 0:
		r.fail("the flags 0x%02x of its %s are unknown", flags, what)
	case flags&4 != 0:
		r.fail("its %s has 64-bit addresses, which the sandbox does not have", what)
	case flags&2 != 0:
		r.fail("its %s is shared between threads, which the sandbox does not have", what)
	}
	l := limits{min: r.u32(), max: most}
	if flags&1 != 0 {
		l.max, l.bounded = r.u32(), true
	}
	if r.err == nil && l.min > l.max {
		r.fail("its %s starts with a size of %d, of at most %d", what, l.min, l.max)
	}
	if r.err == nil && what == "memory" && l.max > most {
		r.fail("its memory may have %d pages, of at most %d", l.max, most)
	}
	l.max = min(l.max, most)
	if r.err == nil && l.min > l.max {
		r.fail("its %s starts with a size of %d, of at most %d", what, l.min, l.max)
	}
	return l
}

// constant reads an expression of one instruction. There are no others: what
// would be added to or taken from is imported, and globals are not.
func (r *reader) constant(want valueType) constant {
	c := constant{function: -1}
	var got valueType
	start := r.pos
	switch op := r.byte(); op {
	case 0x41:
		r.signed(32)
		got = typeI32
	case 0x42:
		r.signed(64)
		got = typeI64
	case 0x43:
		r.bytes(4)
		got = typeF32
	case 0x44:
		r.bytes(8)
		got = typeF64
	case 0xd0:
		got = r.referenceType()
	case 0xd2:
		c.function = int64(r.u32())
		got = typeFuncref
	case 0x23:
		r.fail("an initial value is that of another global")
	default:
		r.fail("an initial value is not constant (instruction 0x%02x)", op)
	}
	if r.err != nil {
		return c
	}
	c.code = r.data[start:r.pos]
	if r.byte() != 0x0b {
		r.fail("an initial value is more than one instruction")
	}
	if got != want {
		r.fail("an initial value has type 0x%02x, want 0x%02x", got, want)
	}
	return c
}

// function is the type of function i, imported ones first.
func (m *module) function(i uint32) (funcType, bool) {
	switch n := uint32(len(m.imports)); {
	case i < n:
		return m.types[m.imports[i].typ], true
	case i-n < uint32(len(m.functions)):
		return m.types[m.functions[i-n]], true
	}
	return funcType{}, false
}

// check holds the sections to one another.
func (m *module) check() error {
	if len(m.functions) != len(m.code) {
		return refuse("it declares %d functions and has code for %d", len(m.functions), len(m.code))
	}
	if m.dataCount >= 0 && m.dataCount != int64(len(m.data)) {
		return refuse("it announces %d segments of data and has %d", m.dataCount, len(m.data))
	}
	functions := int64(len(m.imports) + len(m.functions))
	if m.start >= functions {
		return refuse("its start is function %d of %d", m.start, functions)
	}
	if m.start >= 0 {
		if t, _ := m.function(uint32(m.start)); t != (funcType{}) {
			return refuse("its start function has parameters or results")
		}
	}
	for i, g := range m.globals {
		if g.init.function >= functions {
			return refuse("global %d refers to function %d of %d", i, g.init.function, functions)
		}
	}
	for name, e := range m.exports {
		n := [...]int{exportFunction: int(functions), 1: len(m.tables), exportMemory: 0, 3: len(m.globals)}
		if m.memory != nil {
			n[exportMemory] = 1
		}
		if uint64(e.index) >= uint64(n[e.kind]) {
			return refuse("its export %q is not there", name)
		}
	}
	for i, e := range m.elements {
		if err := m.checkElements(e); err != nil {
			return refuse("segment %d of elements: %v", i, err)
		}
	}
	for i, d := range m.data {
		if !d.active {
			continue
		}
		if m.memory == nil || uint64(d.offset)+uint64(len(d.bytes)) > uint64(m.memory.min)*pageSize {
			return refuse("segment %d of data, %d bytes at %d, is not inside its memory", i, len(d.bytes), d.offset)
		}
	}
	return nil
}

func (m *module) checkElements(e elements) error {
	if e.active {
		if int(e.table) >= len(m.tables) {
			return fmt.Errorf("there is no table %d", e.table)
		}
		if uint64(e.offset)+uint64(len(e.functions)) > uint64(m.tables[e.table].min) {
			return fmt.Errorf("%d elements at %d are not inside their table", len(e.functions), e.offset)
		}
	}
	for _, f := range e.functions {
		if f >= int64(len(m.imports)+len(m.functions)) {
			return fmt.Errorf("there is no function %d", f)
		}
	}
	return nil
}
