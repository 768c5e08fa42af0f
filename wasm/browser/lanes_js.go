package browser

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

// errNoLane reports that this browser has nothing to compute with.
var errNoLane = errors.New("browser: no lane can be used")

// besideShare is the part of the fastest lane's speed that makes another lane
// worth using beside it. A page's Go has one thread: what the wasm lane
// computes on it keeps the GPU waiting.
const besideShare = 0.25

// testTime is how long one lane may take to show that it is fit.
const testTime = time.Minute

// wanted lists the lanes to try, best first.
func (b *bridge) wanted(o *order) []*Lane {
	var lanes []*Lane
	if len(o.forced) == 0 && !o.alone {
		for i := range b.opts.Lanes {
			lanes = append(lanes, &b.opts.Lanes[i])
		}
	}
	for _, name := range o.forced {
		lanes = append(lanes, b.lane(name))
	}
	return lanes
}

// pick opens the lanes to use now, out of those that are left, and returns
// them and those to go on with when they are gone. The devices are in l.
func (l *life) pick(ctx context.Context, left []*Lane) (picked, rest []*Lane, err error) {
	l.b.post("state", map[string]any{"state": "testing", "connected": false})
	var (
		lanes    []*Lane
		verdicts []choose.Verdict
		devices  []device.Device
	)
	taken := map[string]bool{} // groups with a fit lane
	for _, lane := range left {
		if taken[lane.Group] {
			rest = append(rest, lane) // its hardware is in good hands: testing it would only take time
			continue
		}
		dev, v := l.try(ctx, lane, true)
		if ctx.Err() != nil {
			if dev != nil {
				dev.Close()
			}
			for _, d := range devices {
				if d != nil {
					d.Close()
				}
			}
			return nil, nil, ctx.Err()
		}
		taken[v.Group] = taken[v.Group] || v.Fit
		lanes, verdicts, devices = append(lanes, lane), append(verdicts, v), append(devices, dev)
	}
	ok := choose.Rule{Forced: l.order.forced, Share: besideShare}.Pick(verdicts)
	for i, v := range verdicts {
		switch {
		case v.Chosen:
			picked = append(picked, lanes[i])
			l.keepOpen(devices[i])
		case v.Fit:
			rest = append(rest, lanes[i])
			devices[i].Close()
		case !v.Absent:
			l.note(protocol.Lane{Lane: v.Lane, Detail: v.Detail, Reason: v.Error})
		}
	}
	l.b.postLanes(verdicts, rest, l.sandbox)
	if !ok && l.sandbox == nil {
		return nil, nil, fmt.Errorf("%w%s", errNoLane, reasons(verdicts))
	}
	return picked, rest, nil
}

func reasons(verdicts []choose.Verdict) string {
	text := ""
	for _, v := range verdicts {
		text += "; " + v.Lane + ": " + v.Error
	}
	return text
}

// try opens and tests a lane. Whether it was fit at an earlier start counts
// only if known says so.
func (l *life) try(ctx context.Context, lane *Lane, known bool) (device.Device, choose.Verdict) {
	conf := choose.Config{Limit: testTime}
	if known {
		conf.Store, conf.Build = l.order.kept, l.b.opts.Build
	}
	return conf.Try(ctx, choose.Lane{Name: lane.Name, Group: lane.Group, Open: func(ctx context.Context) (device.Device, error) {
		return lane.Open(ctx, l.order.settings)
	}})
}

// postLanes tells the page what became of each lane.
func (b *bridge) postLanes(verdicts []choose.Verdict, rest []*Lane, box sandbox.Host) {
	var list []any
	told := map[string]bool{}
	for _, v := range verdicts {
		told[v.Lane] = true
		list = append(list, map[string]any{
			"lane": v.Lane, "detail": v.Detail, "fit": v.Fit, "absent": v.Absent,
			"gops": v.GOPS, "millis": v.Millis, "chosen": v.Chosen, "why": v.Why,
		})
	}
	for _, lane := range rest {
		if !told[lane.Name] {
			list = append(list, map[string]any{"lane": lane.Name, "chosen": false, "why": "not needed"})
		}
	}
	if box != nil {
		list = append(list, map[string]any{
			"lane": worker.LaneSandbox, "detail": box.Name(), "fit": true, "absent": false, "chosen": true, "why": "agreed to",
		})
	}
	b.post("lanes", map[string]any{"lanes": list})
}

// kept is the choose.Store of a page: it gives what it kept with start, and
// keeps what it is told to.
type kept struct {
	b     *bridge
	known map[string]string
}

var _ choose.Store = kept{}

// Load implements choose.Store.
func (k kept) Load(key string) ([]byte, bool) {
	data, found := k.known[key]
	return []byte(data), found
}

// Save implements choose.Store.
func (k kept) Save(key string, data []byte) {
	k.known[key] = string(data)
	k.b.post("keep", map[string]any{"key": key, "data": string(data)})
}
