package ptxtest

import (
	"fmt"
	"strconv"
	"strings"
)

// program is an entry made ready to run.
type program struct {
	*entry
	code    []instr
	proxies bool // shared memory is also read past the registers
}

// instr is a decoded instruction.
type instr struct {
	line   int
	guard  int // predicate register, or -1
	negate bool
	kind   kind
	target int
	run    func(w *warp, mask uint32) // for kind plain and convergent
}

type kind uint8

const (
	plain      kind = iota
	convergent      // all lanes of the warp must arrive together
	branch
	barrier
	exit
)

// decode makes e ready to run. An instruction that is not known is an error.
func decode(e *entry) (*program, error) {
	p := &program{entry: e}
	for _, s := range e.code {
		in := instr{line: s.line, guard: -1, target: s.target}
		d := &decoder{entry: e, statement: s}
		if s.guard != "" {
			in.negate = strings.HasPrefix(s.guard, "!")
			in.guard = d.register(strings.TrimPrefix(s.guard, "!"), "p")
		}
		switch s.opcode {
		case "bra":
			in.kind = branch
		case "ret":
			in.kind = exit
		case "bar.sync":
			in.kind = barrier
			d.want(1)
			if s.args[0] != "0" {
				d.fail("barrier %s", s.args[0])
			}
		default:
			in.run, in.kind = d.operation()
		}
		if (in.kind == convergent || in.kind == barrier || in.kind == exit) && in.guard >= 0 {
			d.fail("guarded")
		}
		if d.err != nil {
			return nil, d.err
		}
		p.code = append(p.code, in)
		p.proxies = p.proxies || strings.HasPrefix(s.opcode, "wgmma.")
	}
	return p, nil
}

// decoder decodes one statement. It records the first error and goes on.
type decoder struct {
	*entry
	statement
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("ptxtest: line %d: %s %s: %s", d.line, d.opcode, strings.Join(d.args, ", "), fmt.Sprintf(format, args...))
	}
}

// want checks the number of operands. Missing ones become 0.
func (d *decoder) want(n int) {
	if len(d.args) != n {
		d.fail("%d operands, want %d", len(d.args), n)
	}
	for len(d.args) < n {
		d.args = append(d.args, "0")
	}
}

// register is the number of a register of a kind: r, d or p.
func (d *decoder) register(text, kind string) int {
	number, ok := strings.CutPrefix(text, "%"+kind)
	n, err := strconv.Atoi(number)
	limit := map[string]int{"r": d.words, "d": d.doubles, "p": d.preds}[kind]
	if !ok || err != nil || n < 0 || n >= limit {
		d.fail("%q is no register %%%s0 to %%%s%d", text, kind, kind, limit-1)
		return 0
	}
	return n
}

func (d *decoder) word(i int) int   { return d.register(d.args[i], "r") }
func (d *decoder) double(i int) int { return d.register(d.args[i], "d") }
func (d *decoder) pred(i int) int   { return d.register(d.args[i], "p") }

// words are the registers of a list in braces.
func (d *decoder) list(i, n int) []int {
	text := d.args[i]
	if !strings.HasPrefix(text, "{") {
		text = "{" + text + "}"
	}
	parts := split(strings.Trim(text, "{}"))
	if len(parts) != n {
		d.fail("%d registers in %s, want %d", len(parts), d.args[i], n)
	}
	regs := make([]int, n)
	for j := range min(n, len(parts)) {
		regs[j] = d.register(parts[j], "r")
	}
	return regs
}

// number is a literal.
func (d *decoder) number(text string) int64 {
	v, err := strconv.ParseInt(text, 0, 64)
	if err != nil || v < -1<<31 || v >= 1<<32 {
		d.fail("%q is no 32-bit number", text)
	}
	return v
}

// source is an operand that is read: a register or a literal.
type source struct {
	reg   int // or -1
	value [32]uint32
}

func (d *decoder) source(i int) source {
	s := source{reg: -1}
	text := d.args[i]
	switch {
	case text == "%tid.x":
		s.reg = regThread
	case text == "%ctaid.x":
		s.reg = regGroup
	case strings.HasPrefix(text, "%"):
		s.reg = d.register(text, "r")
	case text == "shared":
		if !d.shared {
			d.fail("no shared memory is declared")
		}
	default:
		v := uint32(d.number(text))
		for j := range s.value {
			s.value[j] = v
		}
	}
	return s
}

// Special registers, which source finds by these numbers.
const (
	regThread = -2
	regGroup  = -3
)

// address is an operand in brackets.
type address struct {
	base   int // register
	param  string
	offset int64
}

// address decodes [register+offset], where kind says which registers point to
// the space, or [name+offset] in the parameter space.
func (d *decoder) address(i int, kind string) address {
	text := strings.TrimSuffix(strings.TrimPrefix(d.args[i], "["), "]")
	if len(text)+2 != len(d.args[i]) {
		d.fail("%s is no address", d.args[i])
	}
	base, offset, found := strings.Cut(text, "+")
	a := address{}
	if found {
		a.offset = d.number(offset)
	}
	if kind == "param" {
		if _, ok := d.params[base]; !ok {
			d.fail("no parameter %s", base)
		}
		a.param = base
		return a
	}
	a.base = d.register(base, kind)
	return a
}
