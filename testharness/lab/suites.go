package lab

import (
	"context"
	"errors"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

// SuiteOptions say how much of the suites runs.
type SuiteOptions struct {
	Seed     uint64
	Cases    int // of each op
	Programs int // random ones
	MaxOps   int // of a random program
}

// Suite is what one suite came to on one lane.
type Suite struct {
	Name   string `json:"name"` // ops, programs, models
	Run    int    `json:"run"`
	Differ int    `json:"differ"`
	First  string `json:"first,omitempty"` // the first difference
}

// Suites compares dev with the reference, byte by byte, on single ops, random
// programs and whole models, and calls done with each suite. It ends early
// only if ctx does or the device is lost.
func Suites(ctx context.Context, dev device.Device, o SuiteOptions, done func(Suite)) error {
	models, err := devicetest.Models()
	if err != nil {
		return err
	}
	var programs []devicetest.Case
	for i := range o.Programs {
		programs = append(programs, devicetest.ProgramCase(o.Seed, i, o.MaxOps))
	}
	for _, suite := range []struct {
		name  string
		cases []devicetest.Case
	}{{"ops", devicetest.Cases(o.Seed, o.Cases)}, {"programs", programs}, {"models", models}} {
		s := Suite{Name: suite.name}
		for _, c := range suite.cases {
			err := devicetest.Compare(ctx, dev, c)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s.Run++
			if err == nil {
				continue
			}
			if s.Differ++; s.First == "" {
				s.First = err.Error()
			}
			if errors.Is(err, device.ErrLost) {
				return err
			}
		}
		done(s)
	}
	return nil
}
