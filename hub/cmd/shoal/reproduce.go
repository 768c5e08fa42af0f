package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/testharness/lab"
)

func newReproduce(s streams) *cobra.Command {
	var (
		set    []string
		device string
		expect string
		dir    string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "reproduce JOBFILE",
		Short: "Compute a whole job on this machine, without a hub",
		Long: "Compute a whole job on this machine, with neither hub nor network. The weights are\n" +
			"the same bytes that volunteers would have made: compare weights_sha256. Of a map job,\n" +
			"compare outputs_sha256.",
		Args: exactly(1, "a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("expect") { // before hours of work
				h, err := job.ParseHash(expect)
				if err != nil {
					return usagef(c, "--expect: %q is no SHA-256: want 64 hexadecimal digits", expect)
				}
				expect = h.String()
			}
			in, err := readJob(c.Context(), s, args[0], set)
			if err != nil {
				return err
			}
			if in.spec.Kind == "map" {
				if c.Flags().Changed("device") {
					return usagef(c, "--device: a map job runs in the sandbox, on no device")
				}
				return reproduceMap(c.Context(), s, in, dir, expect, asJSON)
			}
			l, err := findLane(c, device)
			if err != nil {
				return err
			}
			if l.open == nil && dir != "" {
				return usagef(c, "-o: lane %s is in a browser, which writes no files", l.name)
			}
			r, err := reproduce(c.Context(), in, l, progress(s.err))
			if err != nil {
				return err
			}
			if dir != "" {
				if err := saveArtifacts(dir, r.artifacts); err != nil {
					return err
				}
			}
			if asJSON {
				err = writeJSON(s.out, r)
			} else {
				_, err = fmt.Fprintf(s.out, "weights_sha256 %s\n", r.WeightsSHA256)
			}
			if err == nil && expect != "" && expect != r.WeightsSHA256 {
				err = &verificationError{fmt.Sprintf("weights_sha256 is %s, expected %s", r.WeightsSHA256, expect)}
			}
			return err
		},
	}
	setFlag(c, &set)
	deviceFlag(c, &device)
	c.Flags().StringVar(&expect, "expect", "", "fail (exit code 4) unless the weights, or a map job's outputs, have this SHA-256")
	c.Flags().StringVarP(&dir, "output", "o", "", "write the job's files to this directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	return c
}

// reproduced is the outcome of `shoal reproduce`, and its --json line.
type reproduced struct {
	WeightsSHA256 string   `json:"weights_sha256"`
	LossLast      float64  `json:"loss_last"`
	ValLast       *float64 `json:"val_last,omitempty"`
	AccuracyLast  *float64 `json:"accuracy_last,omitempty"`
	Steps         int      `json:"steps"`
	Seconds       float64  `json:"seconds"`
	Device        string   `json:"device"`
	Detail        string   `json:"detail"` // adapter and driver

	artifacts []job.Artifact
}

func reproduce(ctx context.Context, in *jobInput, l lane, report func(job.Report)) (*reproduced, error) {
	start := time.Now()
	res, sum, err := in.reproduceOn(ctx, l, report)
	if err != nil {
		return nil, err
	}
	r := &reproduced{
		WeightsSHA256: sum.WeightsSHA256,
		LossLast:      sum.LossLast,
		ValLast:       sum.ValLast,
		AccuracyLast:  sum.AccuracyLast,
		Steps:         sum.Steps,
		Seconds:       time.Since(start).Seconds(),
		Device:        sum.Lane,
		Detail:        sum.Detail,
	}
	if res != nil {
		r.artifacts = res.Artifacts
	}
	return r, nil
}

// reproduceOn computes the job on a lane of this process or of a browser; the
// latter keeps its files.
func (in *jobInput) reproduceOn(ctx context.Context, l lane, report func(job.Report)) (*local.Result, lab.Reproduced, error) {
	if l.open == nil {
		var sum lab.Reproduced
		err := runLab(ctx, in, []string{"-software", "reproduce", l.page}, &sum, func(m labMessage) error {
			var r job.Report
			if err := json.Unmarshal([]byte(m.Value), &r); err != nil {
				return err
			}
			report(r)
			return nil
		})
		return nil, sum, err
	}
	d, err := openLane(ctx, l)
	if err != nil {
		return nil, lab.Reproduced{}, err
	}
	defer d.Close()
	return lab.Reproduce(ctx, d, in.spec, in.read, report)
}

// progress writes a line for every evaluation and, in between, at most one a
// second.
func progress(w io.Writer) func(job.Report) {
	var last time.Time
	return func(r job.Report) {
		now := time.Now()
		if r.Val == nil && r.Step != 1 && now.Sub(last) < time.Second {
			return
		}
		last = now
		fmt.Fprintln(w, describe(r))
	}
}

// describe is a report in words.
func describe(r job.Report) string {
	line := fmt.Sprintf("step %d/%d", r.Step, r.Steps)
	if r.Failed > 0 {
		line += fmt.Sprintf("  failed %d", r.Failed)
	}
	if r.Failures != "" {
		line += fmt.Sprintf(" (%s)", r.Failures)
	}
	if r.Loss != nil {
		line += fmt.Sprintf("  loss %.4f", *r.Loss)
	}
	if r.Val != nil {
		line += fmt.Sprintf("  held-out loss %.4f", *r.Val)
	}
	if r.Accuracy != nil {
		line += fmt.Sprintf("  accuracy %.2f %%", *r.Accuracy*100)
	}
	return line
}

// saveArtifacts writes files to dir, which it makes.
func saveArtifacts(dir string, files []job.Artifact) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
