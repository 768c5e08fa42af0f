package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// lane is a device that this program can open.
type lane struct {
	name string
	open func(threads int) (device.Device, error)
}

// lanes lists the devices in order of preference.
var lanes = []lane{
	{"cpu", func(threads int) (device.Device, error) { return cpu.New(cpu.Config{Threads: threads}) }},
	{"reference", func(int) (device.Device, error) { return reference.New(), nil }},
}

func laneNames() string {
	names := make([]string, len(lanes))
	for i, l := range lanes {
		names[i] = l.name
	}
	return strings.Join(names, ", ")
}

// openDevice opens the named lane, or with "auto" the first that this machine
// has.
func openDevice(name string, threads int) (device.Device, error) {
	var failed error
	for _, l := range lanes {
		if name != "auto" && name != l.name {
			continue
		}
		dev, err := l.open(threads)
		if err == nil {
			return dev, nil
		}
		failed = errors.Join(failed, fmt.Errorf("device %s: %w", l.name, err))
	}
	if failed == nil {
		return nil, usagef("--device: %q is none of auto, %s", name, laneNames())
	}
	return nil, failed
}

// offer is what `shoal-node devices` says of a lane.
type offer struct {
	Lane      string `json:"lane"`
	Available bool   `json:"available"`
	Detail    string `json:"detail,omitempty"`
	Threads   int    `json:"threads,omitempty"`
	Memory    int64  `json:"memory,omitempty"`
	Error     string `json:"error,omitempty"`
}

func newDevices(s streams) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "devices",
		Short: "List the devices of this machine, best first",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			offers := survey()
			if asJSON {
				return writeJSON(s.out, map[string]any{"devices": offers})
			}
			table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, o := range offers {
				if !o.Available {
					fmt.Fprintf(table, "%s\tnot available: %s\n", o.Lane, o.Error)
					continue
				}
				fmt.Fprintf(table, "%s\t%d threads\t%s\n", o.Lane, o.Threads, o.Detail)
			}
			return table.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// survey tries every lane.
func survey() []offer {
	offers := make([]offer, len(lanes))
	for i, l := range lanes {
		offers[i].Lane = l.name
		dev, err := l.open(0)
		if err != nil {
			offers[i].Error = err.Error()
			continue
		}
		caps := dev.Caps()
		offers[i] = offer{Lane: caps.Lane, Available: true, Detail: caps.Detail, Threads: caps.Threads, Memory: caps.Memory}
		dev.Close()
	}
	return offers
}
