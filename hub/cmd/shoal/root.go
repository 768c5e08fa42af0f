package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
)

// Exit codes, a contract with scripts.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitUnreachable  = 3
	exitVerification = 4
)

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
	// Hubs, job files and modules have a say in it: none gets to write to a
	// terminal as it likes.
	fmt.Fprintf(err, "shoal: %s\n", printable(withAdvice(failure).Error()))
	code := exitCode(failure)
	var u *usageError
	if errors.As(failure, &u) {
		fmt.Fprintf(err, "Run '%s --help' for usage.\n", u.command)
	}
	return code
}

// version is set at build time by -ldflags "-X main.version=...".
var version = "dev"

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "shoal",
		Short: "Many small devices, one exact answer",
		Long: "Shoal trains models and runs modules on many small devices, and gets the same bytes\nwhoever computed them.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 hub unreachable or out of order,\n4 verification failed.",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	group(root)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usagef(c, "%v", err) })
	root.AddCommand(
		newDemo(s),
		newHub(s),
		newSubmit(s),
		newJob(s),
		newReproduce(s),
		newProgram(s),
		newShard(s),
		newMap(s),
		newSimulate(s),
		newIncident(s),
		newAudit(s),
		newDispute(s),
		newBench(s),
	)
	return root
}

// group makes a command that only has subcommands.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef(c, "there is no command %q", c.CommandPath()+" "+args[0])
		}
		return usagef(c, "%s needs a command", c.CommandPath())
	}
	return c
}

// exactly requires n arguments.
func exactly(n int, names string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef(c, "want %s, got %d arguments", names, len(args))
		}
		return nil
	}
}

// usageError is a command line that cannot be carried out.
type usageError struct {
	command string
	problem string
}

func (e *usageError) Error() string { return e.problem }

func usagef(c *cobra.Command, format string, args ...any) error {
	return &usageError{command: c.CommandPath(), problem: fmt.Sprintf(format, args...)}
}

// verificationError is a result that is not what it should be.
type verificationError struct{ problem string }

func (e *verificationError) Error() string { return e.problem }

// inputError is an input file that cannot be used.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var (
		usage  *usageError
		input  *inputError
		syntax *jobfile.Error
		field  *job.FieldError
		verify *verificationError
		gone   *client.UnreachableError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &input), errors.As(err, &syntax), errors.As(err, &field):
		return exitUsage
	case refused(err):
		return exitUsage
	case errors.As(err, &gone), ill(err):
		return exitUnreachable
	case errors.As(err, &verify), errors.Is(err, client.ErrDamaged):
		return exitVerification
	}
	return exitFailed
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

// newLogger logs for people.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
