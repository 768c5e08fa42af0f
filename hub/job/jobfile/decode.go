package jobfile

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/shoal-compute/shoal/hub/job"
)

// later names fields that the job file has been promised and no kind can
// honour yet. Accepting them would promise what is not kept.
var later = map[string]string{
	"train.workers":     "is not supported yet: train.method must be sync",
	"train.inner_steps": "is not supported yet: train.method must be sync",
	"train.outer":       "is not supported yet: train.method must be sync",
}

// positive names fields that take a default when they are left out, and for
// which 0 means nothing. A job.Spec cannot tell the two apart, so a file that
// says 0 is refused here: whoever asks for no memory is not given 64 MiB.
var positive = map[string]bool{
	"model.hidden": true, "train.micro_batch": true,
	"map.batch": true, "map.fuel": true, "map.memory": true, "map.output": true,
	"trust.replicas": true,
}

// decoder walks a syntax tree along a Go value.
type decoder struct {
	lines map[string]int // field -> the line it was set on
}

func (d *decoder) document(root ast.Node, spec *job.Spec) error {
	if root == nil {
		return &Error{Problem: "the file is empty"}
	}
	return d.value(root, "", reflect.ValueOf(spec).Elem())
}

// assign sets the one field named by the dotted path to node.
func (d *decoder) assign(node ast.Node, spec *job.Spec, path string) error {
	v := reflect.ValueOf(spec).Elem()
	seen := ""
	for _, name := range strings.Split(path, ".") {
		if v.Kind() != reflect.Struct || v.Type() == layersType {
			return &Error{Field: path, Problem: seen + " has no fields"}
		}
		f, ok := fieldByName(v, name)
		seen = join(seen, name)
		if !ok {
			return unknown(seen, v, 0)
		}
		v = f
	}
	return d.value(node, path, v)
}

// locate adds the line of the field that err is about.
func (d *decoder) locate(err error) error {
	var f *job.FieldError
	if !errors.As(err, &f) {
		return err
	}
	return &Error{Line: d.lines[f.Field], Field: f.Field, Problem: f.Problem}
}

var layersType = reflect.TypeFor[job.Layers]()

// value decodes node, found at path, into v.
func (d *decoder) value(node ast.Node, path string, v reflect.Value) error {
	if err := d.decode(node, path, v); err != nil {
		return err
	}
	if positive[path] && v.IsZero() {
		return &Error{Line: line(node), Field: path, Problem: "must be more than 0: leave it out for the default"}
	}
	return nil
}

func (d *decoder) decode(node ast.Node, path string, v reflect.Value) error {
	d.lines[path] = line(node)
	switch dst := v.Addr().Interface().(type) {
	case *job.Decimal:
		text, ok := number(node)
		if !ok {
			return mismatch(node, path, "a decimal number such as 0.003")
		}
		dec, err := decimal(text)
		if err != nil {
			return &Error{Line: line(node), Field: path, Problem: fmt.Sprintf("%v, got %s", err, clip(text))}
		}
		*dst = dec
		return nil
	case *job.Layers:
		return d.layers(node, path, dst)
	case *job.Bytes:
		size, ok := number(node)
		if !ok {
			size, _ = text(node) // JSON has to quote what has a unit
		}
		bytes, err := job.ParseBytes(size)
		if err != nil {
			return mismatch(node, path, "a size such as 65536, 512KiB or 64MiB")
		}
		*dst = bytes
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.section(node, path, v)
	case reflect.String:
		text, ok := text(node)
		if !ok {
			return mismatch(node, path, "text")
		}
		v.SetString(text)
	case reflect.Slice:
		return d.list(node, path, v)
	case reflect.Int, reflect.Int64:
		n, err := whole(node, path, v.Type().Bits())
		if err != nil {
			return err
		}
		v.SetInt(n)
	case reflect.Uint32:
		n, err := whole(node, path, 64)
		if err != nil {
			return err
		}
		if n < 0 || n > 1<<32-1 {
			return &Error{Line: line(node), Field: path, Problem: fmt.Sprintf("must be between 0 and 4294967295, got %d", n)}
		}
		v.SetUint(uint64(n))
	default:
		panic(fmt.Sprintf("jobfile: job.Spec has a field of kind %v at %s", v.Kind(), path))
	}
	return nil
}

