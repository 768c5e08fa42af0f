package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
)

// jobInput is a job file given on the command line.
type jobInput struct {
	spec *job.Spec
	kind job.Kind
	read func(ctx context.Context, name string) ([]byte, error) // data files: those beside the job file
}

// readJob reads a job file, or standard input for "-", and applies --set.
func readJob(ctx context.Context, s streams, name string, set []string) (*jobInput, error) {
	text, err := readInput(ctx, s, name, jobfile.MaxSize)
	if err != nil {
		return nil, err
	}
	return parseJob(text, name, set)
}

func parseJob(text []byte, name string, set []string) (*jobInput, error) {
	spec, err := jobfile.Parse(text, set...)
	if err != nil {
		return nil, err
	}
	kind, err := all.ByName(spec.Kind)
	if err != nil {
		return nil, err
	}
	in := &jobInput{spec: spec, kind: kind, read: data.Dir(".").Read}
	if name != "-" {
		in.read = data.Dir(filepath.Dir(name)).Read
	}
	return in, nil
}

func setFlag(c *cobra.Command, set *[]string) {
	c.Flags().StringArrayVar(set, "set", nil, "change a field of the job file, as in train.steps=500; may be repeated")
}
