// Command curves draws the learning curves of the example jobs, the integer
// model next to its float32 twin, and writes them to CURVES.md of package nn.
//
//	go run ./webgpu/nn/cmd/curves                 # every curve: about half an hour on two cores
//	go run ./webgpu/nn/cmd/curves kjv-nano        # one curve; the others stay as they are
//	go run ./webgpu/nn/cmd/curves none            # page and pictures alone, from the curves on disk
//
// The integer side is the job itself, computed as `shoal reproduce` does: its
// numbers are the same on every machine. The twin gets the very same initial
// weights and batches; being float32, its numbers may differ a little elsewhere.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/webgpu/cpu"
)

// subject is one curve.
type subject struct {
	name   string
	set    []string // of the example's job file
	goal   string
	reason string // where the goal comes from
}

var subjects = []subject{
	{
		name:   "kjv-nano",
		set:    []string{"train.steps=500", "train.eval_every=100"},
		goal:   "at most 1.8367 nats after 500 steps",
		reason: "0.02 above the float32 twin in C of the first measurements, 1.8167",
	},
	{
		name:   "fashion-mnist",
		set:    []string{"train.eval_every=468"},
		goal:   "at least 87.8 % after 6 epochs",
		reason: "the float32 twin in C of the first measurements reached 87.96 and 88.46",
	},
	{
		name:   "fashion-cnn",
		set:    []string{"train.eval_every=468"},
		goal:   "at least 89.2 % after 3 epochs",
		reason: "the float32 twin in C of the first measurements reached 89.75",
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "curves:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("curves", flag.ContinueOnError)
	flags.SetOutput(log)
	jobs := flags.String("examples", "examples", "directory of the job files")
	out := flags.String("out", "webgpu/nn", "directory of CURVES.md and curves/")
	threads := flags.Int("threads", 0, "threads of the integer side; 0: all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(*out, "curves"), 0o755); err != nil {
		return err
	}
	for _, s := range subjects {
		if flags.NArg() > 0 && !slices.Contains(flags.Args(), s.name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(*jobs, s.name+".yaml"))
		if err != nil {
			return err
		}
		spec, err := jobfile.Parse(text, s.set...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		d, err := cpu.New(cpu.Config{Threads: *threads})
		if err != nil {
			return err
		}
		c, err := follow(ctx, spec, d, data.Dir(*jobs).Read, log)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := d.Close(); err != nil {
			return err
		}
		if err := c.save(*out, s.name); err != nil {
			return err
		}
	}
	return writePage(*out)
}
