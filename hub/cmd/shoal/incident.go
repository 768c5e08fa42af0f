package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/internal/simulate/export"
	"github.com/shoal-compute/shoal/hub/job"
	receipts "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
)

// incidentFlags are the flags of `shoal incident`.
type incidentFlags struct {
	hub, data, output string
	asJSON            bool
}

func newIncident(s streams) *cobra.Command {
	var f incidentFlags
	c := &cobra.Command{
		Use:   "incident JOB|DIR",
		Short: "Export what happened in an ended job, for `shoal simulate --replay`",
		Long: "Write down what happened in an ended job, so that the simulator plays it again: the same\n" +
			"volunteers with their speeds, latencies and answers, before the hub's own scheduler and\n" +
			"trust policy; under the job's terms, or under others.\n\n" +
			"  shoal incident JOB -o incident.jsonl\n" +
			"  shoal simulate --replay incident.jsonl\n" +
			"  shoal simulate --replay incident.jsonl --assurance replicated --replicas 3\n\n" +
			"JOB is a job of a hub, DIR a folder that `shoal job fetch` has made: of both the public\n" +
			"record is read, so that anybody can do this. The operator also has --data, the hub's own\n" +
			"directory: it says what was withdrawn, why volunteers were caught, and what was known of\n" +
			"them. It is only read, and the hub may be running.\n\n" +
			"An incident may be published: volunteers are numbers in it, and no key, address, agent,\n" +
			"name or date is. What a hub does not note is not in it either: who was there and delivered\n" +
			"nothing, leases that expired, lies that nobody has found.",
		Args: exactly(1, "a job's ID or a folder"),
		RunE: func(c *cobra.Command, args []string) error {
			if f.data != "" && f.hub != "" {
				return usagef(c, "--data and --hub: want one of them")
			}
			if f.asJSON && f.output == "-" {
				return usagef(c, "--json: the incident itself goes to standard output")
			}
			h, err := f.history(c.Context(), args[0])
			if err != nil {
				return refusedHistory(args[0], err)
			}
			return f.write(s, h)
		},
	}
	c.Flags().StringVar(&f.hub, "hub", "", "address of the hub; SHOAL_HUB, else "+defaultHub)
	c.Flags().StringVar(&f.data, "data", "", "read the job from a hub's data `directory`, which says more than its record")
	c.Flags().StringVarP(&f.output, "output", "o", "", "`file` to write, - for standard output; incident-JOB.jsonl if left out")
	c.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON object on the last line")
	return c
}

// history reads what is known of a job.
func (f *incidentFlags) history(ctx context.Context, name string) (*export.History, error) {
	if f.data != "" {
		return export.FromDatabase(ctx, filepath.Join(f.data, "hub.db"), name, jobTrust)
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		folder, err := audit.OpenFolder(name, nil)
		if err != nil {
			return nil, &inputError{err}
		}
		defer folder.Close() // it was only read
		return export.FromRecord(ctx, folder, jobTrust)
	case err == nil:
		return nil, &inputError{fmt.Errorf("%s is a file; want a job's ID, or a folder that `shoal job fetch` has made", name)}
	}
	cl, err := (&remote{hub: f.hub}).client()
	if err != nil {
		return nil, err
	}
	j, err := cl.Job(ctx, name)
	if err != nil {
		return nil, err
	}
	if !j.Ended() {
		return nil, fmt.Errorf("%w: it is %s", export.ErrRunning, j.State)
	}
	return export.FromRecord(ctx, &audit.Hub{Client: cl, ID: name}, jobTrust)
}

// jobTrust reads the trust section of a job file.
func jobTrust(file []byte) (job.Trust, error) {
	in, err := parseJob(file, "-", nil)
	if err != nil {
		return job.Trust{}, err
	}
	return in.spec.Trust, nil
}

// refusedHistory says whose fault it is that a job cannot be exported.
func refusedHistory(name string, err error) error {
	var answer *client.Problem
	switch {
	case errors.As(err, &answer):
	case errors.Is(err, receipts.ErrDamaged):
		return &verificationError{printable(fmt.Sprintf("the record of %s does not hold: %v", name, err))}
	case errors.Is(err, export.ErrEmpty), errors.Is(err, export.ErrRunning), errors.Is(err, export.ErrNoJob),
		errors.Is(err, export.ErrForeign), errors.Is(err, fs.ErrNotExist):
		return &inputError{fmt.Errorf("%s: %w", name, err)}
	}
	return err
}

// write writes the incident and says what is in it.
func (f *incidentFlags) write(s streams, h *export.History) error {
	if f.output == "-" {
		sum, err := h.Write(s.out)
		if err != nil {
			return refusedHistory(h.Job, err)
		}
		return describeIncident(s.err, sum)
	}
	if f.output == "" {
		f.output = "incident-" + filepath.Base(h.Job) + ".jsonl"
	}
	var sum export.Summary
	err := download(filepath.Dir(f.output), filepath.Base(f.output), func(file *os.File) (err error) {
		sum, err = h.Write(file)
		return err
	})
	if err != nil {
		return refusedHistory(h.Job, err)
	}
	if f.asJSON {
		return writeJSON(s.out, struct {
			File string `json:"file"`
			export.Summary
		}{f.output, sum})
	}
	if err := describeIncident(s.err, sum); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, f.output)
	return err
}

// describeIncident is a summary for people.
func describeIncident(w io.Writer, s export.Summary) error {
	var b strings.Builder
	fmt.Fprintf(&b, "job %s: %d volunteers returned %d results for %d shards in %d rounds, %.1f s\n",
		s.Job, s.Volunteers, s.Results, s.Shards, s.Rounds, s.Seconds)
	fmt.Fprintf(&b, "%d of them were withdrawn, %d were found wrong; caught: %s\n", s.Withdrawn, s.Wrong, volunteersByNumber(s.Caught))
	for _, gap := range s.Gaps {
		fmt.Fprintf(&b, "note: %s\n", gap)
	}
	_, err := io.WriteString(w, printable(b.String()))
	return err
}

// volunteersByNumber names a few volunteers of an incident.
func volunteersByNumber(list []int) string {
	const few = 10
	if len(list) == 0 {
		return "nobody"
	}
	words := make([]string, 0, few+1)
	for _, n := range list[:min(len(list), few)] {
		words = append(words, fmt.Sprint(n))
	}
	if left := len(list) - few; left > 0 {
		words = append(words, fmt.Sprintf("and %d more", left))
	}
	return "volunteers " + strings.Join(words, ", ")
}
