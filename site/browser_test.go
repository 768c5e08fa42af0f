package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// These tests drive a real Chromium through the page, with a hand-written hub
// API and a background thread that computes nothing (testdata/worker.js).
// SHOAL_SCREENSHOTS=folder keeps pictures of every state for a person to see.

func TestNothingStartsBeforeConsent(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL+"/?auto&auto=1")
	p.until(`shoal.hub === "ok"`)
	p.until(`shoal.state === "new" && shoal.consent === null`)
	p.until(`!document.getElementById("consent").hidden && document.getElementById("running").hidden`)
	p.pictures("new")
	if told := hub.told(); len(told) != 0 || hub.served("/worker.js") != 0 {
		t.Fatalf("before any consent the thread was loaded %d times and told %v", hub.served("/worker.js"), told)
	}

	p.click("#consent [value='50'] + span")
	p.click("#agree")
	p.until(`shoal.state === "computing" && shoal.shards === 3`)
	start := hub.told()[0]
	if start.Cmd != "start" || len(start.Key) != 64 || start.Hub != hub.URL || start.Lanes != nil || !start.Sandbox || len(start.Kept) != 0 {
		t.Errorf("the thread was told %+v", start)
	}
	c := start.Consent
	if c.Origin != hub.URL || c.Limits["cpu_usage_limit"] != 50 {
		t.Errorf("consent is for %q within %v", c.Origin, c.Limits)
	}
	for _, word := range []string{"kjv-nano", "WebAssembly", "WebGPU", "graphics card", "integer arithmetic", "can read the shards", "modules", "no network"} {
		if !strings.Contains(c.Runs, word) {
			t.Errorf("the consent does not say %q: %q", word, c.Runs)
		}
	}
	if got := c.Expires - c.Issued; got != 86400e3 {
		t.Errorf("the consent lasts %d ms, want a day", got)
	}
}

func TestControls(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.run(`{ // not what the thread hears: after "stop" it may be gone before it can tell
		window.said = [];
		const post = Worker.prototype.postMessage;
		Worker.prototype.postMessage = function (m) { said.push(m.cmd); post.call(this, m); };
	}`)
	p.click("#agree")
	p.until(`shoal.state === "computing" && shoal.shards === 3`)
	p.until(`shoal.verified === 2 && shoal.credit === 14000 && shoal.speed === 2.5e9`)
	p.text("#state", "Computing")
	p.text("#doing", "kjv-nano, round 2, shard 5")
	p.text("#speed", "2.50")
	p.text("#credit-why", "Your last verified shard was round 2, shard 4 of kjv-nano: 2.00 G operations, 2,000 credits.")
	p.pictures("computing")
	p.click("#pause")
	p.until(`shoal.state === "paused"`)
	p.text("#start", "Go on")
	p.click("#start")
	p.until(`shoal.state === "computing" && shoal.shards > 3`)
	p.click("#finish")
	p.until(`shoal.state === "finishing"`)
	p.click("#stop")
	p.until(`shoal.state === "stopped" && !document.getElementById("start").hidden`)
	p.text("#doing", "Nothing runs.")
	p.click("#withdraw")
	p.until(`shoal.state === "new" && shoal.consent === null`)
	p.until(`said.join() === "start,pause,start,finish,stop"`)
}

func TestDevices(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.click("#consent [value='100'] + span")
	p.click("#agree")
	p.until(`shoal.state === "computing" && shoal.lanes.length === 3`)
	p.text("#uses", "Computes on the graphics card (WebGPU) and the processor (WebAssembly).")
	p.click("#lanes summary")
	p.text("#lanelist [data-lane='webgpu']", "WebGPU: used · Card 1, driver 2 · 12.35 G ops/s")
	p.text("#lanelist [data-lane='wasm']", "WebAssembly: used · simd128 · 2.50 G ops/s") // measured on shards by now
	p.text("#lanelist [data-lane='webgl']", "WebGL: not used, not needed")
	p.pictures("devices")
	for _, step := range []struct{ says, uses string }{
		{"The graphics card stopped answering. Trying it again…", "Computes on the graphics card (WebGPU) and the processor (WebAssembly)."},
		{"The graphics card stopped answering for a moment; computing goes on with it.", "Computes on the graphics card (WebGPU) and the processor (WebAssembly)."},
		{"The graphics card stopped answering; computing goes on with the processor.", "Computes on the processor (WebAssembly)."},
		{"The processor stopped answering. Looking for another way to compute…", ""},
		{"The processor stopped answering; computing goes on with the graphics card.", "Computes on the graphics card (WebGL)."},
	} {
		p.run(`document.getElementById("start").click()`) // hidden while it computes; the stand-in takes a step at each
		p.until(fmt.Sprintf(`document.getElementById("news").textContent === %q`, step.says))
		p.text("#uses", step.uses)
	}
	p.pictures("lost")
}

