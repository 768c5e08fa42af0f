package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
)

func newJob(s streams) *cobra.Command {
	c := group(&cobra.Command{Use: "job", Short: "List, show, watch, cancel and fetch jobs of a hub"})
	c.AddCommand(newJobList(s), newJobShow(s), newJobWatch(s), newJobCancel(s), newJobFetch(s))
	return c
}

// jobCommand makes a subcommand that works on a hub.
func jobCommand(use, short string, args cobra.PositionalArgs, do func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error) *cobra.Command {
	var (
		to     remote
		asJSON bool
	)
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  args,
		RunE: func(c *cobra.Command, args []string) error {
			cl, err := to.client()
			if err != nil {
				return err
			}
			return do(c, cl, args, asJSON)
		},
	}
	to.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	return c
}

func newJobList(s streams) *cobra.Command {
	var limit int
	c := jobCommand("list", "List jobs, the newest first", exactly(0, "no arguments"),
		func(c *cobra.Command, cl *client.Client, _ []string, asJSON bool) error {
			if limit < 1 {
				return &inputError{fmt.Errorf("--limit: %d is less than 1", limit)}
			}
			jobs, more, err := cl.NewestJobs(c.Context(), limit)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"jobs": jobs, "more": more})
			}
			w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tNAME\tSTATE\tSTEP\tLOSS\tHELD-OUT\tTRUST\tCREATED")
			for _, j := range jobs {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Name, j.State, steps(j),
					number(j.Loss), number(j.Val), trustWord(j.Trust), j.Created.Local().Format(time.DateTime))
			}
			if err := w.Flush(); err != nil {
				return err
			}
			if more {
				fmt.Fprintf(s.err, "These are the newest %d; --limit lists more.\n", len(jobs))
			}
			return nil
		})
	c.Flags().IntVar(&limit, "limit", 50, "how many jobs to list")
	return c
}

// steps is how far a job is; of a map job, with the inputs whose run failed.
func steps(j client.Job) string {
	text := fmt.Sprintf("%d/%d", j.Step, j.Steps)
	if j.Failed > 0 {
		text += fmt.Sprintf(", %d failed", j.Failed)
	}
	return text
}

// trustWord is how results are verified, for a table.
func trustWord(t *client.Trust) string {
	switch {
	case t == nil:
		return "-"
	case t.Epsilon > 0 && t.Epsilon < 1:
		return fmt.Sprintf("%s %g", t.Assurance, t.Epsilon)
	}
	return t.Assurance
}

func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.4f", *v)
}

func newJobShow(s streams) *cobra.Command {
	return jobCommand("show ID", "Show one job", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			j, err := cl.Job(c.Context(), args[0])
			if err != nil {
				return err
			}
			return showJob(s, j, asJSON)
		})
}

