package export

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// Summary says what was written.
type Summary struct {
	Job        string   `json:"job"`
	Seconds    float64  `json:"seconds"` // from the first lease to the job's end
	Volunteers int      `json:"volunteers"`
	Rounds     int      `json:"rounds"`
	Shards     int64    `json:"shards"`
	Results    int      `json:"results"`
	Withdrawn  int      `json:"withdrawn"` // results of these that were taken back
	Wrong      int      `json:"wrong"`     // results that were found wrong
	Caught     []int    `json:"caught"`    // volunteers, by their numbers in the incident
	Gaps       []string `json:"gaps"`      // what is not known
}

// notedNowhere is a gap of every source.
const notedNowhere = "hubs do not note who was there and delivered nothing, leases that expired, results that came too late, canaries, and lies that nobody has found"

// exporter makes one incident.
type exporter struct {
	*History
	began   time.Time
	until   time.Duration
	plan    plan
	truth   *truth
	people  people
	names   classes
	kin     *kinship
	events  []incident.Event
	summary Summary
}

// Write writes h as an incident.
func (h *History) Write(w io.Writer) (Summary, error) {
	x := &exporter{
		History: h, truth: newTruth(h.Shards), people: people{of: map[Volunteer]*person{}}, names: classes{}, kin: newKinship(h),
		summary: Summary{Job: h.Job, Caught: []int{}, Gaps: append([]string{notedNowhere}, h.Gaps...)},
	}
	var err error
	if x.plan, err = planOf(h.Shards); err != nil {
		return Summary{}, err
	}
	if err := x.results(); err != nil {
		return Summary{}, err
	}
	x.faults()
	x.people.arrange()
	x.people.earned(h.Devices, h.Devices != nil)
	head := x.header()
	x.play()
	x.judge()
	x.strangers()
	if x.summary.Withdrawn > 0 {
		x.summary.Gaps = append(x.summary.Gaps, "what was computed from inputs that were withdrawn counts as right: nobody has computed it again")
	}
	head.About.Gaps = x.summary.Gaps
	out, err := incident.NewWriter(w, head)
	if err != nil {
		return Summary{}, err
	}
	slices.SortStableFunc(x.events, func(a, b incident.Event) int { return cmp.Compare(a.At, b.At) })
	for i := range x.events {
		out.Write(&x.events[i])
	}
	s := &x.summary
	s.Seconds, s.Volunteers, s.Rounds, s.Shards = x.until.Seconds(), len(x.people.list), len(x.plan.rounds), x.plan.shards
	return *s, out.Flush()
}

