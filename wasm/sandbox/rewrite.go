package sandbox

import (
	"slices"
)

// Form is how a module is used.
type Form uint8

// The forms.
const (
	Command Form = 1 // it exports _start: reads its input from stdin, writes its output to stdout
	Plain   Form = 2 // it exports shoal_alloc and shoal_run, and perhaps _initialize
)

// Binary is a module as engines run it.
type Binary struct {
	Code   []byte // WebAssembly, with the import and the exports that an Instance is made of
	Form   Form
	limits Limits
	fuel   int64 // left when a run begins; below zero, nothing runs
}

// What Code imports and exports.
const (
	ImportModule = "shoal"
	ImportName   = "call"   // (call, a, b, c, d i32) i32: Run.Call
	MemoryName   = "memory" // the memory
	EnterName    = "enter"  // (what, a, b i32) i32: Instance.Enter
)

// Rewrite checks a module and makes it one whose outcome is its own. An error
// is a *ModuleError.
func Rewrite(code []byte, l Limits) (*Binary, error) {
	m, err := decode(code)
	if err != nil {
		return nil, err
	}
	form, err := m.form()
	if err != nil {
		return nil, err
	}
	pages := min(l.Memory, maxPages)
	if m.memory.min > pages {
		return nil, refuse("it starts with %d pages of memory, of at most %d", m.memory.min, pages)
	}
	w := &rewriter{m: m, form: form, pages: min(m.memory.max, pages), references: map[uint32]bool{}}
	b := &Binary{Form: form, limits: l, fuel: int64(min(l.Fuel, 1<<62)) - w.base()}
	if b.Code, err = w.rewrite(max(b.fuel, 0)); err != nil {
		return nil, err
	}
	return b, nil
}

// form finds out how the module is used.
func (m *module) form() (Form, error) {
	if e, ok := m.exports["memory"]; !ok || e.kind != exportMemory {
		return 0, refuse("it exports no memory named memory")
	}
	has := func(name string, t funcType) (bool, error) {
		e, ok := m.exports[name]
		if !ok {
			return false, nil
		}
		if e.kind != exportFunction {
			return false, refuse("its export %s is no function", name)
		}
		if got, _ := m.function(e.index); got != t {
			return false, refuse("its export %s has another type than it should have", name)
		}
		return true, nil
	}
	start, err := has("_start", funcType{})
	if err != nil {
		return 0, err
	}
	alloc, err := has("shoal_alloc", funcType{params: tI, results: tI})
	if err != nil {
		return 0, err
	}
	run, err := has("shoal_run", funcType{params: tI + tI, results: tL})
	if err != nil {
		return 0, err
	}
	if _, err := has("_initialize", funcType{}); err != nil {
		return 0, err
	}
	switch {
	case start && (alloc || run):
		return 0, refuse("it exports both _start and shoal_run or shoal_alloc, and can be used in one way only")
	case start:
		return Command, nil
	case alloc && run:
		return Plain, nil
	case alloc || run:
		return 0, refuse("it exports only one of shoal_alloc and shoal_run")
	}
	return 0, refuse("it exports neither _start nor shoal_alloc and shoal_run")
}

// rewriter makes one module.
type rewriter struct {
	m          *module
	form       Form
	pages      uint32              // of memory at most
	types      []funcType          // besides the module's own
	numbers    map[funcType]uint64 // of all types
	helpers    []helperKey
	references map[uint32]bool // functions that code takes references of
}

// newIndex is the number of the module's function i in the rewritten module,
// whose only import comes first. What was imported is a function there.
func newIndex(i uint32) uint64 { return uint64(i) + 1 }

// hidden is a global that the rewriter adds after the module's own.
func (w *rewriter) hidden(i int) uint64 { return uint64(len(w.m.globals) + i) }

// The hidden globals.
const (
	hiddenFuel   = iota // i64: may be used until the next tick; negative: beyond that
	hiddenRest          // i64: may be used after that
	hiddenDepth         // i32: bytes of stack left; negative: too deep
	hiddenFlags         // i32: see flag
	hiddenResult        // i64: of shoal_run
	hiddenGlobals
)

// Flags say what a trap alone does not.
const (
	flagRefused = 1 << iota // the module was refused memory
	flagHost                // the machine had none, though the module may have it
	flagDepth               // calls were nested too deep
)

// typeIndex is the number of a type, a new one if the module has none like it.
func (w *rewriter) typeIndex(t funcType) uint64 {
	if w.numbers == nil {
		w.numbers = make(map[funcType]uint64, len(w.m.types))
		for i, have := range w.m.types {
			w.numbers[have] = uint64(i)
		}
	}
	i, ok := w.numbers[t]
	if !ok {
		i = uint64(len(w.m.types) + len(w.types))
		w.types, w.numbers[t] = append(w.types, t), i
	}
	return i
}

// blockType is the type of a block without parameters.
func (w *rewriter) blockType(results string) []byte {
	switch len(results) {
	case 0:
		return []byte{typeNone}
	case 1:
		return []byte{results[0]}
	}
	return appendSigned(nil, int64(w.typeIndex(funcType{results: results})))
}

