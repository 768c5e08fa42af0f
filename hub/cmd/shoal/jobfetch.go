package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	receipts "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// fileReceipts is what `job fetch` calls a job's receipts.
const fileReceipts = audit.FileReceipts

func newJobFetch(s streams) *cobra.Command {
	var (
		dir string
		all bool
	)
	c := jobCommand("fetch ID", "Download an ended job's files, its receipts and their signed head", exactly(1, "a job's ID"),
		func(c *cobra.Command, cl *client.Client, args []string, asJSON bool) error {
			if dir == "" {
				dir = args[0]
			}
			names, err := fetchJob(c.Context(), s, cl, args[0], dir, all)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, map[string]any{"id": args[0], "dir": dir, "files": names})
			}
			for _, name := range names {
				if path.Dir(name) != audit.DirBlobs { // there may be thousands
					fmt.Fprintln(s.out, filepath.Join(dir, name))
				}
			}
			return nil
		})
	c.Long = "Download the files of an ended job, the job file, the receipts, the head that the hub has\n" +
		"signed over them, and blobs to compute shards from: what `shoal audit DIR` checks, even\n" +
		"without the hub. SHA256SUMS lists all of it, for `sha256sum --check` as well."
	c.Flags().StringVarP(&dir, "output", "o", "", "directory for the files; the job's ID if left out")
	c.Flags().BoolVar(&all, "audit", false, fmt.Sprintf("download all blobs that computing shards again needs and the hub still has, not only the first %d MiB", someBlobs>>20))
	return c
}

// fetcher downloads one job to one directory.
type fetcher struct {
	cl   *client.Client
	id   string
	dir  string
	sums bytes.Buffer
	have []string // fetched so far, as slashed paths
}

// fetchJob downloads a job, each file complete or not at all.
func fetchJob(ctx context.Context, s streams, cl *client.Client, id, dir string, all bool) ([]string, error) {
	j, err := cl.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	if !j.Ended() {
		return nil, fmt.Errorf("job %s has no files yet: it is not done, but %s", id, j.State)
	}
	artifacts, err := cl.Artifacts(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := checkNames(artifacts); err != nil {
		return nil, err
	}
	if err := checkFolder(ctx, dir, j); err != nil {
		return nil, err
	}
	head, err := cl.Head(ctx, id)
	if err != nil {
		return nil, err
	}
	f := &fetcher{cl: cl, id: id, dir: dir}
	// The head comes first: from then on the folder is this job's, also when the
	// rest does not follow.
	if err := f.file(audit.FileHead, func(w io.Writer) error { return write(w, head) }); err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		if err := f.file(a.Name, func(w io.Writer) error { return cl.Fetch(ctx, id, a, w) }); err != nil {
			return nil, err
		}
	}
	if err := f.file(audit.FileJob, func(w io.Writer) error { return write(w, []byte(j.File)) }); err != nil {
		return nil, err
	}
	if err := f.file(audit.FileReceipts, func(w io.Writer) error { return cl.Receipts(ctx, id, w) }); err != nil {
		return nil, err
	}
	if err := f.blobs(ctx, s, j, all); err != nil {
		return nil, err
	}
	// Last: it says that the rest is there.
	err = f.file(audit.FileSums, func(w io.Writer) error { return write(w, f.sums.Bytes()) })
	return f.have, err
}

func write(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}

// file downloads one file and notes its hash.
func (f *fetcher) file(name string, fill func(io.Writer) error) error {
	local := filepath.Join(f.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	sum := sha256.New()
	err := download(filepath.Dir(local), filepath.Base(local), func(file *os.File) error { return fill(io.MultiWriter(file, sum)) })
	if err != nil {
		return err
	}
	fmt.Fprintf(&f.sums, "%x  %s\n", sum.Sum(nil), name)
	f.have = append(f.have, name)
	return nil
}

// someBlobs is how many bytes of blobs are downloaded unless all are asked for:
// enough for a sample, and seldom a burden.
const someBlobs = 64 << 20

// blobs downloads what computing shards again needs and the hub still has: the
// job's data first, then round by round.
func (f *fetcher) blobs(ctx context.Context, s streams, j client.Job, all bool) error {
	wanted, err := f.named(ctx, j)
	if err != nil {
		return err
	}
	var got, size int
	for i := 0; i < len(wanted); i++ {
		if size >= someBlobs && !all {
			fmt.Fprintf(s.err, "%d blobs fetched, %d bytes; --audit fetches what is left of %d\n", got, size, len(wanted))
			return nil
		}
		h := wanted[i]
		data, err := f.cl.Blob(ctx, h)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = f.file(path.Join(audit.DirBlobs, h.String()), func(w io.Writer) error { return write(w, data) })
		}
		if err != nil {
			return err
		}
		if task, err := job.DecodeTask(data); err == nil && !slices.Contains(wanted, task.Module) {
			wanted = append(wanted, task.Module)
		}
		got, size = got+1, size+len(data)
		if i%64 == 63 {
			fmt.Fprintf(s.err, "blobs %d of %d, %d bytes\n", i+1, len(wanted), size)
		}
	}
	fmt.Fprintf(s.err, "%d of %d blobs fetched, %d bytes; the hub has no others any more\n", got, len(wanted), size)
	return nil
}

// named lists the job's data and the blobs that its receipts name, each once.
func (f *fetcher) named(ctx context.Context, j client.Job) ([]job.Hash, error) {
	var list []job.Hash
	seen := map[job.Hash]bool{}
	add := func(h job.Hash) {
		if !seen[h] {
			seen[h] = true
			list = append(list, h)
		}
	}
	data, err := dataOf(ctx, f.cl, j)
	if err != nil {
		return nil, err
	}
	for _, h := range data {
		add(h)
	}
	lines, err := os.Open(filepath.Join(f.dir, audit.FileReceipts))
	if err != nil {
		return nil, err
	}
	defer lines.Close()
	info, err := lines.Stat()
	if err != nil {
		return nil, err
	}
	_, err = receipts.ReadLines(lines, info.Size(), func(_ int64, line []byte) error {
		r, err := receipts.Decode(line)
		if err != nil {
			return err
		}
		for _, h := range slices.Concat([]receipts.Hash{r.Program}, r.Inputs, []receipts.Hash{r.Output}) {
			add(job.Hash(h))
		}
		return nil
	})
	return list, err
}

// dataOf lists the blobs that a job's kind reads when it checks the job.
func dataOf(ctx context.Context, cl *client.Client, j client.Job) ([]job.Hash, error) {
	in, err := parseJob([]byte(j.File), "-", nil)
	if err != nil {
		return nil, err
	}
	read := &readBlobs{remoteBlobs: remoteBlobs{Blobs: local.NewBlobs(), client: cl}}
	_, err = in.kind.Check(ctx, in.spec, job.Env{
		Blobs: read, Device: reference.New(),
		Data: func(_ context.Context, name string) ([]byte, error) {
			return nil, fmt.Errorf("data file %s: a hub gives out blobs only", name)
		},
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && read.trouble != nil {
		return nil, read.trouble
	}
	// Otherwise the data is not all there, and what is there has been read.
	return read.hashes, nil
}

// readBlobs remembers what was read.
type readBlobs struct {
	remoteBlobs
	hashes []job.Hash
}

func (b *readBlobs) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	b.hashes = append(b.hashes, h)
	return b.remoteBlobs.Get(ctx, h)
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
