package sandboxtest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Random is program i of a seed: functions full of arithmetic of all types,
// with the memory, the globals and the locals at the end as its output. Most
// programs return; some trap, run out of something, or call too deep.
func Random(seed uint64, i int) Case {
	g := &generator{r: rand.New(rand.NewPCG(seed, uint64(i)))}
	return Case{
		Name:   fmt.Sprintf("random %d", i),
		Module: g.module().Encode(),
		Limits: sandbox.Limits{Fuel: 400_000, Memory: 3, Output: window},
		Input:  []byte("input"),
	}
}

// window is how many bytes of memory the programs use, and give as output.
const window = 4096

var types = []string{"i32", "i64", "f32", "f64"}

type generator struct {
	r         *rand.Rand
	functions []Function
	globals   []string // types
	locals    []string // types, of the current function
	loops     int      // around the current code
	code      strings.Builder
}

func (g *generator) module() Module {
	m := Module{Memory: "1 4", Tables: []string{"8"}}
	for _, t := range types {
		g.globals = append(g.globals, t)
		m.Globals = append(m.Globals, "mut "+t+" 0")
	}
	table := Elements{}
	for i := range 2 + g.r.IntN(4) {
		f := g.function(i)
		g.functions = append(g.functions, f)
		table.Functions = append(table.Functions, f.Name)
	}
	m.Elements = []Elements{table}
	run := Function{Name: "shoal_run", Type: "i32 i32 -> i64", Export: true}
	run.Locals = g.begin("i32", "i32")
	g.statements(6, 5)
	for i, t := range g.locals {
		if i < 2 {
			continue
		}
		g.emit("i32.const %d; local.get %d; %s.store", window-16*(len(g.locals)-i), i, t)
	}
	for i, t := range g.globals {
		g.emit("i32.const %d; global.get %d; %s.store", 16*i, i, t)
	}
	run.Code = g.code.String() + give(0, window)
	alloc := Function{Name: "shoal_alloc", Type: "i32 -> i32", Code: "i32.const 1024", Export: true}
	m.Functions = append(g.functions, alloc, run)
	return m
}

// begin starts a function with some locals of every type, and returns their
// list.
func (g *generator) begin(params ...string) string {
	g.code.Reset()
	g.locals, g.loops = append([]string(nil), params...), 0
	var more []string
	for range 1 + g.r.IntN(2) {
		more = append(more, types...)
	}
	g.locals = append(g.locals, more...)
	// Counters of loops, which nothing else uses, come last.
	return strings.Join(more, " ") + strings.Repeat(" i32", maxLoops)
}

const maxLoops = 3

func (g *generator) function(i int) Function {
	var params []string
	for range g.r.IntN(4) {
		params = append(params, g.typ())
	}
	result := g.typ()
	f := Function{Name: fmt.Sprintf("f%d", i), Type: strings.Join(params, " ") + " -> " + result}
	f.Locals = g.begin(params...)
	g.statements(1+g.r.IntN(4), 3)
	g.expression(result, 3)
	f.Code = g.code.String()
	return f
}

func (g *generator) emit(format string, args ...any) { fmt.Fprintf(&g.code, format+"\n", args...) }

func (g *generator) typ() string { return types[g.r.IntN(len(types))] }

func (g *generator) one(of ...string) string { return of[g.r.IntN(len(of))] }

// once in n times.
func (g *generator) once(n int) bool { return g.r.IntN(n) == 0 }