func (w *rewriter) rewrite(fuel int64) ([]byte, error) {
	m := w.m
	var types, bodies [][]byte
	add := func(t uint64, body []byte) {
		types = append(types, appendUnsigned(nil, t))
		bodies = append(bodies, append(appendUnsigned(nil, uint64(len(body))), body...))
	}
	for _, i := range m.imports {
		add(uint64(i.typ), w.wrapper(i.wasi))
	}
	size, effort := 0, 0
	for i, code := range m.code {
		f := &function{w: w, r: reader{data: code}, typ: m.types[m.functions[i]]}
		body, err := f.rewrite()
		if err != nil {
			return nil, m.where(i, err)
		}
		if size += len(body); size > maxCode {
			return nil, refuse("it has more than %d bytes when counting is added", maxCode)
		}
		if effort += f.effort(); f.effort() > maxEffort || effort > maxEfforts {
			return nil, m.where(i, refuse("compiling it would take too long: it has %d branches, %d locals, and moves %d values", f.number, len(f.locals), f.moved))
		}
		add(uint64(m.functions[i]), body)
	}
	enter := w.enter() // which uses helpers
	for i := 0; i < len(w.helpers); i++ {
		t, body := w.helperCode(w.helpers[i])
		add(w.typeIndex(t), body)
	}
	last := newIndex(uint32(len(types)))
	add(w.typeIndex(funcType{params: tI + tI + tI, results: tI}), enter)

	host := w.typeIndex(funcType{params: tI + tI + tI + tI + tI, results: tI})
	out := append(make([]byte, 0, size+size/8), magic...)
	out = appendSection(out, sectionType, w.typeList())
	out = appendSection(out, sectionImport, [][]byte{
		appendUnsigned(append(appendName(appendName(nil, ImportModule), ImportName), exportFunction), host)})
	out = appendSection(out, sectionFunction, types)
	out = appendSection(out, sectionTable, w.tables())
	out = appendSection(out, sectionMemory, [][]byte{appendUnsigned(appendUnsigned([]byte{1}, uint64(m.memory.min)), uint64(w.pages))})
	out = appendSection(out, sectionGlobal, w.globals(fuel))
	out = appendSection(out, sectionExport, [][]byte{
		append(appendName(nil, MemoryName), exportMemory, 0),
		appendUnsigned(append(appendName(nil, EnterName), exportFunction), last)})
	out = appendSection(out, sectionElement, w.elements())
	if m.dataCount >= 0 {
		count := appendUnsigned(nil, uint64(m.dataCount))
		out = append(append(out, sectionDataCount, byte(len(count))), count...)
	}
	out = appendSection(out, sectionCode, bodies)
	return appendSection(out, sectionData, w.data()), nil
}

// appendSection writes a section that is a list, unless it is empty.
func appendSection(out []byte, id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return out
	}
	count := appendUnsigned(nil, uint64(len(items)))
	size := len(count)
	for _, item := range items {
		size += len(item)
	}
	out = append(appendUnsigned(append(out, id), uint64(size)), count...)
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}

func (w *rewriter) typeList() (items [][]byte) {
	for _, t := range append(slices.Clone(w.m.types), w.types...) {
		item := append(appendUnsigned([]byte{0x60}, uint64(len(t.params))), t.params...)
		items = append(items, append(appendUnsigned(item, uint64(len(t.results))), t.results...))
	}
	return items
}

func (w *rewriter) tables() (items [][]byte) {
	for _, t := range w.m.tables {
		items = append(items, appendUnsigned(appendUnsigned([]byte{t.typ, 1}, uint64(t.min)), uint64(t.max)))
	}
	return items
}

func (w *rewriter) globals(fuel int64) (items [][]byte) {
	for _, g := range w.m.globals {
		item := []byte{g.typ, 0}
		if g.mutable {
			item[1] = 1
		}
		items = append(items, append(appendConstant(item, g.init), opEnd))
	}
	first := min(fuel, slice)
	hidden := [hiddenGlobals][]byte{
		hiddenFuel:   appendSigned([]byte{typeI64, 1, opI64Const}, first),
		hiddenRest:   appendSigned([]byte{typeI64, 1, opI64Const}, fuel-first),
		hiddenDepth:  appendSigned([]byte{typeI32, 1, opI32Const}, stackBudget),
		hiddenFlags:  {typeI32, 1, opI32Const, 0},
		hiddenResult: {typeI64, 1, opI64Const, 0},
	}
	for _, item := range hidden {
		items = append(items, append(item, opEnd))
	}
	return items
}

func appendConstant(b []byte, c constant) []byte {
	if c.function >= 0 {
		return appendUnsigned(append(b, opRefFunc), newIndex(uint32(c.function)))
	}
	return append(b, c.code...)
}

func (w *rewriter) elements() (items [][]byte) {
	for _, e := range w.m.elements {
		// Expressions say everything that the other forms do.
		var item []byte
		switch {
		case e.declared:
			item = []byte{7, e.typ}
		case e.active:
			item = appendUnsigned([]byte{6}, uint64(e.table))
			item = appendSigned(append(item, opI32Const), int64(int32(e.offset)))
			item = append(item, opEnd, e.typ)
		default:
			item = []byte{5, e.typ}
		}
		item = appendUnsigned(item, uint64(len(e.functions)))
		for _, f := range e.functions {
			if f < 0 {
				item = append(item, opRefNull, e.typ, opEnd)
			} else {
				item = append(appendUnsigned(append(item, opRefFunc), newIndex(uint32(f))), opEnd)
			}
		}
		items = append(items, item)
	}
	if len(w.references) == 0 {
		return items
	}
	// References in code must be announced, and what announced them, as an
	// export does, may be gone.
	var all []uint32
	for f := range w.references {
		all = append(all, f)
	}
	slices.Sort(all)
	item := appendUnsigned([]byte{3, 0}, uint64(len(all)))
	for _, f := range all {
		item = appendUnsigned(item, newIndex(f))
	}
	return append(items, item)
}

func (w *rewriter) data() (items [][]byte) {
	for _, d := range w.m.data {
		item := []byte{1}
		if d.active {
			item = appendSigned([]byte{0, opI32Const}, int64(int32(d.offset)))
			item = append(item, opEnd)
		}
		items = append(items, append(appendUnsigned(item, uint64(len(d.bytes))), d.bytes...))
	}
	return items
}
