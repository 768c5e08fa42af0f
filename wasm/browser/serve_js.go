package browser

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/browser/promise"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// Options are what Serve is told by main.
type Options struct {
	Agent string // software and version
	Build string // which build of it this is; verdicts on lanes are kept for it. Empty: they are not kept
	Lanes []Lane // best first
	// Sandbox makes what runs people's modules; nil: they are not run.
	Sandbox func() (sandbox.Host, error)
}

// GroupProcessor is the group of lanes that the processor computes, the sandbox
// among them.
const GroupProcessor = "processor"

// Lane is a device of a browser.
type Lane struct {
	Name  string
	Group string // see choose.Lane
	// Open opens it. The error wraps device.ErrUnavailable where the browser
	// lacks what the lane needs.
	Open func(ctx context.Context, s Settings) (device.Device, error)
}

// Settings are what the page says about a lane.
type Settings struct {
	Memory   int64    // bytes that one program may need; 0: the lane's own default
	Software bool     // an adapter that a processor plays will do
	Binding  int64    // bytes of one binding at most; 0: what the adapter allows
	Yielder  *Yielder // lets the event loop run while a lane computes
	Tuning   choose.Tuning
}

// names lists the lanes there may be.
func (o Options) names() []string {
	var list []string
	for _, l := range o.Lanes {
		list = append(list, l.Name)
	}
	if o.Sandbox != nil {
		list = append(list, worker.LaneSandbox)
	}
	return list
}

// pendingCommands is how many messages of the page may wait; one more is
// answered with an error and dropped.
const pendingCommands = 64

// Serve obeys the page until ctx ends. The package comment has the messages.
func Serve(ctx context.Context, opts Options) {
	b := &bridge{
		opts:    opts,
		scope:   js.Global(),
		yielder: NewYielder(),
	}
	commands := make(chan js.Value, pendingCommands)
	listen := js.FuncOf(func(_ js.Value, args []js.Value) any {
		select {
		case commands <- promise.First(args).Get("data"):
		default:
			b.fail("command", errors.New("too many messages at once"))
		}
		return nil
	})
	defer listen.Release()
	b.scope.Set("onmessage", listen)
	defer b.scope.Set("onmessage", js.Null())

	b.post("ready", map[string]any{"version": opts.Agent, "lanes": list(opts.names())})
	for {
		select {
		case c := <-commands:
			if err := b.obey(ctx, c); err != nil {
				b.fail("command", err)
			}
		case err := <-b.ended():
			b.stopped(err)
		case <-ctx.Done():
			if b.life != nil {
				b.stopped(<-b.life.ended)
			}
			return
		}
	}
}

// bridge stands between one page and, at times, one volunteer.
type bridge struct {
	opts    Options
	scope   js.Value
	yielder *Yielder

	life *life // nil until the first start, and after a stop
}

// ended yields what becomes of the volunteer; nil while there is none.
func (b *bridge) ended() <-chan error {
	if b.life == nil {
		return nil
	}
	return b.life.ended
}

func (b *bridge) obey(ctx context.Context, c js.Value) error {
	if c.Type() != js.TypeObject {
		return errors.New("a message must be an object with a cmd")
	}
	cmd := text(c, "cmd", "")
	if cmd == "start" && b.life == nil {
		o, err := b.readOrder(c)
		if err != nil {
			return err
		}
		if o.made {
			b.post("key", map[string]any{"key": hex.EncodeToString(o.key.Seed())})
		}
		b.life = begin(ctx, b, o)
		return nil
	}
	if b.life == nil {
		return fmt.Errorf("%q before start", cmd)
	}
	switch cmd {
	case "start":
		b.life.tell(worker.StateRunning)
	case "pause":
		b.life.tell(worker.StatePaused)
	case "finish":
		b.life.tell(worker.StateFinishing)
	case "stop":
		b.life.tell(worker.StateStopped)
	case "stats":
		if w := b.life.current(); w != nil {
			b.stats(w)
		}
	default:
		return fmt.Errorf("unknown cmd %q", cmd)
	}
	return nil
}