func TestAddressNamesTheDevice(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL+"/?device=webgl,wasm&binding=134217728&job=j1")
	p.click("#agree")
	p.until(`shoal.state === "computing"`)
	p.click("#jobs li:nth-child(2) button")
	p.until(`location.search === "?device=webgl%2Cwasm&binding=134217728&job=j2"`)
	p.kept()
	p.reload()
	p.click("#start")
	p.until(`shoal.state === "computing"`)
	told := hub.told()
	first, again := told[0], told[len(told)-1]
	if !slices.Equal(first.Lanes, []string{"webgl", "wasm"}) || first.Binding != 128<<20 || len(first.Kept) != 0 {
		t.Errorf("the thread was told %+v", first)
	}
	if len(again.Kept) != 1 || again.Kept["verdict|webgpu"] != "12.345" {
		t.Errorf("a returning visitor's thread was told %+v", again)
	}
}

func TestAddressIsChecked(t *testing.T) {
	hub := newFakeHub(t)
	for query, want := range map[string]string{
		"device=floppy":           "“floppy”. It may name webgpu, webgl, wasm",
		"device=wasm,toString":    "“toString”",
		"device=":                 "“”",
		"device=wasm&binding=abc": "binding of “abc”",
		"device=wasm&binding=-1":  "binding of “-1”",
		"binding=":                "binding of “”",
	} {
		p := open(t, hub.URL+"/?"+query)
		p.click("#agree")
		p.until(fmt.Sprintf(`!document.getElementById("problem").hidden && document.getElementById("problem").textContent.includes(%q)`, want))
		if n := len(hub.told()); n != 0 {
			t.Fatalf("?%s: a thread was started", query)
		}
	}
}

func TestModulesCanBeRefused(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.click("#modules")
	p.until(`document.getElementById("modules-words").hidden`)
	p.pictures("modules-refused")
	p.click("#agree")
	p.until(`shoal.state === "computing"`)
	start := hub.told()[0]
	if start.Sandbox || strings.Contains(start.Consent.Runs, "odules") || !strings.Contains(start.Consent.Runs, "integer arithmetic") {
		t.Errorf("the thread was told %+v", start)
	}
	// An address may not widen it: the person is asked again.
	p.must(chromedp.Do(p.ctx, chromedp.Navigate(hub.URL+"/?device=sandbox")))
	p.until(`shoal.hub === "ok" && shoal.consent === null && !document.getElementById("consent").hidden`)
	for _, m := range hub.told() {
		if m.Sandbox || slices.Contains(m.Lanes, "sandbox") {
			t.Errorf("modules were started that nobody agreed to: %+v", m)
		}
	}
}

// Consents that were given before there were words about modules are for what
// they say: the person is asked again.
func TestEarlierConsentIsAskedForAgain(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.click("#resume")
	p.click("#agree")
	p.until(`shoal.state === "computing"`)
	p.run(`new Promise((done) => {
		const opening = indexedDB.open("shoal", 1);
		opening.onsuccess = () => {
			const tx = opening.result.transaction("kept", "readwrite"), table = tx.objectStore("kept");
			const get = table.get("consent");
			get.onsuccess = () => { delete get.result.modules; table.put(get.result, "consent"); };
			tx.oncomplete = () => { opening.result.close(); document.title = "changed"; done(); };
		};
	})`)
	p.until(`document.title === "changed"`)
	p.reload()
	p.until(`shoal.hub === "ok" && shoal.state === "new" && shoal.consent === null && !document.getElementById("consent").hidden`)
	if n := hub.served("/worker.js"); n != 1 {
		t.Errorf("the thread was loaded %d times, want once", n)
	}
}

