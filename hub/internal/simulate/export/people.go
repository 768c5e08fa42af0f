package export

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

const (
	// absence is how long somebody delivers nothing before it is taken to have gone.
	absence = 15 * time.Minute
	// unknownLatency is that of volunteers of whom nothing is known.
	unknownLatency = 50 * time.Millisecond
	// mostEvidence is what stands for a device whose word is enough.
	mostEvidence = 1 << 20
)

// driven are the lanes with a driver that is not the hub's: only there may two
// volunteers err alike because their devices are of one class.
var driven = []string{"webgpu", "webgl", "vulkan", "cuda"}

func isDriven(lane string) bool { return slices.Contains(driven, lane) }

// person is one volunteer.
type person struct {
	key     Volunteer
	number  int
	latency time.Duration
	caught  time.Duration // when it was first proved wrong
	devices []*device
	runs    []*run // in the order of their leases
}

// device is one class of devices of a volunteer.
type device struct {
	lane, class string
	runs        []*run
	ops         int64
	busy        time.Duration
	trust       Device
}

// run is one execution, with times from the beginning of the record.
type run struct {
	device  int
	shard   int64 // as events count them
	granted time.Duration
	compute time.Duration
	arrived time.Duration
	answer  incident.Answer
	result  bool // and not only a fault
	ops     int64
	risk    float64
	slack   time.Duration // between lease and arrival, computing not counted; -1: not known
	sealed  bool
}

// people sorts a job's results by who returned them.
type people struct {
	of   map[Volunteer]*person
	list []*person
}

func (p *people) get(v Volunteer) *person {
	w := p.of[v]
	if w == nil {
		w = &person{key: v, caught: incident.MaxTime}
		p.of[v] = w
		p.list = append(p.list, w)
	}
	return w
}

// device returns the number of a volunteer's device. A class that is not known
// is that of its lane.
func (w *person) device(lane, class string) int {
	i := slices.IndexFunc(w.devices, func(d *device) bool {
		return d.lane == lane && (class == "" || d.class == class)
	})
	switch {
	case i >= 0:
		return i
	case len(w.devices) == incident.MaxDevices:
		return len(w.devices) - 1
	}
	w.devices = append(w.devices, &device{lane: lane, class: class})
	return len(w.devices) - 1
}

// arrange numbers people in the order in which they came, and their runs in
// that of their leases.
func (p *people) arrange() {
	for _, w := range p.list {
		slices.SortStableFunc(w.runs, func(a, b *run) int {
			return cmp.Or(cmp.Compare(a.granted, b.granted), cmp.Compare(a.arrived, b.arrived))
		})
		for _, r := range w.runs {
			d := w.devices[r.device]
			d.runs = append(d.runs, r)
			d.ops += r.ops
			d.busy += r.compute
		}
	}
	slices.SortFunc(p.list, func(a, b *person) int {
		return cmp.Or(cmp.Compare(a.runs[0].granted, b.runs[0].granted), bytes.Compare(a.key[:], b.key[:]))
	})
	for i, w := range p.list {
		w.number = i + 1
	}
	p.measure()
}

// measure finds out how far away everybody is: at most half of what the
// quickest of its results took beyond computing. A result that was sealed also
// waited for others, and counts only where there is no other.
func (p *people) measure() {
	for _, sealed := range []bool{false, true} {
		for _, w := range p.list {
			least := time.Duration(math.MaxInt64)
			for _, r := range w.runs {
				if r.slack >= 0 && r.sealed == sealed {
					least = min(least, r.slack/2)
				}
			}
			if w.latency == 0 && least < math.MaxInt64 {
				w.latency = min(max(least, time.Microsecond), time.Minute)
			}
		}
	}
	for _, w := range p.list {
		if w.latency == 0 {
			w.latency = unknownLatency
		}
	}
}

// speed is in operations per second.
func (d *device) speed() int64 {
	if d.busy <= 0 || d.ops <= 0 {
		return 1
	}
	return int64(min(max(float64(d.ops)/d.busy.Seconds(), 1), 1<<50))
}

// earned gives every device what the hub knew of it. Where that is not known,
// it follows from what the hub believed of its first result, as a hub would
// believe that knows nobody.
func (p *people) earned(known []Device, told bool) {
	by := map[Volunteer][]Device{}
	for _, k := range known {
		by[k.Volunteer] = append(by[k.Volunteer], k)
	}
	stranger := trust.Stranger()
	curve := stranger.Curve()
	for _, w := range p.list {
		for _, d := range w.devices {
			if len(d.runs) > 0 && d.runs[0].result && d.runs[0].risk <= trust.AuditorRisk {
				d.trust = Device{Verified: mostEvidence, Evidence: mostEvidence} // the operator answers for it
				continue
			}
			if !told {
				if len(d.runs) > 0 && d.runs[0].result {
					n := math.Ceil(min(curve.Needed(d.runs[0].risk), mostEvidence))
					d.trust.Verified, d.trust.Evidence = int64(n), n
				}
				continue
			}
			if i := slices.IndexFunc(by[w.key], func(k Device) bool { return k.Class == d.class }); i >= 0 {
				d.trust = by[w.key][i]
			}
		}
	}
}

// classes numbers device classes: a volunteer may name its device as it likes.
type classes map[string]string

// laneOf is the lane of a class, which begins with it.
func laneOf(class string) string {
	lane, _, _ := strings.Cut(class, " ")
	return lane
}

// name is how an incident calls a class. Devices without a driver of their own
// have none, so that nobody looks related because of it.
func (c classes) name(lane, class string) string {
	if class == "" || !isDriven(lane) {
		return ""
	}
	if _, known := c[class]; !known {
		c[class] = fmt.Sprintf("%s %d", lane, len(c)+1)
	}
	return c[class]
}

// meet introduces w.
func (w *person) meet(at time.Duration, names classes, kin *kinship) incident.Event {
	e := incident.Event{At: at, Kind: incident.Meet, Volunteer: w.number, Latency: w.latency}
	for _, d := range w.devices {
		class := names.name(d.lane, d.class)
		if kin.cleared[w.key] {
			class = ""
		}
		e.Devices = append(e.Devices, incident.Device{
			Class: class, Speed: d.speed(),
			Verified: d.trust.Verified, Evidence: min(d.trust.Evidence, float64(d.trust.Verified)),
		})
	}
	return e
}

// stays are when w was there. Whoever was caught was given nothing any more,
// so that its silence from then on says nothing.
func (w *person) stays(until time.Duration) []incident.Event {
	var list []incident.Event
	at := func(t time.Duration, k incident.Kind) {
		list = append(list, incident.Event{At: t, Kind: k, Volunteer: w.number})
	}
	at(w.runs[0].granted, incident.Join)
	last := w.runs[0].arrived
	for _, r := range w.runs {
		if r.granted-last > absence {
			at(last, incident.Leave)
			at(r.granted, incident.Join)
		}
		last = max(last, r.arrived)
	}
	if until = min(until, w.caught); until-last > absence {
		at(last, incident.Leave)
	}
	return list
}

// ended says when each run of a device ended, at the device.
func (d *device) ended(latency time.Duration) []time.Duration {
	list := make([]time.Duration, len(d.runs))
	free := time.Duration(0)
	for i, r := range d.runs {
		end := max(free, r.granted+latency) + r.compute
		free = max(free, min(end, max(r.arrived-latency, r.granted)))
		list[i] = free
	}
	return list
}
