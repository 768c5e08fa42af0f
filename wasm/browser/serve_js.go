package browser

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/paced"
)

// Options are what Serve is told by main.
type Options struct {
	Agent string   // software and version
	Lanes []string // that Open knows, best first
	// Open opens one lane of this browser, for programs that need up to memory
	// bytes. It wraps device.ErrUnavailable where the browser lacks what the
	// lane needs.
	Open func(ctx context.Context, lane string, memory int64, y *Yielder) (device.Device, error)
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
		case commands <- first(args).Get("data"):
		default:
			b.fail("command", errors.New("too many messages at once"))
		}
		return nil
	})
	defer listen.Release()
	b.scope.Set("onmessage", listen)
	defer b.scope.Set("onmessage", js.Null())

	b.post("ready", map[string]any{"version": opts.Agent, "lanes": list(opts.Lanes)})
	for {
		select {
		case c := <-commands:
			if err := b.obey(ctx, c); err != nil {
				b.fail("command", err)
			}
		case err := <-b.ended:
			b.stopped(err)
		case <-ctx.Done():
			if b.ended != nil {
				b.stopped(<-b.ended)
			}
			return
		}
	}
}

// bridge stands between one page and, at times, one worker.
type bridge struct {
	opts    Options
	scope   js.Value
	yielder *Yielder

	worker  *worker.Worker // nil until the first start, and after a stop
	devices []device.Device
	ended   chan error // what the worker's Run returns; nil when none runs
}

func (b *bridge) obey(ctx context.Context, c js.Value) error {
	if c.Type() != js.TypeObject {
		return errors.New("a message must be an object with a cmd")
	}
	cmd := text(c, "cmd", "")
	if cmd == "start" && b.worker == nil {
		return b.start(ctx, c)
	}
	if b.worker == nil {
		return fmt.Errorf("%q before start", cmd)
	}
	switch cmd {
	case "start":
		b.worker.Start()
	case "pause":
		b.worker.Pause()
	case "finish":
		b.worker.Finish()
	case "stop":
		b.worker.Stop()
	case "stats":
		b.stats(b.worker)
	default:
		return fmt.Errorf("unknown cmd %q", cmd)
	}
	return nil
}

func (b *bridge) start(ctx context.Context, c js.Value) error {
	hub := text(c, "hub", b.scope.Get("location").Get("origin").String())
	key, made, err := identity(text(c, "key", ""))
	if err != nil {
		return err
	}
	consent, err := readConsent(c.Get("consent"), b.scope.Get("location").Get("origin").String())
	if err != nil {
		return err
	}
	memory := int64(number(c, "memory", 256<<20))
	inHand := int(number(c, "inHand", 2))
	lanes := texts(c, "lanes", []string{"wasm"})
	if b.devices, err = b.open(ctx, lanes, memory, share(c.Get("consent").Get("limits"))); err != nil {
		b.fail("device", err)
		b.post("state", map[string]any{"state": string(worker.StateStopped), "connected": false})
		return nil
	}
	var w *worker.Worker
	w, err = worker.New(worker.Config{
		Dial:         func(ctx context.Context) (protocol.Conn, error) { return Dial(ctx, hub) },
		Devices:      b.devices,
		Blobs:        Blobs{Hub: hub, Max: memory},
		Key:          key,
		Consent:      consent,
		Agent:        b.opts.Agent,
		Events:       func(e worker.Event) { b.event(w, e) },
		Yield:        b.yielder.Yield,
		InHand:       inHand,
		MaxMemory:    memory,
		CacheBytes:   memory / 16,
		WaitingBytes: memory / 4,
	})
	if err != nil {
		b.closeDevices()
		return err
	}
	if made {
		b.post("key", map[string]any{"key": hex.EncodeToString(key.Seed())})
	}
	b.worker, b.ended = w, make(chan error, 1)
	go func() { b.ended <- w.Run(ctx) }()
	b.state(w)
	return nil
}

// open opens the lanes the page asks for that this browser has.
func (b *bridge) open(ctx context.Context, lanes []string, memory int64, share int) ([]device.Device, error) {
	var devices []device.Device
	var failed error
	for _, lane := range lanes {
		d, err := b.opts.Open(ctx, lane, memory, b.yielder)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", lane, err))
			continue
		}
		if share < 100 {
			d = paced.New(d, share)
		}
		devices = append(devices, d)
	}
	if len(devices) == 0 {
		return nil, errors.Join(errors.New("no lane can be used"), failed)
	}
	return devices, nil
}

func (b *bridge) closeDevices() {
	for _, d := range b.devices {
		d.Close()
	}
	b.devices = nil
}

func (b *bridge) stopped(err error) {
	b.stats(b.worker)
	b.worker, b.ended = nil, nil
	b.closeDevices()
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
		return // Serve says so once the devices are closed
	}
	o := map[string]any{"kind": string(e.Kind)}
	if e.Job != "" {
		o["job"], o["shard"] = e.Job, float64(e.Shard)
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
	if try(func() { parsed = b.scope.Get("JSON").Call("parse", string(data)) }) == nil {
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

// identity reads the page's key, or makes one.
func identity(seed string) (key ed25519.PrivateKey, made bool, err error) {
	if seed == "" {
		_, key, err = ed25519.GenerateKey(rand.Reader)
		return key, true, err
	}
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) != ed25519.SeedSize {
		return nil, false, errors.New("key: must be 64 hexadecimal digits")
	}
	return ed25519.NewKeyFromSeed(raw), false, nil
}