func TestReturningVisitor(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.click("#agree")
	p.until(`shoal.state === "computing"`)
	p.reload()
	p.until(`shoal.hub === "ok" && shoal.state === "stopped" && shoal.consent !== null`)
	if n := hub.served("/worker.js"); n != 1 {
		t.Errorf("after a reload nobody asked to resume, the thread was loaded %d times, want once", n)
	}
	p.click("#start")
	p.until(`shoal.state === "computing"`)
	p.click("#withdraw")
	p.until(`shoal.state === "new"`)
	p.click("#resume")
	p.click("#agree")
	p.until(`shoal.state === "computing"`)
	p.reload()
	p.until(`shoal.state === "computing" && shoal.shards === 3`)

	var keys []string
	for _, m := range hub.told() {
		if m.Cmd == "start" {
			keys = append(keys, m.Key)
		}
	}
	if keys = slices.Compact(keys); len(keys) != 1 {
		t.Errorf("one browser showed %d keys over its visits, want one", len(keys))
	}
}

func TestConsentExpires(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.run(`document.querySelector("#consent [name=days]:checked").value = "0.000001"`)
	p.click("#resume")
	p.click("#agree")
	p.until(`shoal.consent !== null`)
	p.until(`new Date(shoal.consent.expires) < new Date()`)
	p.reload()
	p.until(`shoal.hub === "ok" && shoal.state === "new" && !document.getElementById("consent").hidden`)
}

func TestFailureOfTheThread(t *testing.T) {
	p := open(t, newFakeHub(t).URL)
	p.click("#consent [value='25'] + span")
	p.click("#agree")
	p.until(`shoal.state === "stopped" && shoal.errors.length === 1`)
	p.text("#problem", "The hub gives this browser no more work (too many wrong results).")
	p.pictures("error")
}

func TestHubUnreachable(t *testing.T) {
	hub := newFakeHub(t)
	hub.down(true)
	p := open(t, hub.URL)
	p.until(`shoal.hub === "unreachable"`)
	p.until(`!document.getElementById("nohub").hidden`)
	p.text("#hubtext", "Hub unreachable, trying again…")
	p.pictures("unreachable")
	hub.down(false)
	p.until(`shoal.hub === "ok" && shoal.jobs.length === 2`)
}

func TestNoJobs(t *testing.T) {
	hub := newFakeHub(t)
	hub.withJobs(`[]`)
	p := open(t, hub.URL)
	p.until(`shoal.hub === "ok" && !document.getElementById("nojobs").hidden && document.getElementById("list").hidden`)
	p.pictures("nojobs")
}

func TestLossCurve(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.until(`shoal.job === "j1" && shoal.reports === 300`)
	p.until(`document.querySelectorAll("#chart polyline").length === 2 && document.querySelectorAll("#chart circle").length === 6`)
	p.text("#chart-caption", "After 300 steps the training loss is 2.197 nats, from 4.832. On data held out of training it is 2.287 nats.")
	p.text("#jobabout", "training a language model of 827,392 parameters · step 300 of 600")

	p.click("#jobs li:nth-child(2) button")
	p.until(`shoal.job === "j2" && document.getElementById("jobname").textContent === "fashion-mnist"`)
	p.until(`location.search === "?job=j2"`)
}

func TestAccount(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.click("#agree")
	p.until(`shoal.account?.stake === 350`)
	p.text("#credit", "3.65 k")
	p.text("#stake", "350")
	p.until(`document.getElementById("moves").children.length === 0`) // asked for only when somebody looks
	p.click("#account summary")
	p.until(`document.getElementById("moves").children.length === 3`)
	p.text("#moves tr:nth-child(1) span", "stake lost over round 2, shard 4: an audit gave another result")
	p.text("#moves tr:nth-child(1) td:nth-child(3)", "−2,000")
	p.text("#moves tr:nth-child(2) span", "verified round 2, shard 3 of 2,000,000,000 integer operations, audited, paid to 1")
	p.text("#moves tr:nth-child(2) td:nth-child(2)", "+1,650")
	p.text("#moves tr:nth-child(2) td:nth-child(3)", "+350")
	p.text("#moves tr:nth-child(3) td:nth-child(3)", "+2,000")
	p.until(`document.querySelector("#moves small").textContent.startsWith("kjv-nano · ")`)
	p.text("#moves-end", "That is all of it.")
	p.pictures("account")

	p.kept()
	p.reload()
	p.until(`shoal.state === "stopped" && shoal.account?.credit === 3650`) // a key is known again before it computes
}

