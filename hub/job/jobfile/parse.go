package jobfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/shoal-compute/shoal/hub/job"
)

// MaxSize bounds a job file, in bytes: the YAML parser takes time quadratic in
// the length of some texts, a third of a second at this one. maxNesting bounds
// how deep brackets go.
const (
	MaxSize    = 16 << 10
	maxNesting = 16
)

// Parse reads a job file and then applies assignments, each "field=value"
// with a dotted field and a value as the file would write it. Its errors are
// of type *Error.
func Parse(data []byte, assignments ...string) (*job.Spec, error) {
	root, err := parseText(data)
	if err != nil {
		return nil, err
	}
	d := decoder{lines: map[string]int{}}
	spec := new(job.Spec)
	if err := d.document(root, spec); err != nil {
		return nil, err
	}
	for _, a := range assignments {
		if err := assign(spec, a); err != nil {
			return nil, err
		}
		// An error about this field is no longer about the file's line.
		field, _, _ := strings.Cut(a, "=")
		delete(d.lines, field)
	}
	if err := spec.Validate(); err != nil {
		return nil, d.locate(err)
	}
	return spec, nil
}

// Encode writes the canonical form, which Parse reads back.
func Encode(spec *job.Spec) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(spec); err != nil {
		return nil, fmt.Errorf("jobfile: encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// assign applies one "field=value".
func assign(spec *job.Spec, assignment string) error {
	field, value, ok := strings.Cut(assignment, "=")
	if !ok || field == "" {
		return &Error{Set: assignment, Problem: "want field=value, as in train.steps=500"}
	}
	node, err := parseText([]byte(value))
	if err == nil && node == nil {
		err = &Error{Problem: "has no value"}
	}
	if err == nil {
		d := decoder{lines: map[string]int{}}
		err = d.assign(node, spec, field)
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Field == "" {
			e.Field = field
		}
		e.Set, e.Line = assignment, 0
	}
	return err
}

// parseText returns the syntax tree of the one document in data, nil for an
// empty one.
func parseText(data []byte) (node ast.Node, err error) {
	if len(data) > MaxSize {
		return nil, &Error{Problem: fmt.Sprintf("larger than %d bytes", MaxSize)}
	}
	if !utf8.Valid(data) {
		return nil, &Error{Line: 1 + bytes.Count(data[:invalidAt(data)], []byte("\n")), Problem: "is not UTF-8 text"}
	}
	if line := tooDeep(data); line > 0 {
		return nil, &Error{Line: line, Problem: "brackets nested too deep"}
	}
	// JSON is YAML but for tabs, which may stand between JSON's tokens and
	// never inside its strings.
	if json.Valid(data) {
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	// The YAML parser is not ours and job files come from strangers: should
	// it panic on some text, that text is refused and the hub lives on.
	defer func() {
		if r := recover(); r != nil {
			node, err = nil, &Error{Problem: "cannot be read as YAML or JSON"}
		}
	}()
	file, perr := parser.ParseBytes(data, 0)
	if perr != nil {
		return nil, syntaxError(perr)
	}
	var body ast.Node
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			return nil, &Error{Line: line(doc.Body), Problem: "a second document in the file"}
		}
		if i == 0 {
			body = doc.Body
		}
	}
	return body, nil
}

func syntaxError(err error) error {
	e := &Error{Problem: "cannot be read as YAML or JSON"}
	var y yaml.Error
	if errors.As(err, &y) {
		e.Problem = y.GetMessage()
		if t := y.GetToken(); t != nil && t.Position != nil {
			e.Line = t.Position.Line
		}
	}
	return e
}

// tooDeep returns the line at which brackets (those inside quotes included:
// a job file has no use for either) open deeper than maxNesting, or 0.
func tooDeep(data []byte) int {
	depth, at := 0, 1
	for _, c := range data {
		switch c {
		case '\n':
			at++
		case '[', '{':
			if depth++; depth > maxNesting {
				return at
			}
		case ']', '}':
			depth--
		}
	}
	return 0
}

func invalidAt(data []byte) int {
	i := 0
	for i < len(data) {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		i += n
	}
	return i
}
