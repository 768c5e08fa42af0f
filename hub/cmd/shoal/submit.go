package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func newSubmit(s streams) *cobra.Command {
	var (
		to     remote
		set    []string
		wait   bool
		dryRun bool
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "submit FILE|-",
		Short: "Give a job to a hub",
		Long: "Check a job file, upload the data it names, and give it to a hub. Data files are\n" +
			"found relative to the job file; the hub gets them by their SHA-256.\n\n" +
			"With --wait, the job is watched until it has ended. " + waitCodes,
		Args: exactly(1, "a job file, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := readJob(c.Context(), s, args[0], set)
			if err != nil {
				return err
			}
			cl, err := to.client()
			if err != nil {
				return err
			}
			plan, err := in.check(c.Context(), cl)
			if err != nil {
				return err
			}
			if dryRun {
				return showPlan(s, plan, asJSON)
			}
			id, err := submit(c.Context(), cl, in)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.err, "job %s submitted\n", id)
			if wait {
				return watchJob(c.Context(), s, cl, id, asJSON)
			}
			if asJSON {
				return writeJSON(s.out, map[string]string{"id": id})
			}
			_, err = fmt.Fprintln(s.out, id)
			return err
		},
	}
	to.flags(c)
	setFlag(c, &set)
	c.Flags().BoolVar(&wait, "wait", false, "watch the job until it has ended; exit code 1 if it failed")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "only check the file and say what the job would take")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on the last line")
	return c
}

// check validates the job here, so that a mistake costs no upload.
func (in *jobInput) check(ctx context.Context, cl *client.Client) (job.Plan, error) {
	blobs := &remoteBlobs{Blobs: local.NewBlobs(), client: cl}
	plan, err := in.kind.Check(ctx, in.spec, job.Env{Blobs: blobs, Device: reference.New(), Data: in.read})
	if err != nil && blobs.trouble != nil {
		err = blobs.trouble
	}
	return plan, err
}

// remoteBlobs reads blobs that are not here from the hub.
type remoteBlobs struct {
	*local.Blobs
	client  *client.Client
	trouble error // why the hub could not be asked; a kind says only that its data is not there
}

func (b *remoteBlobs) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	data, err := b.Blobs.Get(ctx, h)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	data, err = b.client.Blob(ctx, h)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == 404 {
		return nil, fmt.Errorf("blob %v: %w", h, fs.ErrNotExist)
	}
	if err != nil {
		b.trouble = err
	}
	return data, err
}

// submit uploads the job's data, and the job with its data named by hash.
func submit(ctx context.Context, cl *client.Client, in *jobInput) (string, error) {
	spec := *in.spec
	var err error
	if spec.Data, err = in.upload(ctx, cl, spec.Data); err != nil {
		return "", err
	}
	if spec.Map, err = in.uploadMap(ctx, cl, spec.Map); err != nil {
		return "", err
	}
	file, err := jobfile.Encode(&spec)
	if err != nil {
		return "", err
	}
	return cl.Submit(ctx, file)
}

// upload puts every file that d names on the hub and returns d with blobs
// instead. Compressed files are uploaded as what they hold: a job is defined
// by its data, not by how it was packed.
func (in *jobInput) upload(ctx context.Context, cl *client.Client, d job.Data) (job.Data, error) {
	put := func(name string) (string, error) { return in.put(ctx, cl, name) }
	var err error
	if d.File != "" {
		if d.Blob, err = put(d.File); err != nil {
			return d, err
		}
		d.File = ""
	}
	if d.Tokens != "" {
		if d.Tokens, err = put(d.Tokens); err != nil {
			return d, err
		}
	}
	names := d.IDX
	d.IDX = nil
	for _, name := range names {
		blob, err := put(name)
		if err != nil {
			return d, err
		}
		d.IDX = append(d.IDX, blob)
	}
	return d, nil
}

// put uploads a file, unless name is a blob's already, and names it as a blob.
func (in *jobInput) put(ctx context.Context, cl *client.Client, name string) (string, error) {
	if strings.HasPrefix(name, "sha256:") {
		return name, nil
	}
	data, err := in.read(ctx, name)
	if err != nil {
		return "", &inputError{err}
	}
	h, err := cl.PutBlob(ctx, data)
	return "sha256:" + h.String(), err
}

func showPlan(s streams, p job.Plan, asJSON bool) error {
	if asJSON {
		return writeJSON(s.out, client.Plan{
			Rounds: p.Rounds, Shards: p.Shards, Ops: p.Ops, PeakBytes: p.PeakBytes,
			InputBytes: p.InputBytes, Parameters: p.Parameters, Steps: p.Steps,
		})
	}
	_, err := fmt.Fprintf(s.out, "steps %d\nrounds %d\nshards %d\nparameters %d\ninteger operations %d\npeak memory of a shard %d bytes\nfirst download of a volunteer %d bytes\n",
		p.Steps, p.Rounds, p.Shards, p.Parameters, p.Ops, p.PeakBytes, p.InputBytes)
	return err
}
