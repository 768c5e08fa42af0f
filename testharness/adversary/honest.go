package adversary

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// keyFor makes a key that depends on its arguments alone.
func keyFor(seed uint64, who string) ed25519.PrivateKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "testharness/adversary %d %s", seed, who))
	return ed25519.NewKeyFromSeed(sum[:])
}

func idOf(key ed25519.PrivateKey) [32]byte { return [32]byte(key.Public().(ed25519.PublicKey)) }

// agreement is the consent that players show. Nobody here is a person.
func agreement(now time.Time) protocol.Consent {
	return protocol.Consent{
		Origin: "testharness", Runs: "shards of this test",
		Issued: now.Add(-time.Minute), Expires: now.Add(time.Hour),
	}
}

// patience is how long a worker waits before it connects again: not at all,
// but for a hub that is down.
func patience(n int) time.Duration { return time.Duration(min(n-1, 50)) * time.Millisecond }

// volunteer lives one worker's life with a key and a device, and returns when
// it is over: nil where that is ctx's end or the hub's refusal.
func volunteer(ctx context.Context, key ed25519.PrivateKey, dev device.Device, dial worker.Dial, events func(worker.Event)) (refused bool, err error) {
	w, err := worker.New(worker.Config{
		Dial: dial, Devices: []device.Device{dev}, Key: key, Consent: agreement(time.Now()),
		Agent: "adversary/1", Events: events, Backoff: patience,
	})
	if err != nil {
		return false, err
	}
	err = w.Run(ctx)
	refused = errors.Is(err, worker.ErrRefused)
	if refused || ctx.Err() != nil {
		err = nil
	}
	return refused, err
}

// Honest is a volunteer that never lies: the worker itself on a real lane,
// whatever else befalls it.
type Honest struct {
	key     ed25519.PrivateKey
	device  device.Device
	trouble Trouble

	mu      sync.Mutex // guards account
	account Account
}

var _ Player = (*Honest)(nil)

// Account is what an honest volunteer was told.
type Account struct {
	Accepted, Rejected int
	Credit             int64
	Denied             bool // it was told that it is not served any more
}

// NewHonest makes the honest volunteer number n of a run. It closes lane.
func NewHonest(seed uint64, n int, lane device.Device, trouble Trouble) *Honest {
	return &Honest{key: keyFor(seed, fmt.Sprint("honest ", n)), device: lane, trouble: trouble}
}

// IDs implements Player.
func (h *Honest) IDs() [][32]byte { return [][32]byte{idOf(h.key)} }

// Account returns what it was told so far.
func (h *Honest) Account() Account {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.account
}

// Play implements Player.
func (h *Honest) Play(ctx context.Context, dial Dial) error {
	defer h.device.Close()
	dev, over := h.trouble.apply(ctx, h.device, dial)
	refused, err := volunteer(ctx, h.key, dev, over, h.heard)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.account.Denied = h.account.Denied || refused
	return err
}

func (h *Honest) heard(e worker.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case e.Kind == worker.Refused && e.Code == protocol.CodeDenied:
		h.account.Denied = true
	case e.Kind == worker.Judged && e.Status == protocol.StatusAccepted:
		h.account.Accepted++
		h.account.Credit += e.Credit
	case e.Kind == worker.Judged && e.Status == protocol.StatusRejected:
		h.account.Rejected++
	}
}
