//go:build !js && !wasip1

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// These tests run the js program in a Worker of a real Chromium, against a
// hub that the test plays message by message.

func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	chromium(t) // or skip, before anything is built
	s := newServer(t)
	p := openPage(t, s.url)
	p.until(`said("ready").length === 1 && said("ready")[0].lanes.join() === "webgpu,webgl,wasm,sandbox"`)

	t.Run("CommandsThatMakeNoSense", func(t *testing.T) {
		for i, cmd := range []string{
			`"start"`, `{cmd: "dance"}`, `{cmd: "pause"}`, `{cmd: "start"}`, `{cmd: "start", consent: {runs: "x", expires: 5}}`,
			`{cmd: "start", key: "short", consent: {runs: "x", expires: Date.now() + 1e6}}`,
		} {
			p.tell(cmd)
			p.until(fmt.Sprintf(`said("error").length === %d && said("error").at(-1).code === "command"`, i+1))
		}
		p.tell(`{cmd: "start", lanes: ["quantum"], consent: {runs: "x", expires: Date.now() + 1e6}}`)
		p.until(`said("error").at(-1).code === "command" && said("error").at(-1).message.includes("quantum")`)
	})

	t.Run("Volunteers", func(t *testing.T) {
		p.tell(`{cmd: "start", consent: {runs: "sums", expires: Date.now() + 1e6, limits: {cpu_usage_limit: 90}}}`)
		h := s.accept(t)
		if c := h.consent; c.Origin != s.url || c.Runs != "sums" || c.Limits != `{"cpu_usage_limit":90}` {
			t.Errorf("got consent %+v", c)
		}
		if d := h.hello.Devices; len(d) != 1 || d[0].Lane != "wasm" || !strings.Contains(d[0].Detail, "Chrome/") {
			t.Errorf("got devices %+v", d)
		}
		p.until(`said("key")[0].key.length === 64 && said("state").at(-1).connected`)
		h.say(h.lease("a", false))
		h.result("a")
		h.say(protocol.Verdict{Token: []byte("a"), Status: protocol.StatusAccepted, Credit: 12})
		p.until(`said("stats").at(-1)?.stats.credit === 12`)
		p.until(`event("judged").at(-1).status === "accepted" && event("computed").at(-1).job === "sums"`)

		// Unknown frames are answered, and the connection goes on.
		if err := h.frames.SendFrame(t.Context(), []byte{99, 1, 2}); err != nil {
			t.Fatal(err)
		}
		if e := await[protocol.Error](h); e.Code != protocol.CodeUnknownType {
			t.Errorf("got %+v", e)
		}
		h.say(protocol.StatusUpdate{JSON: []byte(`{"step": 7}`)})
		p.until(`said("status").at(-1)?.status.step === 7`)

		// A sealed result.
		h.say(h.lease("b", true))
		if seal := await[protocol.Seal](h); string(seal.Token) != "b" {
			t.Errorf("got a seal for %q", seal.Token)
		}
		h.say(protocol.Open{Token: []byte("b")})
		h.result("b")
		h.say(protocol.Verdict{Token: []byte("b"), Status: protocol.StatusAccepted})

		// Pause, and go on.
		p.tell(`{cmd: "pause"}`)
		p.until(`said("state").at(-1).state === "paused"`)
		h.say(h.lease("c", false))
		if back := await[protocol.Return](h); string(back.Tokens[0]) != "c" {
			t.Errorf("got back %q", back.Tokens)
		}
		p.tell(`{cmd: "start"}`)
		p.until(`said("state").at(-1).state === "running"`)

		// The connection breaks: the worker comes back.
		h.conn.Close()
		h = s.accept(t)
		p.until(`event("disconnected").length === 1 && said("state").at(-1).connected`)
		h.say(h.lease("d", false))
		h.result("d")
		p.tell(`{cmd: "finish"}`)
		p.until(`said("state").at(-1).state === "finishing"`)
		h.say(protocol.Verdict{Token: []byte("d"), Status: protocol.StatusAccepted})
		await[protocol.Goodbye](h)
		h.conn.Close()
		p.until(`said("state").at(-1).state === "stopped"`)
	})

	t.Run("StartsAgainWithTheSameKey", func(t *testing.T) {
		p.tell(`{cmd: "start", key: said("key")[0].key, consent: {runs: "sums", expires: Date.now() + 1e6}}`)
		h := s.accept(t)
		if got, first := h.hello.Volunteer, s.first.hello.Volunteer; got != first {
			t.Errorf("got volunteer %x, before it was %x", got, first)
		}
		p.tell(`{cmd: "stop"}`)
		await[protocol.Goodbye](h)
		h.conn.Close()
		p.until(`said("state").at(-1).state === "stopped" && said("key").length === 1`)
	})

	t.Run("HubThatRefuses", func(t *testing.T) {
		s.deny(true)
		p.tell(`{cmd: "start", consent: {runs: "sums", expires: Date.now() + 1e6}}`)
		p.until(`said("error").at(-1).code === "refused" && said("state").at(-1).state === "stopped"`)
	})
}