// local is a local of a type, or -1.
func (g *generator) local(t string) int {
	var all []int
	for i, have := range g.locals {
		if have == t {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return -1
	}
	return all[g.r.IntN(len(all))]
}

func (g *generator) statements(n, depth int) {
	for range n {
		g.statement(depth)
	}
}

func (g *generator) statement(depth int) {
	t := g.typ()
	kind := g.r.IntN(16)
	if depth <= 0 {
		kind = g.r.IntN(6)
	}
	switch kind {
	case 0, 1, 2, 3:
		if l := g.local(t); l >= 0 {
			g.expression(t, depth)
			g.emit("local.set %d", l)
		}
	case 4:
		g.address(depth)
		g.expression(t, depth)
		g.emit("%s.store", t)
	case 5:
		g.expression(t, depth)
		g.emit("global.set %d", index(types, t))
	case 6, 7:
		g.expression("i32", depth-1)
		g.emit("if")
		g.statements(1+g.r.IntN(3), depth-1)
		if g.once(2) {
			g.emit("else")
			g.statements(1+g.r.IntN(3), depth-1)
		}
		g.emit("end")
	case 8, 9, 10:
		if g.loops == maxLoops {
			return
		}
		counter := len(g.locals) + g.loops
		g.loops++
		g.emit("i32.const %d; local.set %d; block; loop", 1+g.r.IntN(20), counter)
		g.statements(1+g.r.IntN(3), depth-1)
		if g.once(3) {
			g.expression("i32", 1)
			g.emit("br_if 1")
		}
		g.emit("local.get %d; i32.const 1; i32.sub; local.tee %d; br_if 0; end; end", counter, counter)
		g.loops--
	case 11:
		g.emit("block; block; block")
		g.expression("i32", depth-1)
		g.emit("br_table 0 1 2; end")
		g.statement(depth - 1)
		g.emit("end")
		g.statement(depth - 1)
		g.emit("end")
	case 12:
		g.address(1)
		g.expression("i32", 1)
		g.emit("i32.const %d; memory.fill", g.r.IntN(64))
	case 13:
		g.address(1)
		g.address(1)
		g.emit("i32.const %d; memory.copy", g.r.IntN(64))
	case 14:
		g.expression(t, depth)
		g.emit("drop")
	case 15:
		if g.once(4) {
			g.emit("i32.const %d; memory.grow; drop", g.r.IntN(3))
		}
	}
}

func index(list []string, s string) int {
	for i, have := range list {
		if have == s {
			return i
		}
	}
	return -1
}

// address gives one at which 64 bytes can be used.
func (g *generator) address(depth int) {
	g.expression("i32", min(depth-1, 1))
	mask := window - 64 - 1
	if g.once(200) {
		mask = 0x1ffff
	}
	g.emit("i32.const %d; i32.and", mask&^0x40)
}

// expression leaves a value of the type.
func (g *generator) expression(t string, depth int) {
	if depth <= 0 {
		g.leaf(t)
		return
	}
	switch g.r.IntN(24) {
	case 0, 1:
		g.leaf(t)
	case 2:
		g.address(depth)
		g.emit("%s.load", t)
	case 3:
		g.expression("i32", depth-1)
		g.emit("if %s", t)
		g.expression(t, depth-1)
		g.emit("else")
		g.expression(t, depth-1)
		g.emit("end")
	case 4:
		g.emit("block %s", t)
		g.expression(t, depth-1)
		g.expression("i32", depth-1)
		g.emit("br_if 0; drop")
		g.expression(t, depth-1)
		g.emit("end")
	case 5:
		g.expression(t, depth-1)
		g.expression(t, depth-1)
		g.expression("i32", depth-1)
		g.emit("select")
	case 6, 23:
		g.call(t, depth)
	case 7:
		if l := g.local(t); l >= 0 {
			g.expression(t, depth-1)
			g.emit("local.tee %d", l)
			return
		}
		g.leaf(t)
	case 8, 9, 10:
		g.convert(t, depth)
	case 11, 12, 13:
		g.unary(t, depth)
	default:
		g.binary(t, depth)
	}
}

// call calls a function that gives the type, if there is one.
func (g *generator) call(t string, depth int) {
	for i, f := range g.functions {
		params, result, _ := strings.Cut(f.Type, " -> ")
		if result != t || g.once(3) {
			continue
		}
		for _, p := range strings.Fields(params) {
			g.expression(p, depth-1)
		}
		if g.once(4) {
			if g.once(10) {
				i = g.r.IntN(9)
			}
			g.emit("i32.const %d; call_indirect %s->%s 0", i, strings.Join(strings.Fields(params), ","), result)
		} else {
			g.emit("call %s", f.Name)
		}
		return
	}
	g.leaf(t)
}

func (g *generator) leaf(t string) {
	if l := g.local(t); l >= 0 && !g.once(3) {
		g.emit("local.get %d", l)
		return
	}
	if g.once(4) {
		g.emit("global.get %d", index(types, t))
		return
	}
	switch t {
	case "i32":
		g.emit("i32.const %s", g.one("0", "1", "-1", "0x7fffffff", "0x80000000", fmt.Sprint(g.r.Uint32()), fmt.Sprint(g.r.IntN(100))))
	case "i64":
		g.emit("i64.const %s", g.one("0", "1", "-1", "0x7fffffffffffffff", "0x8000000000000000", fmt.Sprint(g.r.Uint64()), fmt.Sprint(g.r.IntN(100))))
	case "f32":
		g.emit("f32.const %s", g.one("0", "0x80000000", "0x3f800000", "0x7f800000", "0xff800000", "0x7fc00001", "0xffa00001", "1", "0x7f7fffff", "0x4f000000", fmt.Sprint(g.r.Uint32())))
	case "f64":
		g.emit("f64.const %s", g.one("0", "0x8000000000000000", "0x3ff0000000000000", "0x7ff0000000000000", "0xfff0000000000000", "0x7ff8000000000001", "0xfff4000000000001", "1", "0x43e0000000000000", fmt.Sprint(g.r.Uint64())))
	}
}

// Broken is a random program with a line of its code lost, doubled or
// exchanged: mostly no valid module any more. Hosts agree on whether it is.
func Broken(seed uint64, i int) Case {
	g := &generator{r: rand.New(rand.NewPCG(seed, uint64(i)))}
	m := g.module()
	f := &m.Functions[g.r.IntN(len(m.Functions))]
	lines := strings.FieldsFunc(f.Code, func(r rune) bool { return r == ';' || r == '\n' })
	for range 1 + g.r.IntN(2) {
		at, other := g.r.IntN(len(lines)), g.r.IntN(len(lines))
		switch g.r.IntN(4) {
		case 0:
			lines[at] = ""
		case 1:
			lines[at] += "\n" + lines[other]
		case 2:
			lines[at] = lines[other]
		case 3:
			lines[at] = g.one("unreachable", "return", "br 0", "br 1", "end", "else", "drop", "nop", "i32.const 0", "select", "local.get 0", "local.tee 0", "br_if 0", "br_table 0 0 1")
		}
	}
	f.Code = strings.Join(lines, "\n")
	return Case{Name: fmt.Sprintf("broken %d", i), Module: m.Encode(), Limits: sandbox.Limits{Fuel: 400_000, Memory: 3, Output: window}, Input: []byte("input")}
}
