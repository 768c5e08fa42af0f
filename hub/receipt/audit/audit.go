package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Config says what to audit, and with what.
type Config struct {
	Source Source

	// Key is the hub's public key as the auditor knows it; empty when it is
	// not known. Then the audit shows that all parts are of one piece, but not
	// which hub signed them.
	Key string

	Sample Sample
	Seed   [32]byte // of the sample

	// Parse reads a job file and finds its kind.
	Parse func(file []byte) (*job.Spec, job.Kind, error)
	// Device runs the folding programs of a replay.
	Device device.Device
	// Executor returns what computes shards from these blobs.
	Executor func(job.Blobs) (Executor, error)

	// Progress, unless nil, hears what is being done, and how far it is: of is
	// 0 where that is not known.
	Progress func(what string, done, of int64)
}

// Run audits a job. The report says what is wrong with the job; an error says
// why the audit could not be carried out.
func Run(ctx context.Context, c Config) (*Report, error) {
	if c.Progress == nil {
		c.Progress = func(string, int64, int64) {}
	}
	a := &auditor{
		Config: c,
		report: &Report{Paths: map[receipt.Path]int64{}, Problems: []Problem{}, Notes: []string{}},
	}
	a.blobs = newBlobs(c.Source, a.report.damaged)
	err := a.run(ctx)
	if a.lines != nil {
		err = errors.Join(err, a.lines.close())
	}
	return a.report, err
}

// auditor is an audit under way.
type auditor struct {
	Config
	report *Report
	blobs  *blobs
	head   receipt.Head
	lines  *lines
	start  *start // nil when the job could not be started here
}

// run goes from the cheap to the costly. What is damaged is not computed
// again: the result would be about something nobody has signed.
func (a *auditor) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		a.checkHead, a.checkReceipts, a.checkFiles, a.checkDamages,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if !a.report.Sound() {
			return nil
		}
	}
	if err := a.checkStart(ctx); err != nil || !a.report.Sound() {
		return err
	}
	if a.start != nil {
		defer a.start.run.Close()
	}
	if a.Sample.All && a.start != nil {
		return a.replay(ctx)
	}
	err := a.sample(ctx, a.report.Shards)
	if !a.report.Folding && a.head.Done() && err == nil {
		a.report.note("shards were checked, not the folding of their outputs between rounds: an audit of every shard with the job's data at hand checks that as well, and so does reproducing the job")
	}
	return err
}

// checkHead reads the head and what it says.
func (a *auditor) checkHead(ctx context.Context) error {
	signed, err := a.Source.Head(ctx)
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		a.report.damaged("head", err)
		return nil
	}
	if err != nil {
		return err
	}
	if a.head, err = receipt.OpenHead(signed); err != nil {
		a.report.damaged("head", err)
		return nil
	}
	r := a.report
	r.Job, r.State, r.Key, r.Root, r.Promise = a.head.Job, a.head.State, a.head.Key, a.head.Root.String(), a.head.Promise
	r.Shards, r.Edition, r.Supersedes = a.head.Receipts, a.head.Edition, a.head.Supersedes
	if a.Key == "" {
		return nil
	}
	if err := a.head.SignedBy(a.Key); err != nil {
		r.damaged("head", err)
		return nil
	}
	r.Pinned = true
	return nil
}

// checkFiles checks the job file and the artifacts against the head.
func (a *auditor) checkFiles(ctx context.Context) error {
	file, err := a.Source.JobFile(ctx)
	switch {
	case errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrNotExist):
		a.report.damaged("job file", err)
	case err != nil:
		return err
	case receipt.Sum(file) != a.head.File:
		a.report.damaged("job file", fmt.Errorf("SHA-256 %v, the head has %v", receipt.Sum(file), a.head.File))
	}
	for i, artifact := range a.head.Artifacts {
		a.Progress("files", int64(i), int64(len(a.head.Artifacts)))
		where := "file " + artifact.Name
		sum := &counted{Hash: sha256.New(), most: artifact.Size}
		err := a.Source.Artifact(ctx, artifact.Name, sum)
		switch {
		case sum.n > sum.most:
			a.report.damaged(where, fmt.Errorf("more than %d bytes, which the head has", artifact.Size))
		case errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrNotExist):
			a.report.damaged(where, err)
		case err != nil:
			return err
		case sum.n != artifact.Size:
			a.report.damaged(where, fmt.Errorf("%d bytes, the head has %d", sum.n, artifact.Size))
		default:
			if got := receipt.Hash(sum.Sum(nil)); got != artifact.SHA256 {
				a.report.damaged(where, fmt.Errorf("SHA-256 %v, the head has %v", got, artifact.SHA256))
			}
		}
	}
	return nil
}

// counted is a hash that counts, and ends the writing once there is too much.
type counted struct {
	hash.Hash
	n, most int64
}

var errTooMuch = errors.New("audit: more than there should be")

func (c *counted) Write(p []byte) (int, error) {
	if c.n += int64(len(p)); c.n > c.most {
		return 0, errTooMuch
	}
	return c.Hash.Write(p)
}

// checkDamages lets the source look for damage in what the audit itself may
// never read.
func (a *auditor) checkDamages(ctx context.Context) error {
	p := Parts{Blobs: a.lines.named}
	for _, artifact := range a.head.Artifacts {
		p.Files = append(p.Files, artifact.Name)
	}
	if err := a.Source.Damages(ctx, p, a.report.damaged); err != nil {
		return err
	}
	lister, ok := a.Source.(strayLister)
	if !ok || !a.report.Sound() {
		return nil
	}
	strays, more, err := lister.strays(ctx)
	if err != nil || len(strays) == 0 {
		return err
	}
	text := strings.Join(strays, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	a.report.note("the folder also has what is not listed in %s, so that nothing here vouches for it: %s", FileSums, text)
	return nil
}