func TestTrust(t *testing.T) {
	hub := newFakeHub(t)
	p := open(t, hub.URL)
	p.until(`shoal.job === "j1" && shoal.disputes === 2`)
	p.text("#verified-how", "Verified: audited, bound 8.5e-7 on the risk of a wrong result, 12 of 4,800 audited, overhead 21 %. Taken back and computed again once.")
	p.until(`document.getElementById("receipts").pathname === "/api/v1/jobs/j1/receipts"`)
	p.text("#disputed", "2 disputes between results that differed")
	p.click("#disputed")
	p.text("#disputelist li:nth-child(1) span", "Round 3, shard 5: cdcdcdcd did not answer, and an audit proved it wrong.")
	p.text("#disputelist li:nth-child(2) span", "Round 2, shard 4: op 17 (matmul) differs; efefefef is proved wrong.")
	p.until(`document.querySelector("#disputelist a").pathname === "/blob/99"`)
	p.pictures("trust")

	p.click("#jobs li:nth-child(2) button")
	p.until(`shoal.job === "j2" && document.getElementById("disputes").hidden`)
	p.text("#verified-how", "Verified: each result by 2 volunteers that agree, overhead 104 %.")
}

// A job that stands still says what for, and what was audited where replicas
// were asked for.
func TestWaitingJob(t *testing.T) {
	hub := newFakeHub(t)
	hub.withJobs(`[{"id":"j5","name":"alone","kind":"train","state":"running","step":1,"steps":9,
		"waiting":"2 more volunteers that look unrelated: 3 are here",
		"trust":{"assurance":"replicated","weighed":true,"accepted":4,"audited":3,"bound":0,"overhead":1,"instead":"3 audited instead of replicated, for want of volunteers"},
		"spec":{"trust":{"replicas":5}}}]`)
	p := open(t, hub.URL)
	p.text("#jobabout", "training · step 1 of 9 · waits for 2 more volunteers that look unrelated: 3 are here")
	p.text("#verified-how", "Verified: weighed, by at least 5 volunteers, bound 0 on the risk of a wrong result, 3 of 4 audited, overhead 100 %. 3 audited instead of replicated, for want of volunteers.")
	p.pictures("waiting")
}

// The page asks for the newest jobs, and besides for those that run and for the
// one that is looked at.
func TestOlderJobs(t *testing.T) {
	hub := newFakeHub(t)
	hub.withJobs(`[{"id":"new","kind":"train","state":"queued"}], "next": "new"`)
	hub.withOlder(`{"id":"old","kind":"train","state":"done"}`, `{"id":"going","kind":"train","state":"running"}`)
	p := open(t, hub.URL)
	p.until(`shoal.job === "going" && shoal.jobs.length === 2 && !document.getElementById("older").hidden`)
	p.pictures("older")
	p = open(t, hub.URL+"/?job=old")
	p.until(`shoal.job === "old" && shoal.jobs.length === 3`)
	p = open(t, hub.URL+"/?job=none")
	p.until(`shoal.job === "going" && shoal.jobs.length === 2`)
}

func TestMapJob(t *testing.T) {
	hub := newFakeHub(t)
	hub.withJobs(`[{"id":"j3","name":"primes","kind":"map","state":"done","step":5000,"steps":5000,"failed":3,
		"failures":"2 trapped, 1 ran out of fuel","first_failure":"input 7 trapped after 12 instructions",
		"trust":{"assurance":"1 replicas","weighed":false,"accepted":40,"audited":0,"overhead":0},"spec":{"trust":{"replicas":1}}}]`)
	p := open(t, hub.URL)
	p.until(`shoal.job === "j3" && document.getElementById("curve").hidden`)
	p.text("#jobabout", "computation · 5,000 of 5,000 inputs done · 3 failed: 2 trapped, 1 ran out of fuel; input 7 trapped after 12 instructions")
	p.text("#verified-how", "Not verified: each result counts as one volunteer delivers it.")
	p.pictures("map")
}

