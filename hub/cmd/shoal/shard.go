package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

func newShard(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "shard", Short: "Run and check WebAssembly modules of map jobs"})
	c.AddCommand(newShardRun(s), newShardCheck(s))
	return c
}

// limitFlags are the limits of a run as flags. Their defaults are those of a
// map job.
type limitFlags struct {
	fuel           int64
	memory, output string
}

func (l *limitFlags) flags(c *cobra.Command) {
	c.Flags().Int64Var(&l.fuel, "fuel", mapping.DefaultFuel, "instructions a run may execute")
	c.Flags().StringVar(&l.memory, "memory", mapping.DefaultMemory.String(), "memory a run may have, in pages of 64KiB")
	c.Flags().StringVar(&l.output, "output", mapping.DefaultOutput.String(), "bytes a run may write")
}

// limits checks the flags as a job file's fields are checked.
func (l *limitFlags) limits(c *cobra.Command) (sandbox.Limits, error) {
	memory, err := job.ParseBytes(l.memory)
	if err != nil {
		return sandbox.Limits{}, usagef(c, "--memory: %v", err)
	}
	output, err := job.ParseBytes(l.output)
	if err != nil {
		return sandbox.Limits{}, usagef(c, "--output: %v", err)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{{"fuel", l.fuel}, {"memory", int64(memory)}, {"output", int64(output)}} {
		if f.value == 0 { // in a job.Map it would be the default
			return sandbox.Limits{}, usagef(c, "--%s: must be more than 0", f.name)
		}
	}
	limits, err := mapping.Limits(job.Map{Fuel: l.fuel, Memory: memory, Output: output})
	var field *job.FieldError
	if errors.As(err, &field) {
		return limits, usagef(c, "--%s: %s", field.Field[len("map."):], field.Problem)
	}
	return limits, err
}

func newShardRun(s streams) *cobra.Command {
	var (
		in, out string
		limits  limitFlags
		asJSON  bool
	)
	c := &cobra.Command{
		Use:   "run PROG.wasm",
		Short: "Run a module once, as a volunteer would",
		Long: "Run a module on one input, in the sandbox that volunteers run it in: its output is the\n" +
			"same bytes as theirs. What the run took goes to standard error. With --json and without\n" +
			"--out, the output is part of the JSON object instead of standard output.\n\n" +
			"A run that does not return ends with exit code 1, a module that cannot be run with 2.",
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
			input, err := readInput(c.Context(), s, in, mapping.MaxInput)
			if err != nil {
				return err
			}
			r, err := runShard(c.Context(), module, input, l)
			if err != nil {
				return err
			}
			return r.show(s, out, asJSON)
		},
	}
	c.Flags().StringVar(&in, "in", "-", "file with the input; - is standard input")
	c.Flags().StringVar(&out, "out", "-", "file for the output; - is standard output")
	limits.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	return c
}

// shardRun is the outcome of `shoal shard run`, and its --json line.
type shardRun struct {
	Status       string  `json:"status"`
	Fuel         uint64  `json:"fuel"`
	Reason       string  `json:"reason,omitempty"` // why it did not return
	Output       *string `json:"output,omitempty"`
	OutputBase64 []byte  `json:"output_base64,omitempty"`
	Complaint    string  `json:"complaint,omitempty"`
	Bytes        int     `json:"bytes"`  // of the output
	SHA256       string  `json:"sha256"` // of the output
	Seconds      float64 `json:"seconds"`
	LoadSeconds  float64 `json:"load_seconds"`
	Sandbox      string  `json:"sandbox"`

	outcome job.Outcome
}

func runShard(ctx context.Context, module, input []byte, l sandbox.Limits) (*shardRun, error) {
	host, err := wazerobox.New(ctx, wazerobox.Options{})
	if err != nil {
		return nil, err
	}
	defer host.Close()
	start := time.Now()
	m, err := loadModule(ctx, host, module, l)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	loaded := time.Now()
	o, err := m.Run(ctx, input)
	if err != nil {
		return nil, err
	}
	line := mapping.NewLine(0, o, false)
	r := &shardRun{
		Status: line.Status, Fuel: line.Fuel, Output: line.Output, OutputBase64: line.OutputBase64, Complaint: line.Complaint,
		Seconds: time.Since(loaded).Seconds(), LoadSeconds: loaded.Sub(start).Seconds(), Sandbox: host.Name(),
		outcome: o,
	}
	if o.Status != job.Returned {
		r.Reason = mapping.Reason(o)
		o.Output = nil
	}
	r.Bytes, r.SHA256 = len(o.Output), job.Sum(o.Output).String()
	return r, nil
}

// show writes the output, or says why there is none.
func (r *shardRun) show(s streams, out string, asJSON bool) error {
	returned := r.outcome.Status == job.Returned
	switch {
	case !returned:
		fmt.Fprint(s.err, r.beforeReason())
	case out != "-":
		if err := os.WriteFile(out, r.outcome.Output, 0o644); err != nil {
			return err
		}
		r.Output, r.OutputBase64 = nil, nil // it is in the file
	case !asJSON:
		if _, err := s.out.Write(r.outcome.Output); err != nil {
			return err
		}
	}
	if asJSON {
		if err := writeJSON(s.out, r); err != nil {
			return err
		}
	}
	if !returned {
		return fmt.Errorf("the run %s", r.Reason)
	}
	fmt.Fprintf(s.err, "returned %d bytes after %d instructions in %.3f s, and %.3f s to load\n", r.Bytes, r.Fuel, r.Seconds, r.LoadSeconds)
	return nil
}

// beforeReason is what the module complained, with a line feed at the end; ""
// where the reason has all of it. Modules come from strangers: none gets to write
// to a terminal as it likes.
func (r *shardRun) beforeReason() string {
	text := strings.Trim(printable(r.Complaint), "\n")
	if text == "" || !strings.Contains(text, "\n") && len(r.Complaint) <= reasonHas {
		return ""
	}
	return text + "\n"
}

// reasonHas is how many bytes of a complaint are always in a reason.
const reasonHas = 200

// readModule reads a module given on the command line.
func readModule(ctx context.Context, s streams, name string) ([]byte, error) {
	return readInput(ctx, s, name, sandbox.MaxModule)
}

// loadModule loads a module given on the command line.
func loadModule(ctx context.Context, host sandbox.Host, module []byte, l sandbox.Limits) (sandbox.Module, error) {
	m, err := host.Load(ctx, module, l)
	var refused *sandbox.ModuleError
	if errors.As(err, &refused) {
		return nil, &inputError{fmt.Errorf("the module cannot be run: %s", refused.Reason)}
	}
	return m, err
}
