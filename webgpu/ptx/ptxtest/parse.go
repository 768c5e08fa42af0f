package ptxtest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// entry is a parsed kernel.
type entry struct {
	name    string
	target  string
	lanes   int
	shared  bool
	params  map[string]int // offsets in the parameter space
	size    int            // of the parameter space
	words   int            // registers by kind
	doubles int
	preds   int
	code    []statement
}

// statement is one instruction as text.
type statement struct {
	line   int
	guard  string // predicate register, with ! before it if negated
	opcode string
	args   []string
	target int // of a branch
}

var (
	declareParam = regexp.MustCompile(`^\.param (?:\.align \d+ )?\.(u64|b8) (\w+)(?:\[(\d+)\])?,?$`)
	declareRegs  = regexp.MustCompile(`^\.reg \.(pred|b32|b64) %([rdp])<(\d+)>;$`)
	instruction  = regexp.MustCompile(`^(?:@(!?%p\d+) )?([a-z][\w.:]*)(?: (.*))?;$`)
	label        = regexp.MustCompile(`^(\w+):$`)
)

// parse takes the text of one code apart. It knows the form in which package
// ptx prints, one instruction to a line, and refuses everything else.
func parse(text string) (*entry, error) {
	e := &entry{params: map[string]int{}}
	labels := map[string]int{}
	inside := false
	for i, line := range strings.Split(text, "\n") {
		bad := func(why string) error { return fmt.Errorf("ptxtest: line %d: %s: %q", i+1, why, line) }
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		switch {
		case line == "", line == ".address_size 64", line == ")":
		case line == "{":
			inside = true
		case line == "}":
			inside = false
		case !inside:
			if err := e.directive(line); err != nil {
				return nil, bad(err.Error())
			}
		case strings.HasPrefix(line, ".reg "):
			m := declareRegs.FindStringSubmatch(line)
			if m == nil {
				return nil, bad("no such declaration")
			}
			n, _ := strconv.Atoi(m[3])
			*map[string]*int{"r": &e.words, "d": &e.doubles, "p": &e.preds}[m[2]] = n
		default:
			if m := label.FindStringSubmatch(line); m != nil {
				if _, twice := labels[m[1]]; twice {
					return nil, bad("label is placed twice")
				}
				labels[m[1]] = len(e.code)
				continue
			}
			m := instruction.FindStringSubmatch(line)
			if m == nil {
				return nil, bad("no such instruction")
			}
			e.code = append(e.code, statement{line: i + 1, guard: m[1], opcode: m[2], args: split(m[3])})
		}
	}
	for i := range e.code {
		s := &e.code[i]
		if s.opcode != "bra" {
			continue
		}
		to, ok := labels[s.args[0]]
		if len(s.args) != 1 || !ok {
			return nil, fmt.Errorf("ptxtest: line %d: no label %v", s.line, s.args)
		}
		s.target = to
	}
	if e.name == "" || e.lanes == 0 || len(e.code) == 0 {
		return nil, fmt.Errorf("ptxtest: text has no entry, no .maxntid or no code")
	}
	return e, nil
}

// directive takes in a line outside the entry's body.
func (e *entry) directive(line string) error {
	switch {
	case strings.HasPrefix(line, ".version "), line == ".minnctapersm 1":
		return nil
	case strings.HasPrefix(line, ".target "):
		e.target = strings.TrimPrefix(line, ".target ")
		return nil
	case line == ".extern .shared .align 1024 .b8 shared[];":
		e.shared = true
		return nil
	case strings.HasPrefix(line, ".visible .entry ") && strings.HasSuffix(line, "("):
		if e.name != "" {
			return fmt.Errorf("second entry")
		}
		e.name = strings.TrimSuffix(strings.TrimPrefix(line, ".visible .entry "), "(")
		return nil
	}
	var y, z int
	if n, err := fmt.Sscanf(line, ".maxntid %d, %d, %d", &e.lanes, &y, &z); n == 3 && err == nil && y == 1 && z == 1 {
		return nil
	}
	m := declareParam.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("no such directive")
	}
	e.params[m[2]] = e.size
	if m[1] == "u64" {
		e.size += 8
		return nil
	}
	n, err := strconv.Atoi(m[3])
	e.size += n
	return err
}

// split takes operands apart at the commas outside braces and brackets.
func split(text string) []string {
	var args []string
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	if last := strings.TrimSpace(text[from:]); last != "" {
		args = append(args, last)
	}
	return args
}