// A job that was taken back forgets the rounds that are done again.
func TestTakenBack(t *testing.T) {
	hub := newFakeHub(t)
	hub.withJobs(`[{"id":"j4","name":"again","kind":"train","state":"running","step":3,"steps":9,"repairs":1}]`)
	p := open(t, hub.URL)
	p.until(`shoal.job === "j4" && shoal.reports === 3`) // of five that were told, two are to be done again
}

// patience is how long these tests wait for what has to happen. Only something
// that hangs takes as long, however busy the machine is.
const patience = 2 * time.Minute

// page is one tab of a browser of its own.
type page struct {
	t     *testing.T
	ctx   context.Context
	close func() // ends the browser, as a person or a crash would
}

// open starts a fresh browser with nothing kept, and fails the test if the
// page ever writes an error to the console that the test did not cause.
func open(t *testing.T, url string) *page {
	t.Helper()
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("enable-unsafe-webgpu", true), // offers SwiftShader as an adapter
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx, close: cancel}
	p.view(1200, 900, "light")
	p.watchConsole()
	p.must(chromedp.Do(ctx, chromedp.Navigate(url)))
	p.until(`typeof window.shoal === "object"`)
	return p
}

// watchConsole fails the test at its end for every exception nobody caught and
// every breach of the page's policy. Failed requests are the tests' own doing.
func (p *page) watchConsole() {
	ctx, cancel := context.WithCancel(p.ctx)
	messages := chromedp.Console(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err == nil && (m.IsException() || m.Source == "security") {
				p.t.Errorf("console: %s (%s:%d)", m.Text, m.URL, m.Line+1)
			}
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "no Chromium on this machine: make deps")
	return ""
}

// missing skips a test for want of something, or fails it where SHOAL_REQUIRE
// says that everything has to be here.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func (p *page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%v\npage: %s", err, p.state())
	}
}

// state describes the page for a failure's message.
func (p *page) state() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), 5*time.Second)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](`JSON.stringify(window.shoal)`))
	if err != nil {
		return err.Error()
	}
	return s
}

// until waits in the page until a JavaScript condition holds; one that throws
// looks at what is not there yet. The page's policy forbids evaluation inside it,
// so the condition is part of the script.
func (p *page) until(condition string) {
	p.t.Helper()
	if err := p.wait(condition, patience); err != nil {
		p.t.Fatalf("waiting for %s: %v\npage: %s", condition, err, p.state())
	}
}

func (p *page) wait(condition string, most time.Duration) error {
	ctx, cancel := context.WithTimeout(p.ctx, most)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`new Promise((done) => {
		const holds = () => { try { return (`+condition+`) } catch { return false } };
		const look = () => holds() ? done(true) : setTimeout(look, 10);
		look();
	})`, chromedp.EvalAwaitPromise))
	return err
}

// kept waits until what the page has asked the browser to remember is written:
// the transactions of a table take turns.
func (p *page) kept() {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`new Promise((done, failed) => {
		const opening = indexedDB.open("shoal");
		opening.onerror = failed;
		opening.onsuccess = () => {
			const tx = opening.result.transaction("kept");
			tx.objectStore("kept").count();
			tx.oncomplete = () => { opening.result.close(); done(true); };
		};
	})`, chromedp.EvalAwaitPromise))
	p.must(err)
}

func (p *page) run(script string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](script))
	p.must(err)
}

