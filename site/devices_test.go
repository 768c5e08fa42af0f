package site

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

// These tests let one tab of a real Chromium train a model on a real hub, with
// the device that the page's address names, on SwiftShader where that is a
// GPU: as slow as can be, and exact. Whatever becomes of the device on the
// way, the weights are those that the reference computes alone.

// corpus is what the model is trained on.
func corpus(context.Context, string) ([]byte, error) {
	return bytes.Repeat([]byte("In the beginning God created the heaven and the earth. "), 200), nil
}

// alone is the job of hub_test.go, each shard computed once.
var alone = strings.Replace(tiny, "replicas: 2", "replicas: 1", 1)

// spare is work for a tab whose first job may be done already when its device is
// taken away: who has nothing to compute misses no device.
var spare = strings.Replace(alone, "steps: 6", "steps: 1", 1)

// handle lets a test take the page's WebGPU device away: whoever posts to the
// channel destroys the device that was opened last.
const handle = `
if (self.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  let newest;
  GPUAdapter.prototype.requestDevice = async function (...args) { return newest = await request.apply(this, args); };
  new BroadcastChannel("destroy").onmessage = () => newest?.destroy();
}
`

// startHub starts a hub whose page has the handle.
func startHub(t *testing.T) *cluster.Cluster {
	t.Helper()
	if !Built() {
		missing(t, "the WebAssembly worker is not in site/dist: make wasm")
	}
	pages := Handler()
	c := cluster.Config(t.TempDir())
	c.Kinds = all.Kinds()
	c.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	c.Inspect = hub.Default().Inspect
	c.Files = corpus
	c.Site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/worker.js" {
			pages.ServeHTTP(w, r)
			return
		}
		script, err := embedded.ReadFile("static/worker.js")
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		fmt.Fprint(w, handle, string(script))
	})
	return cluster.Start(t, c)
}

// volunteer opens the page with a query and lets it compute.
func volunteer(t *testing.T, x *cluster.Cluster, query string) *page {
	t.Helper()
	p := open(t, "http://"+x.Hub.Addr().String()+"/?"+query)
	p.click("#consent [value='100'] + span")
	p.click("#agree")
	p.patiently(`shoal.state === "waiting" && shoal.volunteers === 1 || shoal.errors.length > 0`)
	p.until(`shoal.state === "waiting"`)
	return p
}

// patiently is until for what software GPUs take their time for. It asks again and
// again: the page may be held up in between.
func (p *page) patiently(condition string) {
	p.t.Helper()
	for end := time.Now().Add(3 * patience); ; {
		err := p.wait(condition, 10*time.Second)
		if err == nil {
			return
		}
		if time.Now().After(end) || p.ctx.Err() != nil {
			p.t.Fatalf("waiting for %s: %v\npage: %s", condition, err, p.state())
		}
	}
}

// trained waits for the job and holds its weights to the reference's.
func trained(t *testing.T, x *cluster.Cluster, id string) {
	t.Helper()
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	if got, want := weightsOf(t, x, id), reproduced(t, corpus); got != want {
		t.Errorf("the tab's weights are %s, the reference's %s", got, want)
	}
}

// WebGPU guarantees no more than 128 MiB of a binding: what is larger is bound
// in parts.
func TestEachDeviceOfATabTrainsAModel(t *testing.T) {
	for _, query := range []string{"device=webgpu&binding=134217728", "device=webgl", "device=wasm"} {
		t.Run(query, func(t *testing.T) {
			x := startHub(t)
			p := volunteer(t, x, query)
			name, _, _ := strings.Cut(strings.TrimPrefix(query, "device="), "&")
			p.until(fmt.Sprintf(`shoal.lanes.length === 1 && shoal.lanes[0].lane === %q && shoal.lanes[0].used`, name))
			trained(t, x, x.Submit([]byte(alone)))
			p.until(`shoal.errors.length === 0 && shoal.notice === "" && shoal.lanes[0].speed > 0`)
		})
	}
}

// A browser without a GPU computes with the processor, and says nothing bad.
func TestSoftwareGPUsAreNotPicked(t *testing.T) {
	x := startHub(t)
	p := volunteer(t, x, "")
	p.until(`shoal.lanes.find((l) => l.lane === "wasm").used && shoal.lanes.filter((l) => l.absent).length === 2 && shoal.notice === ""`)
	p.reload()
	p.click("#start")
	p.patiently(`shoal.state === "waiting"`)
	p.until(`shoal.lanes.find((l) => l.lane === "wasm").used`)
}

func TestTabSurvivesTheGPUProcess(t *testing.T) {
	x := startHub(t)
	p := volunteer(t, x, "device=webgpu,webgl")
	id := x.Submit([]byte(alone))
	p.patiently(`shoal.verified >= 2`)
	if _, err := chromedp.CallBrowser(p.ctx, cdpbrowser.CrashGPUProcess, cdp.Empty{}); err != nil {
		t.Fatalf("crash the GPU process: %v", err)
	}
	x.Submit([]byte(spare))
	p.patiently(`shoal.notice.includes("stopped answering")`)
	trained(t, x, id)
	p.until(`shoal.notice.includes("computing goes on with it") && shoal.errors.length === 0`)
}

func TestTabSurvivesTheLossOfItsDevice(t *testing.T) {
	x := startHub(t)
	p := volunteer(t, x, "device=webgpu,webgl")
	id := x.Submit([]byte(alone))
	p.patiently(`shoal.verified >= 2`)
	for _, notice := range []string{
		"The graphics card stopped answering for a moment; computing goes on with it.",
		"The graphics card stopped answering; computing goes on with it through WebGL.",
	} {
		p.run(`new BroadcastChannel("destroy").postMessage("")`)
		x.Submit([]byte(spare))
		p.patiently(fmt.Sprintf(`shoal.notice === %q`, notice))
	}
	trained(t, x, id)
	p.until(`shoal.lanes.find((l) => l.lane === "webgl").speed > 0 && shoal.errors.length === 0`)
}

func TestTabWithoutAnyDeviceLeftSaysSo(t *testing.T) {
	x := startHub(t)
	p := volunteer(t, x, "device=webgpu")
	x.Submit([]byte(alone))
	p.patiently(`shoal.verified >= 1`)
	p.run(`new BroadcastChannel("destroy").postMessage("")`)
	x.Submit([]byte(spare))
	p.patiently(`shoal.notice === "The graphics card stopped answering for a moment; computing goes on with it."`)
	p.run(`new BroadcastChannel("destroy").postMessage("")`)
	x.Submit([]byte(spare))
	p.patiently(`shoal.state === "stopped" && shoal.errors.length === 1 && shoal.errors[0].startsWith("There is nothing in this browser to compute with")`)
}
