package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// prober finds out which lanes are fit.
type prober struct {
	data    string // folder that keeps what is found out; empty: nothing is kept
	threads int
	again   bool // whoever was fit at an earlier start is tested all the same
}

// settings are those that lanes are opened with, so that what is used is what
// was tested.
func (p prober) settings() settings {
	s := settings{threads: p.threads}
	if p.data != "" {
		s.tuning = choose.Tuning{Store: keptIn(p.data), Build: build()}
	}
	return s
}

// probeTime is how long the test of one lane may take. Drivers that compile
// for a processor are slow at it.
const probeTime = 3 * time.Minute

// try opens, tests and measures l, and leaves it closed. Lanes with a driver
// are tried in a process of their own, which may crash or hang alone.
func (p prober) try(ctx context.Context, l lane) choose.Verdict {
	if l.driver {
		return p.tryOutside(ctx, l)
	}
	return p.tryHere(ctx, l)
}

func (p prober) tryHere(ctx context.Context, l lane) choose.Verdict {
	conf, s := choose.Config{Limit: probeTime}, p.settings()
	if !p.again {
		conf.Store, conf.Build = s.tuning.Store, s.tuning.Build
	}
	dev, v := conf.Try(ctx, choose.Lane{Name: l.name, Open: func(ctx context.Context) (device.Device, error) { return l.open(ctx, s) }})
	if dev != nil {
		if err := dev.Close(); err != nil {
			v.Fit, v.Error = false, err.Error()
		}
	}
	return v
}

// survey tries every lane of list.
func (p prober) survey(ctx context.Context, list []lane) ([]choose.Verdict, error) {
	verdicts := make([]choose.Verdict, len(list))
	for i, l := range list {
		verdicts[i] = p.try(ctx, l)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// killTime is how long the process of a test may take beyond its own limit.
const killTime = 10 * time.Second

// tryOutside asks this program to try l.
func (p prober) tryOutside(ctx context.Context, l lane) choose.Verdict {
	failed := func(format string, args ...any) choose.Verdict {
		return choose.Verdict{Lane: l.name, Error: fmt.Sprintf(format, args...)}
	}
	self, err := os.Executable()
	if err != nil {
		return failed("its test cannot be started: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime+killTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "probe", l.name, "--data", p.data, "--threads", strconv.Itoa(p.threads), "--again="+strconv.FormatBool(p.again))
	cmd.Env = append(os.Environ(), envSelf+"=1")
	cmd.WaitDelay = time.Second // a killed process may have left others that hold its output
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	var v choose.Verdict
	switch {
	case ctx.Err() != nil:
		return failed("its test did not end within %v", probeTime+killTime)
	case err != nil:
		return failed("its test ended with %v: %s", err, lastLine(said.String()))
	case json.Unmarshal(out.Bytes(), &v) != nil || v.Lane != l.name:
		return failed("its test said nothing that makes sense")
	}
	return v
}

// envSelf marks a process that this program started, for tests whose program
// is not this one.
const envSelf = "SHOAL_NODE_SELF"

// lastLine is the last line of text that is not empty: of a crash, usually not
// what went wrong, but what a search finds. A Go crash says it first.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		for _, sign := range []string{"panic: ", "fatal error: ", "SIGSEGV", "signal "} {
			if strings.Contains(line, sign) {
				return strings.TrimSpace(line)
			}
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// newProbe makes the hidden command that tryOutside runs.
func newProbe(s streams, dir *string) *cobra.Command {
	p := prober{}
	c := &cobra.Command{
		Use:    "probe LANE",
		Short:  "Test one device and print the verdict as JSON",
		Hidden: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("probe: which lane?")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			l, known := findLane(args[0])
			if !known {
				return usagef("probe: %q is none of %s", args[0], laneNames())
			}
			p.data = *dir
			return writeJSON(s.out, p.tryHere(c.Context(), l))
		},
	}
	c.Flags().IntVar(&p.threads, "threads", 0, "processors to use at most; 0: all")
	c.Flags().BoolVar(&p.again, "again", false, "test it even if it was fit at an earlier start")
	return c
}
