package worker

import (
	"context"
	"crypto/ed25519"
	"errors"
	"runtime"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Dial opens a connection to the hub. It is called again after a connection
// ends.
type Dial func(ctx context.Context) (protocol.Conn, error)

// BlobSource finds blobs by name. It may be called from many goroutines. The
// worker checks the bytes against the name, and tries again after an error
// that does not wrap fs.ErrNotExist.
type BlobSource interface {
	Get(ctx context.Context, h job.Hash) ([]byte, error)
}

// Reopen opens the lane at index of Config.Devices again, whose device was
// lost. Its caller uses the new device from then on; whoever passed Reopen
// closes both. It is called on the lane's computing goroutine.
type Reopen func(ctx context.Context, index int, cause error) (device.Device, error)

// Config is everything a worker is told. Dial or Conn, Devices or Sandbox, Key
// and Consent are required.
type Config struct {
	Dial    Dial                      // how to reach the hub, again and again
	Conn    protocol.Conn             // instead of Dial: the one connection; Run returns when it ends
	Devices []device.Device           // in order of preference; the caller closes them
	Sandbox sandbox.Host              // runs people's modules, as one more lane after those of Devices; nil: they are not run here; the caller closes it
	Reopen  Reopen                    // nil: a device that is lost is not replaced
	Unfit   []protocol.Lane           // lanes of this machine that are not used, and why: told to the hub
	Blobs   BlobSource                // nil: ask the hub over the connection
	Key     ed25519.PrivateKey        // identity; signs consent and results
	Consent protocol.Consent          // what the person agreed to; the worker signs it for each connection
	Agent   string                    // software and version, told to the hub
	Events  func(Event)               // called from Run's goroutine, and must not wait; nil: none
	Yield   func()                    // called between shards on the computing goroutine; nil: runtime.Gosched. In a browser it lets events in.
	GiveUp  int                       // Run fails after this many dials in a row that led nowhere; 0: never
	Backoff func(n int) time.Duration // pause before dial n = 1, 2, ... after a failure; nil: DefaultBackoff

	StartPaused  bool  // wait for Start before asking for leases
	InHand       int   // 2; leases a device holds, the one it computes included
	MaxWaiting   int   // 64; results sealed or delivered and not yet judged, before no more leases are asked for
	WaitingBytes int64 // 128 MiB; the same bound for their bytes
	MaxMemory    int64 // 1 GiB; peak bytes of a program that is accepted, where the device does not know its memory, and of a module
	CacheBytes   int64 // 64 MiB; blobs kept in memory, and again as much on each device
}

// Validate reports the first thing that is wrong.
func (c Config) Validate() error {
	switch {
	case (c.Dial == nil) == (c.Conn == nil):
		return errors.New("worker: config: exactly one of Dial and Conn must be set")
	case len(c.Devices) == 0 && c.Sandbox == nil:
		return errors.New("worker: config: Devices: at least one is needed, or a Sandbox")
	case c.lanes() > protocol.MaxDevices:
		return errors.New("worker: config: Devices: too many for one hello")
	case len(c.Unfit) > protocol.MaxUnfit:
		return errors.New("worker: config: Unfit: too many for one message")
	case len(c.Key) != ed25519.PrivateKeySize:
		return errors.New("worker: config: Key: not an ed25519 private key")
	case c.Consent.Origin == "":
		return errors.New("worker: config: Consent.Origin: must say where it was given")
	case c.InHand < 0 || c.InHand > maxInHand:
		return errors.New("worker: config: InHand: must be between 1 and 16")
	case c.MaxWaiting < 0 || c.WaitingBytes < 0 || c.MaxMemory < 0 || c.CacheBytes < 0 || c.GiveUp < 0:
		return errors.New("worker: config: MaxWaiting, WaitingBytes, MaxMemory, CacheBytes and GiveUp must not be negative")
	}
	return nil
}

const maxInHand = 16

func (c Config) lanes() int {
	if c.Sandbox == nil {
		return len(c.Devices)
	}
	return len(c.Devices) + 1
}

func (c Config) withDefaults() Config {
	if c.Conn != nil {
		c.Dial, c.GiveUp = dialOnce(c.Conn), 1
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	if c.Yield == nil {
		c.Yield = runtime.Gosched
	}
	if c.Backoff == nil {
		c.Backoff = DefaultBackoff
	}
	if c.InHand == 0 {
		c.InHand = 2
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 64
	}
	if c.WaitingBytes == 0 {
		c.WaitingBytes = 128 << 20
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = 1 << 30
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 64 << 20
	}
	return c
}

func dialOnce(conn protocol.Conn) Dial {
	return func(context.Context) (protocol.Conn, error) {
		if conn == nil {
			return nil, protocol.ErrClosed
		}
		c := conn
		conn = nil
		return c, nil
	}
}