// click clicks on an element once it is seen, and again where it has moved away
// from under the mouse.
func (p *page) click(selector string) {
	p.t.Helper()
	for end := time.Now().Add(patience); ; {
		p.until(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility()`, selector))
		p.run(fmt.Sprintf(`{
			const e = document.querySelector(%q);
			window.hit = false;
			(e.closest("label") ?? e).addEventListener("click", () => window.hit = true, { once: true, capture: true });
		}`, selector))
		p.must(chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(selector))))
		err := p.wait(`window.hit`, 10*time.Second)
		if err == nil {
			return
		}
		if time.Now().After(end) || p.ctx.Err() != nil {
			p.t.Fatalf("clicks on %s miss it: %v\npage: %s", selector, err, p.state())
		}
	}
}

func (p *page) reload() {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.Reload()))
	p.until(`typeof window.shoal === "object"`)
}

// text waits until an element says something: the page draws what it knows some
// time after it knows it.
func (p *page) text(selector, want string) {
	p.t.Helper()
	if p.wait(fmt.Sprintf(`document.querySelector(%q).textContent.trim() === %q`, selector, want), patience) == nil {
		return
	}
	got, err := chromedp.Run(p.ctx, chromedp.TextContent(chromedp.CSS(selector)))
	p.must(err)
	p.t.Fatalf("%s says %q, want %q", selector, got, want)
}

// pictures looks at the page in three sizes and both colour schemes: nothing
// may stick out sideways. The pictures are kept if somebody wants to see them.
func (p *page) pictures(name string) {
	p.t.Helper()
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"wide", 1200, 900}, {"tablet", 800, 1000}, {"phone", 360, 740}} {
		for _, scheme := range []string{"light", "dark"} {
			p.view(size.width, size.height, scheme)
			p.until(fmt.Sprintf(`innerWidth === %d && document.documentElement.scrollWidth <= innerWidth`, size.width))
			folder := os.Getenv("SHOAL_SCREENSHOTS")
			if folder == "" {
				continue
			}
			png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
			p.must(err)
			p.must(os.WriteFile(filepath.Join(folder, name+"-"+size.name+"-"+scheme+".png"), png, 0o644))
		}
	}
	p.view(1200, 900, "light")
}

func (p *page) view(width, height int64, scheme string) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.EmulateViewport(width, height)))
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	p.must(err)
}

// fakeHub serves the site and a small made-up state of a hub.
type fakeHub struct {
	*httptest.Server

	mu       sync.Mutex
	isDown   bool
	jobs     string
	old      string // one that is not listed
	running  string // one that is listed only among those that run
	requests map[string]int
	messages []told
}

// told is a message of the page to its thread.
type told struct {
	Cmd     string
	Hub     string
	Key     string
	Lanes   []string
	Sandbox bool
	Binding int64
	Kept    map[string]string
	Consent struct {
		Origin, Runs    string
		Limits          map[string]int
		Issued, Expires int64 // milliseconds since 1970
	}
}

const twoJobs = `[
	{"id":"j1","name":"kjv-nano","kind":"train","state":"running","step":300,"steps":600,"parameters":827392,"repairs":1,
		"trust":{"assurance":"audited","epsilon":1e-6,"weighed":true,"accepted":4800,"executed":5808,"audited":12,"bound":8.41e-7,"expected":0.001,"overhead":0.21},
		"spec":{"model":{"arch":"decoder"},"trust":{"epsilon":"1e-6"}}},
	{"id":"j2","name":"fashion-mnist","kind":"train","state":"done","step":2808,"steps":2808,"parameters":235146,
		"trust":{"assurance":"2 replicas","weighed":false,"accepted":2808,"executed":5729,"audited":0,"bound":0,"expected":0,"overhead":1.04},
		"spec":{"model":{"arch":"mlp"},"trust":{"replicas":2}}}]`

const twoDisputes = `{"disputes":[
	{"shard":16777219,"round":1,"index":3,"op":17,"op_name":"matmul","evidence":"/blob/98","parties":[
		{"volunteer":"efefefefefefefef","at_fault":true,"absent":false},{"volunteer":"cdcdcdcdcdcdcdcd","at_fault":false,"absent":false}]},
	{"shard":33554436,"round":2,"index":4,"op":-1,"op_name":"","evidence":"/blob/99","parties":[
		{"volunteer":"efefefefefefefef","at_fault":false,"absent":false},{"volunteer":"cdcdcdcdcdcdcdcd","at_fault":true,"absent":true,"refuted":true}]}]}`

// serveLedger explains the account of the stand-in's key.
func serveLedger(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	entry := func(shard, reason, entries string) string {
		return fmt.Sprintf(`{"at":"2026-01-02T03:04:05Z","reference":{"job":"j1","shard":%s,"reason":%q},"entries":[%s]}`,
			shard, reason, strings.ReplaceAll(entries, "ID", id))
	}
	list := []string{
		entry("16777219", "stake lost over shard 1/3: an audit gave another result", `{"account":"stake/ID","amount":-2000},{"account":"slashed","amount":2000}`),
		entry("16777218", "verified shard 1/2 of 2000000000 integer operations, audited, paid to 1",
			`{"account":"job/j1","amount":-2000},{"account":"volunteer/ID","amount":1650},{"account":"stake/ID","amount":350}`),
		entry("16777217", "verified shard 1/1 of 2000000000 integer operations, audited, paid to 1", `{"account":"job/j1","amount":-2000},{"account":"stake/ID","amount":2000}`),
	}
	if r.URL.Query().Get("limit") == "1" {
		list = list[:1]
	}
	fmt.Fprintf(w, `{"volunteer":%q,"credit":3650,"stake":350,"transactions":[%s]}`, id, strings.Join(list, ","))
}

func newFakeHub(t *testing.T) *fakeHub {
	hub := &fakeHub{jobs: twoJobs, requests: map[string]int{}}
	mux := http.NewServeMux()
	pages := Handler()
	mux.Handle("/", pages)
	mux.HandleFunc("GET /worker.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp") // as every file of the site; the browser refuses the thread otherwise
		http.ServeFile(w, r, "testdata/worker.js")
	})
	mux.HandleFunc("POST /fake/told", hub.serveTold)
	mux.HandleFunc("GET /api/v1/jobs", hub.api(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("state") == "running" {
			fmt.Fprintf(w, `{"jobs":[%s]}`, hub.running)
			return
		}
		fmt.Fprintf(w, `{"jobs":%s}`, hub.jobs)
	}))
	mux.HandleFunc("GET /api/v1/jobs/{id}", hub.api(func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "old" || hub.old == "" {
			http.Error(w, "no such job", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, hub.old)
	}))
	mux.HandleFunc("GET /api/v1/stats", hub.api(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"volunteers":12,"jobs_running":%d}`, min(len(hub.running), 1))
	}))
	mux.HandleFunc("GET /api/v1/jobs/{id}/events", hub.serveEvents)
	mux.HandleFunc("GET /api/v1/volunteers/{id}/ledger", hub.api(serveLedger))
	mux.HandleFunc("GET /api/v1/jobs/{id}/disputes", hub.api(func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") != "j1" {
			fmt.Fprint(w, `{"disputes":[]}`)
			return
		}
		fmt.Fprint(w, twoDisputes)
	}))
	hub.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hub.mu.Lock()
		hub.requests[r.URL.Path]++
		hub.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		hub.CloseClientConnections()
		hub.Close()
	})
	return hub
}

