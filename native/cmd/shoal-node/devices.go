package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// minShare is the part of the fastest lane's speed that makes another lane
// worth using beside it.
const minShare = 0.05

// rule picks among the lanes of this machine.
func rule(forced []string) choose.Rule {
	return choose.Rule{Forced: forced, Share: minShare, Last: []string{"reference"}}
}

func newDevices(s streams, dir *string) *cobra.Command {
	var (
		asJSON bool
		fresh  bool
	)
	c := &cobra.Command{
		Use:   "devices",
		Short: "Test and measure the devices of this machine, and say which ones compute",
		Long: "Test every device of this machine with programs whose results are known, measure its\n" +
			"speed on a training shard, and say which ones run would use and why. What was found out\n" +
			"is kept until the driver or this program changes.\n\n" +
			"The sandbox runs WebAssembly modules that people gave to the hub, and nothing else does;\n" +
			"run --sandbox=off refuses them.\n\n" +
			"GPUs that a processor plays are left out, since the cpu lane is faster. With\n" +
			"SHOAL_SOFTWARE_GPU=1 they take part: that is for tests.",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			p := prober{data: *dir}
			if fresh {
				p.data = ""
			} else if err := os.MkdirAll(p.data, 0o700); err != nil {
				return fmt.Errorf("--data: %w", err)
			}
			verdicts, err := p.survey(c.Context(), lanes)
			if err != nil {
				return err
			}
			rule(nil).Pick(verdicts)
			box, v := trySandbox(c.Context())
			if box != nil {
				defer box.Close()
			}
			verdicts = append(verdicts, v)
			if asJSON {
				return writeJSON(s.out, map[string]any{"devices": verdicts})
			}
			return showVerdicts(s.out, verdicts)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&fresh, "fresh", false, "test everything again, whatever is known")
	return c
}

func showVerdicts(out io.Writer, verdicts []choose.Verdict) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "lane\tself-test\tGOP/s\tused\twhy\tdevice")
	for _, v := range verdicts {
		test, speed, used := "failed", "", "no"
		switch {
		case v.Fit:
			test, speed = "passed", fmt.Sprintf("%.2f", v.GOPS)
			if v.GOPS == 0 { // of the sandbox, which has other operations
				speed = ""
			}
		case v.Absent:
			test = "-"
		}
		if v.Chosen {
			used = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Lane, test, speed, used, v.Why, v.Detail)
	}
	return table.Flush()
}
