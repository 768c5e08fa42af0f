package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/wasm/worker"
)

// Exit codes, a contract with scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// version is set at build time by -ldflags "-X main.version=...".
var version = "dev"

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, err io.Writer) int {
	root := newRoot(streams{in, out, err})
	root.SetArgs(args)
	failure := root.ExecuteContext(ctx)
	if failure == nil {
		return exitDone
	}
	fmt.Fprintf(err, "shoal-node: %v\n", failure)
	var usage *usageError
	switch {
	case errors.As(failure, &usage):
		return exitUsage
	case errors.Is(failure, worker.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailed
}

func newRoot(s streams) *cobra.Command {
	var n node
	root := &cobra.Command{
		Use:   "shoal-node",
		Short: "Volunteer this machine",
		Long: "shoal-node connects to a hub and computes what it leases, on this machine's devices.\n" +
			"Without a command it does what run does.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 bad usage or no consent, 3 hub unreachable.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return n.run(c.Context(), s) },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%v", err) })
	root.PersistentFlags().StringVar(&n.data, "data", env("SHOAL_NODE_DATA", defaultData()), "folder of the identity and the consent ($SHOAL_NODE_DATA)")
	n.flags(root)

	volunteer := &cobra.Command{
		Use:   "run",
		Short: "Volunteer until interrupted or told to finish",
		Args:  noArgs,
		RunE:  root.RunE,
	}
	n.flags(volunteer)
	root.AddCommand(volunteer, newDevices(s, &n.data), newProbe(s, &n.data))
	root.AddCommand(newControls(s, &n.data)...)
	return root
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("there is no command %q", c.CommandPath()+" "+args[0])
	}
	return nil
}

// env returns a variable of the environment, or a default.
func env(name, absent string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return absent
}

func defaultData() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "shoal-node-data"
	}
	return filepath.Join(dir, "shoal-node")
}

// usageError is a command line that cannot be carried out as it is.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// writeJSON prints v as the one line a script reads.
func writeJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}
