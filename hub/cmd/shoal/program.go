package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func newProgram(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "program", Short: "Look at programs"})
	var set []string
	dump := &cobra.Command{
		Use:   "dump FILE",
		Short: "Print a program, or the programs that a job file makes, as text",
		Args:  exactly(1, "a program file or a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			return dumpPrograms(c.Context(), s, args[0], set)
		},
	}
	setFlag(dump, &set)
	c.AddCommand(dump, newTrace(s), newWitness(s))
	return c
}

func dumpPrograms(ctx context.Context, s streams, name string, set []string) error {
	programs, err := readPrograms(ctx, s, name, set)
	if err != nil {
		return err
	}
	for i, p := range programs {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		if p.Use != "" {
			fmt.Fprintf(s.out, "# %s\n", p.Use)
		}
		if err := p.Dump(s.out); err != nil {
			return err
		}
	}
	return nil
}

// readPrograms reads a program, whose use is not known, or the programs that a
// job file makes.
func readPrograms(ctx context.Context, s streams, name string, set []string) ([]train.Program, error) {
	raw, err := readInput(ctx, s, name, program.MaxBytes)
	if err != nil {
		return nil, err
	}
	p, err := program.Decode(raw)
	switch {
	case err == nil:
		return []train.Program{{Program: p}}, nil
	case !errors.Is(err, program.ErrDamaged):
		return nil, &inputError{err} // a program, but an illegal one
	}
	in, err := parseJob(raw, name, set)
	if err != nil {
		return nil, err
	}
	if in.spec.Kind == "map" {
		return nil, &inputError{errors.New("a map job has no programs: `shoal shard check` looks at its module")}
	}
	return train.Programs(in.spec)
}