// patience is how long these tests wait for what has to happen. Only something
// that hangs takes as long, however busy the machine is.
const patience = 5 * time.Minute

// elements is large enough that results are many megabytes: the socket's
// buffer fills, and memory must grow.
const elements = 1 << 20

// server plays the hub and serves the page.
type server struct {
	*testing.T
	url     string
	program *program.Program
	weights []byte
	blobs   [][]byte
	conns   chan *hub
	first   *hub

	mu     sync.Mutex // guards denied
	denied bool
}

func (s *server) deny(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied = yes
}

// hub is one conversation.
type hub struct {
	*testing.T
	server  *server
	frames  protocol.Frames
	conn    protocol.Conn
	hello   protocol.Hello
	consent protocol.Consent
}

const pageHTML = `<!doctype html><title>test</title><script>
const heard = [];
const said = (type) => heard.filter((m) => m.type === type);
const event = (kind) => said("event").filter((m) => m.kind === kind);
const worker = new Worker("/worker.js");
worker.onmessage = (e) => heard.push(e.data);
worker.onerror = (e) => heard.push({type: "crash", message: e.message});
</script>`

const startJS = `importScripts("/wasm_exec.js");
const go = new Go();
WebAssembly.instantiateStreaming(fetch("/%s.wasm"), go.importObject).then(({instance}) => go.run(instance));`

func newServer(t *testing.T) *server {
	t.Helper()
	var b program.Builder
	x := b.Input("x", ops.Int32(-1000, 1000, 1, elements))
	y := b.Input("y", ops.Int32(-1000, 1000, 1, elements))
	b.Output("sum", b.One(ops.AddOp, []program.Value{x, y}))
	prog, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{T: t, program: prog, weights: make([]byte, 4*elements), conns: make(chan *hub, 8)}
	for i := range elements {
		binary.LittleEndian.PutUint32(s.weights[4*i:], uint32(i%1000))
	}
	s.blobs = [][]byte{prog.Encode(), s.weights}
	programs := map[string]string{"worker": build(t, "js", "."), "box": build(t, "js", "../box")}
	mux := http.NewServeMux()
	text := func(path, kind, body string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, body)
		})
	}
	text("/{$}", "text/html", pageHTML)
	for name, code := range programs {
		text("/"+name+".js", "text/javascript", fmt.Sprintf(startJS, name))
		mux.HandleFunc("GET /"+name+".wasm", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, code) })
	}
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(goroot(t), "lib", "wasm", "wasm_exec.js"))
	})
	mux.HandleFunc("GET /blob/{hash}", s.blob)
	mux.HandleFunc("GET /v1/volunteer", s.volunteer)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

func goroot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// build builds a program for an operating system of WebAssembly.
func build(t *testing.T, goos, program string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, program)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=wasm")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return out
}

func (s *server) blob(w http.ResponseWriter, r *http.Request) {
	for _, data := range s.blobs {
		if job.Sum(data).String() == r.PathValue("hash") {
			w.Write(data)
			return
		}
	}
	http.NotFound(w, r)
}