func showJob(s streams, j client.Job, asJSON bool) error {
	if asJSON {
		return writeJSON(s.out, j)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	line("id", j.ID)
	line("name", j.Name)
	line("kind", j.Kind)
	line("state", j.State)
	switch {
	case j.Error == "":
	case j.Ended():
		line("error", j.Error)
	default:
		line("because", j.Error)
	}
	if j.Waiting != "" {
		line("waits for", j.Waiting)
	}
	if j.Kind == "map" {
		line("inputs", fmt.Sprintf("%d/%d, %d failed", j.Step, j.Steps, j.Failed))
		if j.Failures != "" {
			line("failures", j.Failures)
			line("the first", j.First)
		}
	} else {
		line("step", fmt.Sprintf("%d/%d", j.Step, j.Steps))
		line("loss", number(j.Loss))
		line("held-out loss", number(j.Val))
		if j.Accuracy != nil {
			line("accuracy", fmt.Sprintf("%.2f %%", *j.Accuracy*100))
		}
		line("parameters", j.Parameters)
	}
	line("shards", j.Plan.Shards)
	line("cost", j.Cost)
	if t := j.Trust; t != nil {
		line("trust", describeTrust(*t))
		if t.Instead != "" {
			line("", t.Instead)
		}
	}
	if j.Repairs > 0 {
		line("repairs", fmt.Sprintf("taken back and computed again %s", times(j.Repairs)))
	}
	line("created", j.Created.Local().Format(time.DateTime))
	if j.Finished != nil {
		line("finished", j.Finished.Local().Format(time.DateTime))
	}
	return w.Flush()
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// describeTrust is what results are worth, in words.
func describeTrust(t client.Trust) string {
	words := []string{cmp.Or(t.Assurance, "as delivered")}
	if t.Epsilon > 0 && t.Epsilon < 1 {
		words = append(words, fmt.Sprintf("epsilon %g", t.Epsilon))
	}
	if t.Weighed {
		words = append(words, fmt.Sprintf("bound %.3g, %.3g wrong results expected", t.Bound, t.Expected))
	}
	return strings.Join(append(words, fmt.Sprintf("%d audited, overhead %.1f %%", t.Audited, 100*t.Overhead)), ", ")
}

// worth says in one line what a job's accepted results are worth: the hub
// accepts none above the job's epsilon, so that the promise is met unless the
// hub is wrong.
func worth(j client.Job) string {
	t := *j.Trust
	line := fmt.Sprintf("%d of %d shards accepted, %s", t.Accepted, j.Plan.Shards, describeTrust(t))
	switch {
	case j.State == "cancelled": // no promise was made of a part of a job
		line = "before it was cancelled: " + line
	case j.State == "failed":
		line = "before it failed: " + line
	case !t.Weighed || t.Epsilon <= 0 || t.Epsilon >= 1:
	case t.Bound <= t.Epsilon:
		line = "promise met: " + line
	default:
		line = "promise broken: " + line
	}
	if j.Repairs > 0 {
		line += ", taken back and computed again " + times(j.Repairs)
	}
	return line
}

func newJobWatch(s streams) *cobra.Command {
	c := jobCommand("watch ID", "Watch a job until it has ended; exit code 1 if it failed", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			return watchJob(c.Context(), s, cl, args[0], asJSON)
		})
	c.Long = "Watch a job until it has ended.\n\n" + waitCodes
	return c
}

// waitCodes is what whoever waits for a job may rely on.
const waitCodes = "The exit code is 0 when the job is done and 1 when it failed or was cancelled, or when the\n" +
	"command is interrupted, which leaves the job alone. A map job\n" +
	"is done even where runs of its module failed: that is a result like any other, the same on\n" +
	"every machine, and told here and in report.json. With map.on_error: fail the first failed\n" +
	"run ends the job, and the exit code is 1."

// watchJob shows a job's progress until it has ended, and then the job.
func watchJob(ctx context.Context, s streams, cl *client.Client, id string, asJSON bool) error {
	report := progress(s.err)
	err := cl.Watch(ctx, id, func(e client.Event) error {
		switch {
		case e.Report != nil:
			report(*e.Report)
		case e.TakenBack():
			fmt.Fprintf(s.err, "job %s was taken back: %s\n", id, e.Error)
		case e.State != "":
			fmt.Fprintf(s.err, "job %s is %s\n", id, e.State)
		case e.Waiting != "":
			fmt.Fprintf(s.err, "job %s waits for %s\n", id, e.Waiting)
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted: job %s goes on", id)
	}
	if err != nil {
		return err
	}
	j, err := cl.Job(ctx, id)
	if err != nil {
		return err
	}
	if j.Failed > 0 {
		fmt.Fprintf(s.err, "%d of %d inputs failed", j.Failed, j.Steps)
		if j.Failures != "" { // older hubs do not say
			fmt.Fprintf(s.err, ": %s; %s", j.Failures, j.First)
		}
		fmt.Fprintln(s.err)
	}
	if t := j.Trust; t != nil && t.Accepted > 0 {
		fmt.Fprintln(s.err, worth(j))
	}
	if err := showJob(s, j, asJSON); err != nil {
		return err
	}
	if j.State != "done" {
		return fmt.Errorf("job %s is %s: %s", id, j.State, j.Error)
	}
	return nil
}

func newJobCancel(s streams) *cobra.Command {
	return jobCommand("cancel ID", "End a job", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			if err := cl.Cancel(c.Context(), args[0]); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, map[string]string{"id": args[0], "state": "cancelled"})
			}
			fmt.Fprintf(s.err, "job %s is cancelled\n", args[0])
			return nil
		})
}
