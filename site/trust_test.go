package site

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/adversary"
	"github.com/shoal-compute/shoal/testharness/cluster"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// audited is the job of hub_test.go with a promise.
var audited = strings.NewReplacer("name: tiny", "name: promised", "{replicas: 2}", `{epsilon: 1e-6}`).Replace(tiny)

// A tab, two honest volunteers and one that always lies: the page names what
// the dispute found and who lost it, says what the other job promises, and
// explains the tab's own account line by line.
func TestPageShowsTrust(t *testing.T) {
	if !Built() {
		missing(t, "the WebAssembly worker is not in site/dist: make wasm")
	}
	c := cluster.Config(t.TempDir())
	c.Kinds = all.Kinds()
	c.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	c.Inspect, c.Execute = hub.Default().Inspect, nil
	c.Files = corpus
	c.Related = func(hub.Identity, hub.Identity) bool { return false } // they share this machine
	c.Site = Handler()
	c.BackupAfter = time.Hour // a lie is compared, however late it comes
	x := cluster.Start(t, c)

	p := volunteer(t, x, "device=wasm")
	id := x.Submit([]byte(tiny))
	liar := join(t, x)
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	p.until(`shoal.jobs[0]?.state === "done" && shoal.disputes > 0`)
	p.click("#disputed")
	p.until(fmt.Sprintf(`/^Round \d+, shard \d+: (op \d+ \(\w+\) differs; )?%.4x is proved wrong(: returned another output .*)?\.( |$)/.test(document.getElementById("disputelist").textContent)`, liar.IDs()[0]))
	p.until(`document.querySelector("#disputelist a").pathname.startsWith("/blob/")`)
	p.pictures("liar")

	if j := x.Wait(x.Submit([]byte(audited))); j.State != "done" {
		t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	p.until(`shoal.jobs[0]?.name === "promised" && shoal.jobs[0].state === "done"`)
	// The list is drawn some time after shoal.jobs has changed, and moves while
	// the page settles: found and clicked in one go.
	p.until(`[...document.querySelectorAll("#jobs button")].some((b) => b.dataset.id === shoal.jobs[0].id && (b.click(), true))`)
	p.until(`shoal.job === shoal.jobs[0].id`)
	p.until(`/^Verified: audited, bound (0|\S+e-\d+) on the risk of a wrong result, \d+ of \d+ audited, overhead \d+ %/.test(document.getElementById("verified-how").textContent)`)
	p.click("#account summary")
	p.until(`shoal.account.credit + shoal.account.stake > 0 && shoal.account.whole`)
	p.until(`["credit", "stake"].every((a) => shoal.account.moves.reduce((n, m) => n + m[a], 0) === shoal.account[a])`)
	p.until(`document.getElementById("moves").children.length === shoal.account.moves.length`)
	p.pictures("promised")
}

// join has a liar and, once it has told a lie, two honest volunteers compute until
// the test ends.
func join(t *testing.T, x *cluster.Cluster) (liar adversary.Player) {
	t.Helper()
	lane := func() device.Device {
		d, err := cpu.New(cpu.Config{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	strategies := adversary.All()
	always := slices.IndexFunc(strategies, func(s adversary.Strategy) bool { return s.Name == "always" })
	book := adversary.NewBook()
	liar = strategies[always].Cast(1, book, lane).Cheats[0]
	ctx, leave := context.WithCancel(context.Background())
	var playing sync.WaitGroup
	t.Cleanup(func() { leave(); playing.Wait() })
	play := func(p adversary.Player) {
		playing.Go(func() {
			err := p.Play(ctx, func(context.Context) (protocol.Frames, error) {
				near, far := protocol.FramePipe()
				x.Hub.Connect(protocol.NewConn(far))
				return near, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	play(liar)
	for end := time.Now().Add(patience); book.Acts(adversary.Lied) == 0; {
		if err := x.Client.WaitReady(t.Context()); err != nil || time.Now().After(end) {
			t.Fatalf("the liar has not lied: %v", err)
		}
	}
	for n := range 2 {
		play(adversary.NewHonest(1, n, lane(), adversary.Trouble{}))
	}
	return liar
}