// section decodes a mapping into a struct.
func (d *decoder) section(node ast.Node, path string, v reflect.Value) error {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		return mismatch(node, path, "fields")
	}
	v.SetZero() // an assigned section replaces the file's
	seen := map[string]bool{}
	for _, e := range entries {
		name, ok := text(e.Key)
		if !ok {
			return &Error{Line: line(e.Key), Field: path, Problem: "field names must be plain words"}
		}
		at := join(path, name)
		if seen[name] {
			return &Error{Line: line(e.Key), Field: at, Problem: "is set twice"}
		}
		seen[name] = true
		f, ok := fieldByName(v, name)
		if !ok {
			return unknown(at, v, line(e.Key))
		}
		if err := d.value(e.Value, at, f); err != nil {
			return err
		}
	}
	return nil
}

// list decodes a sequence into a slice.
func (d *decoder) list(node ast.Node, path string, v reflect.Value) error {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		return mismatch(node, path, "a list")
	}
	out := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, n := range seq.Values {
		if err := d.value(n, fmt.Sprintf("%s[%d]", path, i), out.Index(i)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

// layers decodes model.layers, a number or a list.
func (d *decoder) layers(node ast.Node, path string, dst *job.Layers) error {
	if _, ok := node.(*ast.SequenceNode); ok {
		var widths []int
		if err := d.list(node, path, reflect.ValueOf(&widths).Elem()); err != nil {
			return err
		}
		*dst = job.Layers{Widths: widths}
		return nil
	}
	if _, ok := number(node); !ok {
		return mismatch(node, path, "a number of blocks or a list of widths")
	}
	n, err := whole(node, path, strconv.IntSize)
	if err != nil {
		return err
	}
	*dst = job.Layers{Blocks: int(n)}
	return nil
}

func fieldByName(v reflect.Value, name string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func unknown(path string, section reflect.Value, at int) error {
	if problem, ok := later[path]; ok {
		return &Error{Line: at, Field: path, Problem: problem}
	}
	var known []string
	for i := range section.NumField() {
		known = append(known, section.Type().Field(i).Tag.Get("yaml"))
	}
	return &Error{Line: at, Field: clip(path), Problem: "unknown field (known here: " + strings.Join(known, ", ") + ")"}
}

// whole reads a whole number of the given width in plain decimal notation.
func whole(node ast.Node, path string, bits int) (int64, error) {
	text, ok := number(node)
	if !ok {
		return 0, mismatch(node, path, "a whole number")
	}
	n, err := strconv.ParseInt(text, 10, bits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, &Error{Line: line(node), Field: path, Problem: fmt.Sprintf("%s is out of range", clip(text))}
	}
	if err != nil {
		return 0, &Error{Line: line(node), Field: path, Problem: fmt.Sprintf("want a whole number, got %s", clip(text))}
	}
	return n, nil
}

// number returns a number as it is written in the file. The YAML parser
// calls some of them text ("5e-2", very long ones); quotes decide that here.
func number(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return node.GetToken().Value, true
	case *ast.StringNode:
		digit := strings.TrimLeft(n.Value, "+-.")
		if n.Token.Type == token.StringType && digit != "" && digits(digit[:1]) {
			return n.Value, true
		}
	}
	return "", false
}

func text(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func mismatch(node ast.Node, path, want string) error {
	if path == "" {
		return &Error{Line: line(node), Problem: fmt.Sprintf("want %s at the top of the file, got %s", want, describe(node))}
	}
	return &Error{Line: line(node), Field: path, Problem: fmt.Sprintf("want %s, got %s", want, describe(node))}
}

// describe says what node is, in the words of the error messages.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.StringNode:
		return "the text " + clip(strconv.Quote(n.Value))
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "the number " + clip(n.GetToken().Value)
	case *ast.InfinityNode, *ast.NanNode:
		return "no finite number"
	case *ast.BoolNode:
		return "the truth value " + n.GetToken().Value
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		return "an alias or anchor, which job files do not have"
	case *ast.TagNode:
		return "a tag, which job files do not have"
	}
	return "something else"
}

func line(node ast.Node) int {
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return 0
	}
	return node.GetToken().Position.Line
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// clip keeps what a stranger wrote from filling a log.
func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "..."
}
