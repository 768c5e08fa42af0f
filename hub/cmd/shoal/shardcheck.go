package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

func newShardCheck(s streams) *cobra.Command {
	var (
		limits limitFlags
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "check PROG.wasm",
		Short: "Say what a module is and whether it can be run",
		Long: "Say what a module imports and exports, how it would be run, and whether it can be: one\n" +
			"that cannot ends with exit code 2 and the reason, which is the same on every machine.\n" +
			"Of a module that could not be run whatever the limits, only the reason is told: it may\n" +
			"have been made to harm whoever reads on.",
		Args: exactly(1, "a WebAssembly module"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := limits.limits(c)
			if err != nil {
				return err
			}
			module, err := readModule(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			r, err := checkShard(c.Context(), module, l)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(s.out, r)
			} else {
				err = r.print(s.out)
			}
			if err == nil && r.Refused != "" {
				err = &inputError{fmt.Errorf("the module cannot be run: %s", r.Refused)}
			}
			return err
		},
	}
	limits.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	return c
}

// shardCheck is the outcome of `shoal shard check`, and its --json line.
type shardCheck struct {
	SHA256    string       `json:"sha256"`
	Bytes     int          `json:"bytes"`
	Form      string       `json:"form,omitempty"`      // command | plain
	Rewritten int          `json:"rewritten,omitempty"` // bytes of it, as engines run it
	Imports   []string     `json:"imports"`
	Exports   []string     `json:"exports"`
	Memory    *memoryRange `json:"memory,omitempty"`
	Refused   string       `json:"refused,omitempty"` // why it cannot be run
}

type memoryRange struct {
	Min uint32  `json:"min"` // pages of 64 KiB
	Max *uint32 `json:"max,omitempty"`
}

func checkShard(ctx context.Context, module []byte, l sandbox.Limits) (*shardCheck, error) {
	r := &shardCheck{SHA256: job.Sum(module).String(), Bytes: len(module), Imports: []string{}, Exports: []string{}}
	binary, err := sandbox.Rewrite(module, l)
	var refused *sandbox.ModuleError
	switch {
	case errors.As(err, &refused):
		r.Refused = refused.Reason
	case err != nil:
		return nil, err
	default:
		r.Form = map[sandbox.Form]string{sandbox.Command: "command", sandbox.Plain: "plain"}[binary.Form]
		r.Rewritten = len(binary.Code)
	}
	if r.Refused != "" && !runnable(module) {
		return r, nil
	}
	return r, r.describe(ctx, module)
}

// runnable reports whether the sandbox would run a module under some limits.
// What it imports and exports helps where only the limits are too narrow; any
// other module is shown to no engine: less than a hundred bytes are enough to
// have a decoder ask for more memory than there is.
func runnable(module []byte) bool {
	_, err := sandbox.Rewrite(module, sandbox.Limits{Fuel: job.MaxFuel, Memory: job.MaxPages, Output: job.MaxTaskOutput})
	return err == nil
}

// describe lists what a module that the sandbox accepts imports and exports.
func (r *shardCheck) describe(ctx context.Context, module []byte) error {
	engine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer engine.Close(ctx)
	m, err := engine.CompileModule(ctx, module)
	if err != nil {
		return err
	}
	for _, f := range m.ImportedFunctions() {
		from, name, _ := f.Import()
		r.Imports = append(r.Imports, from+"."+name+signature(f))
	}
	for _, i := range m.ImportedMemories() {
		from, name, _ := i.Import()
		r.Imports = append(r.Imports, from+"."+name+" memory")
	}
	for name, f := range m.ExportedFunctions() {
		r.Exports = append(r.Exports, name+signature(f))
	}
	for name, e := range m.ExportedMemories() {
		r.Exports = append(r.Exports, name+" memory")
		r.Memory = &memoryRange{Min: e.Min()}
		if most, bounded := e.Max(); bounded {
			r.Memory.Max = &most
		}
	}
	slices.Sort(r.Imports)
	r.Imports = slices.Compact(r.Imports) // a module may import a function twice
	slices.Sort(r.Exports)
	return nil
}

// signature reads "(i32 i32) i64".
func signature(f api.FunctionDefinition) string {
	list := func(types []api.ValueType) string {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = api.ValueTypeName(t)
		}
		return strings.Join(names, " ")
	}
	s := "(" + list(f.ParamTypes()) + ")"
	if results := list(f.ResultTypes()); results != "" {
		s += " " + results
	}
	return s
}

func (r *shardCheck) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(t, "%s\t%v\n", name, value) }
	line("sha256", r.SHA256)
	line("bytes", r.Bytes)
	if r.Form != "" {
		line("form", r.Form)
		line("bytes rewritten", r.Rewritten)
	}
	if m := r.Memory; m != nil {
		text := fmt.Sprintf("%d pages of 64KiB", m.Min)
		if m.Max != nil {
			text += fmt.Sprintf(", at most %d", *m.Max)
		}
		line("memory", text)
	}
	for _, name := range r.Imports {
		line("imports", name)
	}
	for _, name := range r.Exports {
		line("exports", name)
	}
	return t.Flush()
}
