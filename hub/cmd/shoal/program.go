package main

import (
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
			return dumpPrograms(s, args[0], set)
		},
	}
	setFlag(dump, &set)
	c.AddCommand(dump, newTrace(s))
	return c
}

func dumpPrograms(s streams, name string, set []string) error {
	raw, err := readInput(s, name)
	if err != nil {
		return err
	}
	p, err := program.Decode(raw)
	switch {
	case err == nil:
		return p.Dump(s.out)
	case !errors.Is(err, program.ErrDamaged):
		return &inputError{err} // a program, but an illegal one
	}
	in, err := parseJob(raw, name, set)
	if err != nil {
		return err
	}
	programs, err := train.Programs(in.spec)
	if err != nil {
		return err
	}
	for i, p := range programs {
		if i > 0 {
			fmt.Fprintln(s.out)
		}
		fmt.Fprintf(s.out, "# %s\n", p.Use)
		if err := p.Dump(s.out); err != nil {
			return err
		}
	}
	return nil
}
