package ptx

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// asm collects the instructions of one entry. Registers are virtual and, but
// for counters of loops and sums, written once.
type asm struct {
	head strings.Builder // reads of parameters, before everything else
	body strings.Builder

	words, doubles, preds, labels int
}

func (a *asm) word() string   { a.words++; return fmt.Sprintf("%%r%d", a.words-1) }
func (a *asm) double() string { a.doubles++; return fmt.Sprintf("%%d%d", a.doubles-1) }
func (a *asm) pred() string   { a.preds++; return fmt.Sprintf("%%p%d", a.preds-1) }

// label makes a name for a place in the code.
func (a *asm) label() string { a.labels++; return fmt.Sprintf("L%d", a.labels-1) }

// place puts label here.
func (a *asm) place(label string) { fmt.Fprintf(&a.body, "%s:\n", label) }

// emit adds one instruction.
func (a *asm) emit(format string, args ...any) {
	a.body.WriteByte('\t')
	fmt.Fprintf(&a.body, format, args...)
	a.body.WriteString(";\n")
}

// let adds an instruction that makes a new word.
func (a *asm) let(op string, args ...string) string {
	r := a.word()
	a.emit("%s %s, %s", op, r, strings.Join(args, ", "))
	return r
}

// wide is let for 64-bit results: addresses.
func (a *asm) wide(op string, args ...string) string {
	d := a.double()
	a.emit("%s %s, %s", op, d, strings.Join(args, ", "))
	return d
}

// when is a new predicate: the comparison op, such as lt.s32, of x and y.
func (a *asm) when(op, x, y string) string {
	p := a.pred()
	a.emit("setp.%s %s, %s, %s", op, p, x, y)
	return p
}

// and is whether both predicates hold.
func (a *asm) and(x, y string) string {
	p := a.pred()
	a.emit("and.pred %s, %s, %s", p, x, y)
	return p
}

// variable is a word that is written again.
func (a *asm) variable(start string) string { return a.let("mov.b32", start) }

// register is v in a register, where an instruction takes no literal.
func (a *asm) register(v string) string {
	if strings.HasPrefix(v, "%") {
		return v
	}
	return a.let("mov.b32", v)
}

func literal[T int | int32 | int64](v T) string { return fmt.Sprint(v) }

// entry is a kernel's entry point under construction.
type entry struct {
	asm
	key      string
	lanes    int
	shared   int
	target   string // as in .target
	version  string // as in .version
	bindings []launch.Binding
	given    int // parameters but those for divisors, which come last
	divisors []divisor

	pointers map[int]string
	read     map[int]string
}

// newEntry starts an entry. Its parameters are those of k, if there is one,
// then the numbers of rows and columns, then extra ones.
func newEntry(key string, lanes int, k *kernel.Kernel, extra int) *entry {
	e := &entry{
		key: key, lanes: lanes, target: "sm_80", version: "7.0",
		pointers: map[int]string{}, read: map[int]string{}, given: extra,
	}
	if k == nil {
		return e
	}
	e.given += len(k.Params) + 2
	for _, b := range k.Bufs {
		e.bindings = append(e.bindings, launch.Binding{DType: b.DType, Write: b.Out})
	}
	for _, s := range k.Stores {
		e.bindings[s.Buf].Atomic = s.Add
	}
	return e
}

// param is the value of parameter i.
func (e *entry) param(i int) string {
	if r := e.read[i]; r != "" {
		return r
	}
	r := e.word()
	e.read[i] = r
	fmt.Fprintf(&e.head, "\tld.param.b32 %s, [p+%d];\n", r, 4*i)
	return r
}

// pointer is the address of binding i.
func (e *entry) pointer(i int) string {
	if d := e.pointers[i]; d != "" {
		return d
	}
	generic, d := e.double(), e.double()
	e.pointers[i] = d
	fmt.Fprintf(&e.head, "\tld.param.u64 %s, [b%d];\n\tcvta.to.global.u64 %s, %s;\n", generic, i, d, generic)
	return d
}

// name is an identifier made of a key.
func name(key string) string {
	return "k_" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		case r == '+':
			return '$'
		}
		return '_'
	}, key)
}

// code finishes the entry.
func (e *entry) code() *printed {
	e.emit("ret")
	params := e.given + 2*len(e.divisors)
	var b strings.Builder
	fmt.Fprintf(&b, "// %s: printed by webgpu/ptx.\n.version %s\n.target %s\n.address_size 64\n\n", e.key, e.version, e.target)
	if e.shared > 0 {
		fmt.Fprintf(&b, ".extern .shared .align 1024 .b8 shared[];\n\n")
	}
	fmt.Fprintf(&b, ".visible .entry %s(\n", name(e.key))
	for i := range e.bindings {
		fmt.Fprintf(&b, "\t.param .u64 b%d,\n", i)
	}
	fmt.Fprintf(&b, "\t.param .align 4 .b8 p[%d]\n)\n.maxntid %d, 1, 1\n", 4*params, e.lanes)
	if e.lanes > 512 { // one such workgroup alone may have all registers
		b.WriteString(".minnctapersm 1\n")
	}
	b.WriteString("{\n")
	for _, r := range []struct {
		kind, name string
		n          int
	}{{"pred", "p", e.preds}, {"b32", "r", e.words}, {"b64", "d", e.doubles}} {
		if r.n > 0 {
			fmt.Fprintf(&b, "\t.reg .%s %%%s<%d>;\n", r.kind, r.name, r.n)
		}
	}
	b.WriteString(e.head.String())
	b.WriteString(e.body.String())
	b.WriteString("}\n")
	return &printed{&launch.Code{
		Key: e.key, Text: b.String(), Entry: name(e.key),
		Lanes: e.lanes, Shared: e.shared, Params: params, Bindings: e.bindings,
	}, e.divisors}
}

// literalAddress is base+offset between brackets.
func literalAddress(base string, offset int) string { return fmt.Sprintf("[%s+%d]", base, offset) }
