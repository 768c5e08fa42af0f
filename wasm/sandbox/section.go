package sandbox

func (m *module) section(id byte, r *reader) {
	switch id {
	case sectionType:
		for range r.count("types", maxTypes) {
			m.types = append(m.types, r.funcType())
		}
	case sectionImport:
		for range r.count("imports", maxImports) {
			m.readImport(r)
		}
	case sectionFunction:
		for range r.count("functions", maxFunctions) {
			m.functions = append(m.functions, m.typeIndex(r))
		}
	case sectionTable:
		for range r.count("tables", maxTables) {
			m.tables = append(m.tables, table{r.referenceType(), r.limits("table", maxTable)})
		}
	case sectionMemory:
		n := r.count("memories", maxTables)
		if n > 1 {
			r.fail("it has %d memories, and the sandbox gives one", n)
		}
		if n == 1 {
			l := r.limits("memory", 1<<16)
			m.memory = &l
		}
	case sectionGlobal:
		for range r.count("globals", maxGlobals) {
			m.readGlobal(r)
		}
	case sectionExport:
		for range r.count("exports", maxExports) {
			m.readExport(r)
		}
	case sectionStart:
		m.start = int64(r.u32())
	case sectionElement:
		for range r.count("segments of elements", maxSegments) {
			m.elements = append(m.elements, m.readElements(r))
		}
	case sectionDataCount:
		m.dataCount = int64(r.u32())
	case sectionCode:
		for range r.count("bodies of functions", maxFunctions) {
			body := r.bytes(r.u32())
			if len(body) > maxBody {
				r.fail("function %d has %d bytes of code, of at most %d", len(m.imports)+len(m.code), len(body), maxBody)
			}
			m.code = append(m.code, body)
		}
	case sectionData:
		for range r.count("segments of data", maxSegments) {
			m.data = append(m.data, m.readData(r))
		}
	}
}

func (r *reader) referenceType() valueType {
	t := r.valueType()
	if r.err == nil && t != typeFuncref {
		r.fail("0x%02x is no type of a reference", t)
	}
	return typeFuncref
}

func (m *module) typeIndex(r *reader) uint32 {
	i := r.u32()
	if r.err == nil && int(i) >= len(m.types) {
		r.fail("it names type %d of %d", i, len(m.types))
	}
	return i
}

func (m *module) readImport(r *reader) {
	from, name := r.name(), r.name()
	switch kind := r.byte(); {
	case r.err != nil:
	case kind != 0:
		r.fail("it imports %q of %q, which is no function: memories, tables and globals must be its own", name, from)
	default:
		typ := m.typeIndex(r)
		if r.err != nil {
			return
		}
		f, known := wasiFunctions[name]
		switch {
		case from != wasiModule || !known:
			r.fail("it imports %q of %q, which the sandbox does not have: only functions of %s", name, from, wasiModule)
		case m.types[typ] != f.typ():
			r.fail("it imports %q of %q with another type than it has", name, from)
		}
		m.imports = append(m.imports, imported{name, typ, f})
	}
}

func (m *module) readGlobal(r *reader) {
	g := global{typ: r.valueType()}
	switch mut := r.byte(); mut {
	case 0, 1:
		g.mutable = mut == 1
	default:
		r.fail("a global is neither constant nor variable (%d)", mut)
	}
	g.init = r.constant(g.typ)
	m.globals = append(m.globals, g)
}

// offset reads where a segment goes.
func (r *reader) offset() uint32 {
	c := r.constant(typeI32)
	if r.err != nil {
		return 0
	}
	v := reader{data: c.code, pos: 1}
	return uint32(v.signed(32))
}

func (m *module) readExport(r *reader) {
	name := r.name()
	e := export{kind: r.byte(), index: r.u32()}
	if r.err == nil && e.kind > 3 {
		r.fail("its export %q is of the unknown kind %d", name, e.kind)
	}
	if _, twice := m.exports[name]; twice {
		r.fail("it exports %q twice", name)
	}
	m.exports[name] = e
}

func (m *module) readElements(r *reader) elements {
	flags := r.u32()
	if r.err == nil && flags > 7 {
		r.fail("the flags %d of a segment of elements are unknown", flags)
	}
	e := elements{active: flags&1 == 0, declared: flags&3 == 3, typ: typeFuncref}
	explicit, expressions := flags&3 != 0, flags&4 != 0
	if e.active {
		if flags&2 != 0 {
			e.table = r.u32()
		}
		e.offset = r.offset()
	}
	switch {
	case explicit && expressions:
		e.typ = r.referenceType()
	case explicit:
		if kind := r.byte(); r.err == nil && kind != 0 {
			r.fail("a segment has elements of the unknown kind %d", kind)
		}
	}
	n := r.count("elements", maxTable)
	if m.listed += n; m.listed > maxTable {
		r.fail("its segments have more than %d elements", maxTable)
		return e
	}
	for range n {
		if expressions {
			e.functions = append(e.functions, r.constant(e.typ).function)
		} else {
			e.functions = append(e.functions, int64(r.u32()))
		}
	}
	return e
}

func (m *module) readData(r *reader) data {
	var d data
	switch flags := r.u32(); flags {
	case 0, 2:
		if flags == 2 && r.u32() != 0 {
			r.fail("a segment of data is for another memory than the first")
		}
		d.active, d.offset = true, r.offset()
	case 1:
	default:
		r.fail("the flags %d of a segment of data are unknown", flags)
	}
	d.bytes = r.bytes(r.u32())
	return d
}