func (h *fakeHub) api(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.isDown {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		answer(w, r)
	}
}

func (h *fakeHub) serveTold(w http.ResponseWriter, r *http.Request) {
	var m told
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, m)
}

// serveEvents sends a whole history and stays open, as the hub does.
func (h *fakeHub) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for step := 1; step <= 300 && r.PathValue("id") == "j1"; step++ {
		fall := 0.0
		for i := range step {
			fall += 0.028 * pow(0.99, i)
		}
		val := ""
		if step%50 == 0 {
			val = fmt.Sprintf(`,"val":%.3f`, 4.95-fall+0.0001*float64(step-300))
		}
		wobble := 0.06 * float64((step*7919)%17-8) / 8
		if step == 1 || step == 300 {
			wobble = 0
		}
		fmt.Fprintf(w, "event: report\ndata: {\"round\":%d,\"step\":%d,\"steps\":600,\"loss\":%.3f%s}\n\n", step-1, step, 4.86-fall+wobble, val)
	}
	if r.PathValue("id") == "j4" {
		fmt.Fprint(w, "event: state\ndata: {\"state\":\"running\"}\n\n")
		for n, round := range []int{0, 1, 2, 3, 4, 2} {
			if n == 5 {
				fmt.Fprint(w, "event: state\ndata: {\"state\":\"running\",\"error\":\"round 2 is done again: a result was refuted\"}\n\n")
			}
			fmt.Fprintf(w, "event: report\ndata: {\"round\":%d,\"step\":%d,\"steps\":9,\"loss\":1}\n\n", round, round+1)
		}
	}
	_ = http.NewResponseController(w).Flush() // fails only if the tab is gone
	<-r.Context().Done()
}

func pow(base float64, n int) float64 {
	v := 1.0
	for range n {
		v *= base
	}
	return v
}

func (h *fakeHub) down(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isDown = down
}

func (h *fakeHub) withJobs(jobs string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jobs = jobs
}

// withOlder gives the hub a job that it does not list, and one that it lists
// only among those that run.
func (h *fakeHub) withOlder(old, running string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.old, h.running = old, running
}

func (h *fakeHub) told() []told {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.messages)
}

func (h *fakeHub) served(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests[path]
}
