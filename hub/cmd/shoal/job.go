package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	return jobCommand("list", "List jobs, the newest first", exactly(0, "no arguments"),
		func(c *cobra.Command, cl *client.Client, _ []string, asJSON bool) error {
			jobs, err := cl.Jobs(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"jobs": jobs})
			}
			w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tNAME\tSTATE\tSTEP\tLOSS\tHELD-OUT\tCREATED")
			for _, j := range jobs {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s\t%s\t%s\n", j.ID, j.Name, j.State, j.Step, j.Steps,
					number(j.Loss), number(j.Val), j.Created.Local().Format(time.DateTime))
			}
			return w.Flush()
		})
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
	if j.Error != "" {
		line("error", j.Error)
	}
	line("step", fmt.Sprintf("%d/%d", j.Step, j.Steps))
	line("loss", number(j.Loss))
	line("held-out loss", number(j.Val))
	if j.Accuracy != nil {
		line("accuracy", fmt.Sprintf("%.2f %%", *j.Accuracy*100))
	}
	line("parameters", j.Parameters)
	line("shards", j.Plan.Shards)
	line("cost", j.Cost)
	line("created", j.Created.Local().Format(time.DateTime))
	if j.Finished != nil {
		line("finished", j.Finished.Local().Format(time.DateTime))
	}
	return w.Flush()
}

func newJobWatch(s streams) *cobra.Command {
	return jobCommand("watch ID", "Watch a job until it has ended; exit code 1 if it failed", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			return watchJob(c.Context(), s, cl, args[0], asJSON)
		})
}

// watchJob shows a job's progress until it has ended, and then the job.
func watchJob(ctx context.Context, s streams, cl *client.Client, id string, asJSON bool) error {
	report := progress(s.err)
	err := cl.Watch(ctx, id, func(e client.Event) error {
		switch {
		case e.Report != nil:
			report(*e.Report)
		case e.State != "":
			fmt.Fprintf(s.err, "job %s is %s\n", id, e.State)
		}
		return nil
	})
	if err != nil {
		return err
	}
	j, err := cl.Job(ctx, id)
	if err != nil {
		return err
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

// fileReceipts is what `job fetch` calls a job's receipts.
const fileReceipts = "receipts.jsonl"

func newJobFetch(s streams) *cobra.Command {
	var dir string
	c := jobCommand("fetch ID", "Download a finished job's files and its receipts", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			if dir == "" {
				dir = args[0]
			}
			names, err := fetchJob(c.Context(), cl, args[0], dir)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"id": args[0], "dir": dir, "files": names})
			}
			for _, name := range names {
				fmt.Fprintln(s.out, filepath.Join(dir, name))
			}
			return nil
		})
	c.Flags().StringVarP(&dir, "output", "o", "", "directory for the files; the job's ID if left out")
	return c
}

// fetchJob downloads a job's files to dir, each complete or not at all.
func fetchJob(ctx context.Context, cl *client.Client, id, dir string) ([]string, error) {
	files, err := cl.Artifacts(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("job %s has no files yet: it is not done", id)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var names []string
	for _, a := range files {
		if filepath.Base(a.Name) != a.Name || !filepath.IsLocal(a.Name) {
			return nil, fmt.Errorf("the hub names a file %q: not fetched", a.Name)
		}
		err := download(dir, a.Name, func(f *os.File) error { return cl.Fetch(ctx, id, a, f) })
		if err != nil {
			return nil, err
		}
		names = append(names, a.Name)
	}
	err = download(dir, fileReceipts, func(f *os.File) error { return cl.Receipts(ctx, id, f) })
	return append(names, fileReceipts), err
}

// download fills a temporary file and gives it its name once it is complete.
func download(dir, name string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(dir, "."+name+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails, as it should, after the rename
	err = fill(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(dir, name))
}