// results makes runs of what people returned, and sets the beginning.
func (x *exporter) results() error {
	var end time.Time
	for _, s := range x.Shards {
		for _, r := range s.Results {
			if at, _ := r.granted(x.Created); x.began.IsZero() || at.Before(x.began) {
				x.began = at
			}
			end = later(end, r.At)
		}
		end = later(end, s.Accepted)
	}
	if x.began.IsZero() {
		return ErrEmpty
	}
	if x.Ended.After(end) {
		end = x.Ended
	}
	x.until = min(max(end.Sub(x.began), time.Second), incident.MaxTime)
	for _, s := range x.Shards {
		for _, r := range s.Results {
			x.add(s, r)
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// since is a time in the record.
func (x *exporter) since(t time.Time) time.Duration { return min(max(t.Sub(x.began), 0), x.until) }

func (x *exporter) add(s Shard, r Result) {
	w := x.people.get(r.Volunteer)
	at, known := r.granted(x.Created)
	n := &run{
		device: w.device(r.Lane, r.Class), shard: x.plan.number(s.Round, s.Index),
		granted: x.since(at), compute: r.compute(x.Created), arrived: x.since(r.At),
		answer: x.truth.answer(s, r), result: true, ops: s.Ops, risk: r.Risk, slack: -1, sealed: r.Lease.Sealed,
	}
	if known {
		n.slack = r.At.Sub(at) - n.compute
	}
	w.runs = append(w.runs, n)
	x.summary.Results++
	if s.Generation < x.plan.generation {
		x.summary.Withdrawn++
	}
	if n.answer.Wrong() {
		x.summary.Wrong++
	}
}

// faults makes runs of faults of which no result was kept: what was refused
// because of its form alone, or came for a canary.
func (x *exporter) faults() {
	slices.SortStableFunc(x.Faults, func(a, b Fault) int { return a.At.Compare(b.At) })
	for i, f := range x.Faults {
		w := x.people.get(f.Volunteer)
		shard, at := x.plan.number(f.Round, f.Index), x.since(f.At)
		w.caught = min(w.caught, at)
		if slices.ContainsFunc(w.runs, func(r *run) bool { return r.shard == shard && r.answer.Wrong() }) {
			continue
		}
		n := &run{
			device: w.device(f.Lane, ""), shard: shard, granted: at, arrived: at, compute: time.Millisecond / 2,
			answer: incident.Answer(1<<40 + i), slack: -1,
		}
		if len(w.runs) > 0 {
			n.compute = min(w.runs[len(w.runs)-1].compute, at)
			n.granted = at - n.compute
		}
		w.runs = append(w.runs, n)
		x.summary.Wrong++
	}
}

// play writes what people did.
func (x *exporter) play() {
	x.events = append(x.events, x.plan.unlike()...)
	for _, w := range x.people.list {
		stays := w.stays(x.until)
		meet := w.meet(stays[0].At, x.names, x.kin)
		x.kin.describe(w, &meet, x.began)
		x.events = append(x.events, meet)
		x.events = append(x.events, stays...)
		for i, d := range w.devices {
			for k, end := range d.ended(w.latency) {
				r := d.runs[k]
				x.events = append(x.events, incident.Event{
					At: min(end, x.until), Kind: incident.Run, Volunteer: w.number, Device: i, Compute: r.compute, Answer: &r.answer,
				})
			}
		}
	}
}

// judge writes what the hub did.
func (x *exporter) judge() {
	for _, w := range x.people.list {
		for _, r := range w.runs {
			if !r.result {
				continue
			}
			x.events = append(x.events,
				incident.Event{At: r.granted, Kind: incident.Lease, Volunteer: w.number, Device: r.device, Shard: r.shard},
				incident.Event{At: r.arrived, Kind: incident.Result, Volunteer: w.number, Device: r.device, Shard: r.shard, Answer: &r.answer})
		}
	}
	for _, s := range x.Shards {
		if s.Accepted.IsZero() {
			continue
		}
		answer := x.truth.accepted(s)
		x.events = append(x.events, incident.Event{
			At: x.since(s.Accepted), Kind: incident.Verdict, Shard: x.plan.number(s.Round, s.Index), Answer: &answer, Risk: min(max(s.Risk, 0), 1),
		})
	}
	caught := map[Volunteer]bool{}
	for _, f := range x.Faults {
		if caught[f.Volunteer] {
			continue
		}
		caught[f.Volunteer] = true
		n := x.people.of[f.Volunteer].number
		x.summary.Caught = append(x.summary.Caught, n)
		x.events = append(x.events, incident.Event{
			At: x.since(f.At), Kind: incident.Capture, Volunteer: n, Shard: x.plan.number(f.Round, f.Index),
		})
	}
	back := x.plan.withdrawn
	for _, g := range slices.Sorted(maps.Keys(back)) {
		x.events = append(x.events, incident.Event{At: x.since(back[g].at), Kind: incident.Rollback, Shard: int64(back[g].from)})
	}
}

// strangers are those whom the hub knew and who had no part in the job: what
// it believes of anybody also rests on them.
func (x *exporter) strangers() {
	by := map[Volunteer]*incident.Event{}
	var order []Volunteer
	for _, k := range x.Devices {
		if x.people.of[k.Volunteer] != nil {
			continue
		}
		e := by[k.Volunteer]
		if e == nil {
			n := len(x.people.list) + len(by) + 1
			e = &incident.Event{Kind: incident.Meet, Volunteer: n, Created: -time.Duration(n) * apart}
			by[k.Volunteer] = e
			order = append(order, k.Volunteer)
		}
		if len(e.Devices) < incident.MaxDevices {
			lane := laneOf(k.Class)
			e.Devices = append(e.Devices, incident.Device{
				Class: x.names.name(lane, k.Class), Speed: 1, Verified: k.Verified, Evidence: min(k.Evidence, float64(k.Verified)), Caught: k.Caught,
			})
		}
	}
	for _, v := range order {
		x.events = append(x.events, *by[v])
	}
	if n := len(order); n > 0 {
		x.summary.Gaps = append(x.summary.Gaps, fmt.Sprintf("of those whom the hub knew, %d had no part in the job: they only tell what it believed", n))
	}
}