// volunteer takes a connection and leaves it to accept.
func (s *server) volunteer(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{Subprotocols: []string{protocol.Subprotocol}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.Errorf("upgrade: %v", err)
		return
	}
	frames := wsconn.NewFrames(ws, wsconn.Options{Ping: patience}) // who has no time to answer is not gone
	h := &hub{server: s, frames: frames, conn: protocol.NewConn(frames)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.denied {
		go func() {
			defer h.conn.Close()
			_ = h.conn.Send(s.Context(), protocol.Error{Code: protocol.CodeDenied, Message: "not you", Fatal: true})
		}()
		return
	}
	s.conns <- h
}

// accept takes the next conversation up to the consent.
func (s *server) accept(t *testing.T) *hub {
	t.Helper()
	var h *hub
	select {
	case h = <-s.conns:
	case <-time.After(patience):
		t.Fatal("nobody came")
	}
	t.Cleanup(func() { h.conn.Close() })
	h.T = t
	h.hello = await[protocol.Hello](h)
	h.say(protocol.Welcome{Version: protocol.Version, Nonce: [32]byte{5}, Hub: "reef", Now: time.Now()})
	h.consent = await[protocol.Consent](h)
	if !protocol.VerifyConsent(h.hello.Volunteer, [32]byte{5}, h.consent) {
		t.Error("the consent's signature does not verify")
	}
	h.say(protocol.Consented{Expires: h.consent.Expires})
	if s.first == nil {
		s.first = h
	}
	return h
}

func (h *hub) say(m protocol.Message) {
	h.Helper()
	if err := h.conn.Send(h.Context(), m); err != nil {
		h.Fatalf("send %v: %v", m.Type(), err)
	}
}

// await skips wants until the next message, which must be an M.
func await[M protocol.Message](h *hub) M {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), patience)
	defer cancel()
	for {
		m, err := h.conn.Receive(ctx)
		if err != nil {
			h.Fatalf("receive: %v", err)
		}
		if _, isWant := m.(protocol.Want); isWant {
			continue
		}
		got, ok := m.(M)
		if !ok {
			var want M
			h.Fatalf("got %v %.200s, want %v", m.Type(), fmt.Sprint(m), want.Type())
		}
		return got
	}
}

func (h *hub) lease(token string, sealed bool) protocol.Lease {
	weights := job.Input{Blob: job.Sum(h.server.weights)}
	return protocol.Lease{
		Token:    []byte(token),
		Job:      "sums",
		Deadline: time.Now().Add(time.Hour),
		Sealed:   sealed,
		Payload: job.EncodeShard(job.Shard{
			Program: job.Sum(h.server.program.Encode()),
			Inputs:  []job.Input{weights, weights},
			Cost:    h.server.program.Cost().Ops,
		}),
	}
}

// result takes the next result and checks it.
func (h *hub) result(token string) {
	h.Helper()
	r := await[protocol.Result](h)
	if string(r.Token) != token || !protocol.VerifyResult(h.hello.Volunteer, r) {
		h.Fatalf("got a result for %q, want one for %q, signed", r.Token, token)
	}
	outputs, err := job.DecodeOutputs(r.Outputs)
	if err != nil || len(outputs) != 1 || len(outputs[0]) != 4*elements {
		h.Fatalf("got %d outputs, %v", len(outputs), err)
	}
	for i := range elements {
		if got, want := binary.LittleEndian.Uint32(outputs[0][4*i:]), uint32(2*(i%1000)); got != want {
			h.Fatalf("element %d: got %d, want %d", i, got, want)
		}
	}
}

// page is the test's page in Chromium.
type page struct {
	t   *testing.T
	ctx context.Context
}

func openPage(t *testing.T, url string) *page {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	p := &page{t, ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("navigate: %v", err)
	}
	return p
}

// chromium finds the browser. Where SHOAL_REQUIRE is set it has to be there.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("SHOAL_REQUIRE") != "" {
		t.Fatal("no Chromium on this machine")
	}
	t.Skip("no Chromium on this machine, which is " + runtime.GOOS)
	return ""
}

func (p *page) tell(message string) {
	p.t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](`worker.postMessage(`+message+`)`))
	if err != nil {
		p.t.Fatalf("tell %s: %v", message, err)
	}
}

// until waits for a condition in the page.
func (p *page) until(condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](`(() => { try { return Boolean(`+condition+`) } catch { return false } })()`,
		chromedp.WithPollingInterval(10*time.Millisecond)))
	if err != nil {
		heard, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`JSON.stringify(heard.slice(-8))`))
		p.t.Fatalf("%s: %v; the page has heard, last: %s", condition, err, heard)
	}
}
