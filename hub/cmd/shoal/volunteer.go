package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/native/dial"
	"github.com/shoal-compute/shoal/site"
	"github.com/shoal-compute/shoal/testharness/wasmhost"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// demoVolunteer is one of the demo's volunteers. Its run lasts until the
// context ends or something fails.
type demoVolunteer struct {
	name string
	id   string // public key, hexadecimal; empty for a browser, which makes its own
	lane string // of a browser tab that is told what computes, and known by it
	run  func(ctx context.Context) error
}

// consentFor is what whoever starts the demo agrees to, for one hour.
func consentFor(origin string) protocol.Consent {
	now := time.Now()
	return protocol.Consent{
		Origin: origin,
		Runs: "shards of the demo's own job, and of others while it keeps serving: programs of integer arithmetic, " +
			"and modules in a sandbox, without access to files or network",
		Issued:  now,
		Expires: now.Add(time.Hour),
	}
}

func newKey() (ed25519.PrivateKey, string, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	return key, hex.EncodeToString(public), err
}

// nativeVolunteer computes on the cpu lane of this process, and runs modules in
// a sandbox of it.
func nativeVolunteer(hubURL string, log *slog.Logger) (demoVolunteer, error) {
	key, id, err := newKey()
	if err != nil {
		return demoVolunteer{}, err
	}
	return demoVolunteer{name: "native", id: id, run: func(ctx context.Context) error {
		h, err := dial.New(hubURL, dial.Options{Agent: "shoal-demo"})
		if err != nil {
			return err
		}
		defer h.Close()
		d, err := cpu.New(cpu.Config{})
		if err != nil {
			return err
		}
		defer d.Close()
		box, err := wazerobox.New(ctx, wazerobox.Options{})
		if err != nil {
			return err
		}
		defer box.Close()
		w, err := worker.New(worker.Config{
			Dial: h.Dial, Blobs: h, Devices: []device.Device{d}, Sandbox: box, Key: key,
			Consent: consentFor("shoal demo"), Agent: "shoal-demo native",
			Events: func(e worker.Event) { log.Debug("native volunteer", "event", string(e.Kind), "reason", e.Reason) },
		})
		if err != nil {
			return err
		}
		return w.Run(ctx)
	}}, nil
}

// wazeroVolunteer runs the WebAssembly worker under wazero: no network but
// the conversation, no files. It offers no sandbox, being in one itself.
func wazeroVolunteer(hubURL string, stderr io.Writer) (demoVolunteer, error) {
	module, err := fs.ReadFile(site.FS(), "worker-wasip1.wasm")
	if err != nil {
		return demoVolunteer{}, errors.New("this program was built without the WebAssembly worker: run make build")
	}
	key, id, err := newKey()
	if err != nil {
		return demoVolunteer{}, err
	}
	return demoVolunteer{name: "wazero", id: id, run: func(ctx context.Context) error {
		h, err := dial.New(hubURL, dial.Options{Agent: "shoal-demo"})
		if err != nil {
			return err
		}
		defer h.Close()
		return wasmhost.Run(ctx, wasmhost.Config{
			Module: module, SIMD: simd.Module, Dial: h.Dial, Key: key, Consent: consentFor("wasi"), Stderr: stderr,
		})
	}}, nil
}

// browserVolunteer opens the hub's page in a real browser, agrees to what it
// says, and lets it compute: with what the page picks or, if a lane is named,
// with that.
func browserVolunteer(hubURL, lane string) (demoVolunteer, error) {
	if _, err := findBrowser(); err != nil {
		return demoVolunteer{}, err
	}
	if !site.Built() {
		return demoVolunteer{}, errors.New("this program was built without the page's WebAssembly: run make build")
	}
	name, address := "browser", hubURL
	if lane != "" {
		name, address = lane+" tab", hubURL+"/?device="+lane
	}
	return demoVolunteer{name: name, lane: lane, run: func(ctx context.Context) error {
		tab, stop, err := openBrowser(ctx, address)
		if err != nil {
			return err
		}
		defer stop()
		if err := agree(tab); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}}, nil
}

// agree lets the page in tab compute as much as it can.
func agree(tab context.Context) error {
	err := chromedp.Do(tab,
		chromedp.WaitVisible("#agree"),
		chromedp.Click("#consent [value='100'] + span"),
		chromedp.Click("#agree"),
	)
	if err != nil {
		return fmt.Errorf("agree button: %w", err)
	}
	return nil
}
