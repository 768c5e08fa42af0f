package site

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/testharness/cluster"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// tiny is a language model that the reference device trains in a moment.
const tiny = `
kind: train
name: tiny
model: {arch: decoder, vocab: 128, dim: 16, layers: 1, heads: 2, context: 8}
data: {file: text}
train: {steps: 6, batch: 4, micro_batch: 1, optimizer: adam, lr: 0.003, seed: 1, method: sync}
trust: {replicas: 2}
`

// Two tabs and nobody else train a model on a real hub, each checking the
// other. One is closed on the way and another comes. The weights are those
// that the reference computes alone.
func TestTabsTrainAModel(t *testing.T) {
	if !Built() {
		missing(t, "the WebAssembly worker is not in site/dist: make wasm")
	}
	text := bytes.Repeat([]byte("In the beginning God created the heaven and the earth. "), 200)
	files := func(context.Context, string) ([]byte, error) { return text, nil }

	c := cluster.Config(t.TempDir())
	c.Kinds = all.Kinds()
	c.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	c.Inspect = hub.Default().Inspect
	c.Files = files
	c.Site = Handler()
	x := cluster.Start(t, c)
	url := "http://" + x.Hub.Addr().String()

	first := open(t, url)
	first.click("#consent [value='100'] + span")
	first.click("#agree")
	first.until(`shoal.state === "waiting" && shoal.volunteers === 1`)
	other := open(t, url) // another browser: another volunteer
	other.click("#consent [value='100'] + span")
	other.click("#agree")
	id := x.Submit([]byte(tiny))
	other.until(`shoal.verified >= 2`)
	other.close()
	third := open(t, url)
	third.click("#consent [value='100'] + span")
	third.click("#agree")

	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	first.until(`shoal.jobs[0]?.state === "done" && shoal.reports > 0 && shoal.credit > 0 && shoal.errors.length === 0`)
	first.until(`document.querySelectorAll("#chart polyline.train").length === 1`)
	if folder := os.Getenv("SHOAL_SCREENSHOTS"); folder != "" {
		png, err := chromedp.Run(first.ctx, chromedp.FullScreenshot(100))
		first.must(err)
		first.must(os.WriteFile(filepath.Join(folder, "hub.png"), png, 0o644))
	}
	if got, want := weightsOf(t, x, id), reproduced(t, files); got != want {
		t.Errorf("the tabs' weights are %s, the reference's %s", got, want)
	}
}

// weightsOf returns the SHA-256 of a finished job's exact weights.
func weightsOf(t *testing.T, x *cluster.Cluster, id string) string {
	t.Helper()
	files, err := x.Client.Artifacts(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name == train.FileMasters {
			return f.SHA256
		}
	}
	t.Fatalf("no %s among %v", train.FileMasters, files)
	return ""
}

// reproduced computes the job here, on the reference.
func reproduced(t *testing.T, files func(context.Context, string) ([]byte, error)) string {
	t.Helper()
	spec, err := jobfile.Parse([]byte(tiny))
	if err != nil {
		t.Fatal(err)
	}
	r, err := local.Run(t.Context(), train.Kind{}, spec, local.Config{Device: reference.New(), Data: files})
	if err != nil {
		t.Fatal(err)
	}
	weights, err := r.Artifact(train.FileMasters)
	if err != nil {
		t.Fatal(err)
	}
	return job.Sum(weights).String()
}
