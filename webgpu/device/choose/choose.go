// Package choose finds out which of a machine's lanes are fit to compute and
// which of them to use: each is opened, asked what package selftest knows the
// answers to, and measured on one short program.
//
// It owns the verdicts and the rule that picks by them. It refuses to know any
// concrete device, and where verdicts are kept: callers bring the lanes, in
// order of preference, and a Store.
package choose

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/selftest"
)

// Lane is a device that a program may be able to open.
type Lane struct {
	Name string
	// Group names the hardware that lanes compete for: of one group at most one
	// is picked. Where it is empty, the adapter's name groups, which the lane's
	// device gives before the first comma of its Detail.
	Group string
	// Open wraps device.ErrUnavailable where the machine lacks what the lane
	// needs: that is no fault.
	Open func(ctx context.Context) (device.Device, error)
}

// Verdict is what became of trying a lane.
type Verdict struct {
	Lane    string  `json:"lane"`
	Detail  string  `json:"detail,omitempty"` // adapter and driver
	Group   string  `json:"group,omitempty"`
	Threads int     `json:"threads,omitempty"`
	Memory  int64   `json:"memory,omitempty"`
	Fit     bool    `json:"fit"`              // the self-test passed
	Absent  bool    `json:"absent,omitempty"` // the machine does not have it: no fault
	Error   string  `json:"error,omitempty"`  // why it is not fit
	GOPS    float64 `json:"gops,omitempty"`   // 10^9 integer operations a second on a training shard
	Millis  float64 `json:"millis,omitempty"` // that the test took
	Kept    bool    `json:"kept,omitempty"`   // the verdict is from an earlier start
	Chosen  bool    `json:"chosen"`
	Why     string  `json:"why,omitempty"` // it is chosen or not
}

// Store keeps what was found out about devices between starts. Whatever cannot
// be kept is found out again.
type Store interface {
	Load(key string) (data []byte, found bool)
	Save(key string, data []byte)
}

// Config says how lanes are tried. The zero value keeps nothing.
type Config struct {
	Store Store
	Build string        // which build of the software this is; without it nothing is kept
	Limit time.Duration // for one lane to be opened, tested and measured; 0: two minutes
}

const defaultLimit = 2 * time.Minute

// Key names a device, its driver and this build in a Store.
func (c Config) Key(what string, caps device.Caps) string {
	return strings.Join([]string{what, c.Build, caps.Lane, caps.Detail}, "|")
}

// Try opens l, tests and measures it. The device is nil unless it is fit; then
// it is the caller's to close.
func (c Config) Try(ctx context.Context, l Lane) (device.Device, Verdict) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Limit, defaultLimit))
	defer cancel()
	start := time.Now()
	v := Verdict{Lane: l.Name, Group: l.Group}
	dev, err := open(ctx, l)
	if err != nil {
		v.Error, v.Absent = err.Error(), errors.Is(err, device.ErrUnavailable)
		return nil, v
	}
	caps := dev.Caps()
	v.Detail, v.Threads, v.Memory = caps.Detail, caps.Threads, caps.Memory
	if v.Group == "" {
		adapter, _, _ := strings.Cut(caps.Detail, ",")
		v.Group = adapter
	}
	if v.GOPS, err = c.judge(ctx, dev, &v); err != nil {
		v.Error = err.Error()
		if !errors.Is(err, selftest.ErrHung) {
			_ = dev.Close() // it is not used; its faults are known
		}
		return nil, v
	}
	v.Fit, v.Millis = true, float64(time.Since(start).Milliseconds())
	return dev, v
}

// open guards l.Open: drivers panic and hang there, too.
func open(ctx context.Context, l Lane) (dev device.Device, err error) {
	err = selftest.Guard(ctx, func(say func(string)) (err error) {
		say("open")
		dev, err = l.Open(ctx)
		return err
	})
	if errors.Is(err, selftest.ErrHung) {
		return nil, err // dev is still being written to
	}
	return dev, err
}

// judge returns the speed of dev, or why it is not fit. Of a pass the speed is
// kept; what failed is tried again at the next start, since its driver may
// only have been busy.
func (c Config) judge(ctx context.Context, dev device.Device, v *Verdict) (float64, error) {
	key := c.Key("verdict", dev.Caps())
	if c.Store != nil && c.Build != "" {
		data, _ := c.Store.Load(key)
		if gops, err := strconv.ParseFloat(string(data), 64); err == nil && gops > 0 {
			v.Kept = true
			return gops, nil
		}
	}
	if err := selftest.Check(ctx, dev); err != nil {
		return 0, err
	}
	speed, err := selftest.Speed(ctx, dev)
	if err != nil {
		return 0, err
	}
	gops := speed / 1e9
	if c.Store != nil && c.Build != "" {
		c.Store.Save(key, strconv.AppendFloat(nil, gops, 'g', 6, 64))
	}
	return gops, nil
}
