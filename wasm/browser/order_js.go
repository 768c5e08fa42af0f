package browser

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"syscall/js"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// order is a start of the page, read and checked.
type order struct {
	hub      string
	key      ed25519.PrivateKey
	made     bool // the key is new
	consent  protocol.Consent
	share    int      // percent of the time that each lane computes
	forced   []string // devices to use and no others; empty: pick
	sandbox  bool     // run people's modules
	alone    bool     // and nothing else
	inHand   int
	settings Settings
	kept     kept
}

func (b *bridge) readOrder(c js.Value) (*order, error) {
	origin := b.scope.Get("location").Get("origin").String()
	o := &order{
		hub:    text(c, "hub", origin),
		forced: texts(c, "lanes", nil),
		inHand: int(number(c, "inHand", 2)),
		settings: Settings{
			Memory:  int64(number(c, "memory", 0)),
			Binding: int64(number(c, "binding", 0)),
			Yielder: b.yielder,
		},
		kept: kept{b: b, known: dictionary(c.Get("kept"))},
	}
	var err error
	if o.key, o.made, err = identity(text(c, "key", "")); err != nil {
		return nil, err
	}
	if o.consent, err = readConsent(c.Get("consent"), origin); err != nil {
		return nil, err
	}
	o.share = share(c.Get("consent").Get("limits"))
	if o.inHand < 1 || o.settings.Memory < 0 || o.settings.Binding < 0 {
		return nil, errors.New("inHand, memory and binding: must be positive")
	}
	for _, name := range o.forced {
		if !slices.Contains(b.opts.names(), name) {
			return nil, fmt.Errorf("lanes: there is no lane %q", name)
		}
	}
	o.sandbox = c.Get("sandbox").Type() == js.TypeBoolean && c.Get("sandbox").Bool()
	if len(o.forced) > 0 {
		o.sandbox = slices.Contains(o.forced, worker.LaneSandbox)
		o.forced = slices.DeleteFunc(o.forced, func(name string) bool { return name == worker.LaneSandbox })
		o.alone = len(o.forced) == 0
	}
	o.settings.Software = len(o.forced) > 0
	o.settings.Tuning = choose.Tuning{Store: o.kept, Build: b.opts.Build}
	return o, nil
}

func (b *bridge) lane(name string) *Lane {
	for i := range b.opts.Lanes {
		if b.opts.Lanes[i].Name == name {
			return &b.opts.Lanes[i]
		}
	}
	return nil
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
