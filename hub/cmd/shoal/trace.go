package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// newTrace is `shoal program trace`: a run with a commitment to every op.
func newTrace(s streams) *cobra.Command {
	var (
		files  []string
		name   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "trace FILE --in FILE...",
		Short: "Run a program and print the digest of every op, and the root over all",
		Long: "Trace runs a program on one device and prints the SHA-256 of every output of every op, and the root of\n" +
			"the Merkle tree over them. The root is the same on every device: two that differ disagree about the run.",
		Args: exactly(1, "a program file"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := findLane(c, name)
			if err != nil {
				return err
			}
			if l.open == nil {
				return usagef(c, "--device: %s needs a browser", name)
			}
			p, inputs, err := readRun(s, c, args[0], files)
			if err != nil {
				return err
			}
			return traceProgram(c.Context(), s, l, p, inputs, asJSON)
		},
	}
	c.Flags().StringArrayVar(&files, "in", nil, "file with the bytes of an input, once for each, in the program's order")
	deviceFlag(c, &name)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object and no digests of ops")
	return c
}

// readRun reads a program and its inputs.
func readRun(s streams, c *cobra.Command, name string, files []string) (*program.Program, [][]byte, error) {
	raw, err := readInput(c.Context(), s, name, program.MaxBytes)
	if err != nil {
		return nil, nil, err
	}
	p, err := program.Decode(raw)
	if err != nil {
		return nil, nil, &inputError{err}
	}
	if len(files) != len(p.Inputs()) {
		return nil, nil, usagef(c, "--in: the program has %d inputs, got %d files", len(p.Inputs()), len(files))
	}
	inputs := make([][]byte, len(files))
	for i, f := range files {
		if inputs[i], err = os.ReadFile(f); err != nil {
			return nil, nil, &inputError{err}
		}
		if port := p.Inputs()[i]; len(inputs[i]) != port.Type.Bytes() {
			return nil, nil, &inputError{fmt.Errorf("%s: input %s has %d bytes, want %d", f, port.Name, len(inputs[i]), port.Type.Bytes())}
		}
	}
	return p, inputs, nil
}

func traceProgram(ctx context.Context, s streams, l lane, p *program.Program, inputs [][]byte, asJSON bool) error {
	dev, err := openLane(ctx, l)
	if err != nil {
		return err
	}
	t, _, err := trace.Record(ctx, dev, p, inputs, trace.Config{})
	if err := errors.Join(err, dev.Close()); err != nil {
		return err
	}
	outputs := map[string]string{}
	for _, o := range p.Outputs() {
		outputs[o.Name] = t.Value(o.Value).String()
	}
	if asJSON {
		return writeJSON(s.out, map[string]any{
			"program": p.ID().String(), "root": t.Root().String(), "ops": len(p.Nodes()), "outputs": outputs, "device": l.name,
		})
	}
	for i, n := range p.Nodes() {
		for j, d := range t.Outputs(i) {
			fmt.Fprintf(s.out, "%d %%%d %s %s\n", i, n.Out+j, n.Def.Name, d)
		}
	}
	for _, o := range p.Outputs() {
		fmt.Fprintf(s.out, "output %s %s\n", o.Name, outputs[o.Name])
	}
	_, err = fmt.Fprintf(s.out, "root %s\n", t.Root())
	return err
}