func (b *bridge) stopped(err error) {
	b.life = nil
	if err != nil {
		b.fail(errorCode(err), err)
	}
	b.post("state", map[string]any{"state": string(worker.StateStopped), "connected": false})
}

func errorCode(err error) string {
	switch {
	case errors.Is(err, worker.ErrConsent):
		return "consent"
	case errors.Is(err, worker.ErrRefused):
		return "refused"
	case errors.Is(err, errNoLane), errors.Is(err, worker.ErrNoDevice):
		return "device"
	}
	return "failed"
}

// event tells the page. It runs on the worker's goroutine.
func (b *bridge) event(w *worker.Worker, e worker.Event) {
	switch e.Kind {
	case worker.Progress:
		b.status(e.JSON)
		return
	case worker.Started, worker.Paused, worker.Finishing:
		b.state(w)
		return
	case worker.Stopped:
		b.stats(w)
		return // Serve says the rest once the devices are closed
	}
	o := map[string]any{"kind": string(e.Kind)}
	if e.Job != "" {
		o["job"], o["shard"] = e.Job, float64(e.Shard)
	}
	if e.Job != "" || e.Lane != "" {
		o["device"], o["lane"] = e.Device, w.Stats().Devices[e.Device].Lane
	}
	if e.Took > 0 {
		o["millis"] = float64(e.Took.Microseconds()) / 1000
	}
	if e.Ops > 0 {
		o["ops"] = float64(e.Ops)
	}
	if e.Status != 0 {
		o["status"], o["credit"] = e.Status.String(), float64(e.Credit)
	}
	if e.Code != 0 {
		o["code"] = e.Code.String()
	}
	if e.Reason != "" {
		o["reason"] = e.Reason
	}
	b.post("event", o)
	switch e.Kind {
	case worker.Connected, worker.Disconnected:
		b.state(w)
	case worker.Computed, worker.Judged:
		b.stats(w)
	}
}

// status passes on the hub's word, if it is JSON.
func (b *bridge) status(data []byte) {
	var parsed js.Value
	if promise.Try(func() { parsed = b.scope.Get("JSON").Call("parse", string(data)) }) == nil {
		b.post("status", map[string]any{"status": parsed})
	}
}

func (b *bridge) state(w *worker.Worker) {
	s := w.Stats()
	b.post("state", map[string]any{"state": string(s.State), "connected": s.Connected, "hub": s.Hub})
}

func (b *bridge) stats(w *worker.Worker) {
	s := w.Stats()
	devices := make([]any, len(s.Devices))
	for i, d := range s.Devices {
		devices[i] = map[string]any{
			"lane":       d.Lane,
			"detail":     d.Detail,
			"threads":    d.Threads,
			"computed":   float64(d.Computed),
			"busyMillis": float64(d.Busy.Milliseconds()),
			"ops":        float64(d.Ops),
			"job":        d.Job,
			"shard":      float64(d.Shard),
			"dropped":    d.Dropped,
		}
	}
	b.post("stats", map[string]any{"stats": map[string]any{
		"volunteer": s.Volunteer,
		"state":     string(s.State),
		"connected": s.Connected,
		"hub":       s.Hub,
		"credit":    float64(s.Credit),
		"computed":  float64(s.Computed),
		"accepted":  float64(s.Accepted),
		"rejected":  float64(s.Rejected),
		"waiting":   s.Waiting,
		"devices":   devices,
	}})
}

// Name says which browser this is, for people: "Chrome/156" or "Firefox/140".
func Name() string {
	agent := js.Global().Get("navigator").Get("userAgent").String()
	for _, name := range []string{"Firefox/", "Edg/", "Chrome/", "Version/"} {
		if i := strings.Index(agent, name); i >= 0 {
			return strings.TrimRight(strings.SplitN(agent[i:], ".", 2)[0], " ;)")
		}
	}
	return "browser"
}

func (b *bridge) fail(code string, err error) {
	b.post("error", map[string]any{"code": code, "message": err.Error()})
}

func (b *bridge) post(kind string, o map[string]any) {
	o["type"] = kind
	b.scope.Call("postMessage", o)
}
