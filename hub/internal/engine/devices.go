package engine

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// devices is what the hub has learned of every device of every volunteer, over
// its whole life, and what their stakes are. Guarded by Engine.mu.
type devices struct {
	known      map[deviceKey]*DeviceRecord
	classes    map[string]bool       // of the known ones
	liars      map[volunteer.ID]bool // proved wrong with any device
	population *trust.Population
	curves     map[string]trust.Curve // by class, as last learned
	news       int                    // verified results since then
	stakes     map[volunteer.ID]ledger.Amount
	slashed    map[deviceKey]ledger.Amount // in this run of the hub: given back if the lane is to blame
}

type deviceKey struct {
	volunteer volunteer.ID
	class     string
}

// learnEvery is how many verified results the priors wait for, at least: with
// more classes to fit they wait for more, so that fitting takes a small part of
// the time.
const learnEvery = 64

func (d *devices) patience() int { return max(learnEvery, 4*len(d.classes)) }

// heed notes n pieces of news and learns once there are enough.
func (d *devices) heed(n int) {
	if d.news += n; d.news >= d.patience() {
		d.learn()
	}
}

func newDevices() *devices {
	return &devices{
		known:      map[deviceKey]*DeviceRecord{},
		classes:    map[string]bool{},
		liars:      map[volunteer.ID]bool{},
		population: trust.NewPopulation(),
		curves:     map[string]trust.Curve{},
		stakes:     map[volunteer.ID]ledger.Amount{},
		slashed:    map[deviceKey]ledger.Amount{},
	}
}

// loadDevices reads what was learned before.
func loadDevices(ctx context.Context, store Store) (*devices, error) {
	d := newDevices()
	list, err := store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		d.add(&r)
		d.population.Verify(r.Class, 0, r.Verified)
		if r.Caught {
			d.liars[r.Volunteer] = true
			d.population.Catch(r.Class, r.Verified)
		}
	}
	d.learn()
	d.stakes, err = store.Stakes(ctx)
	return d, err
}

func (d *devices) learn() {
	d.population.Learn()
	clear(d.curves)
	d.news = 0
}

// curve is what is believed of a class. Classes that nobody has delivered a
// result with share one: anybody may invent them.
func (d *devices) curve(class string) trust.Curve {
	if !d.classes[class] {
		class = ""
	}
	c, known := d.curves[class]
	if !known {
		c = d.population.Prior(class).Curve()
		d.curves[class] = c
	}
	return c
}

// of returns what is known of a device; nothing of a stranger, who is not
// remembered either before a result is settled.
func (d *devices) of(k deviceKey) DeviceRecord {
	if r := d.known[k]; r != nil {
		return *r
	}
	return DeviceRecord{}
}

func (d *devices) get(k deviceKey) *DeviceRecord {
	r := d.known[k]
	if r == nil {
		r = &DeviceRecord{Volunteer: k.volunteer, Class: k.class}
		d.add(r)
	}
	return r
}

func (d *devices) add(r *DeviceRecord) {
	d.known[deviceKey{r.Volunteer, r.Class}] = r
	d.classes[r.Class] = true
	d.population.Join(r.Class)
}

// settle notes a device's settled result, and whether somebody else has found
// it right. It returns the record to store.
func (d *devices) settle(k deviceKey, verified bool, at time.Time) DeviceRecord {
	r := d.get(k)
	n := int64(0)
	if verified && !r.Caught { // the population has counted those out
		n = 1
		d.population.Verify(k.class, r.Verified, r.Verified+1)
	}
	r.Record = trust.DefaultMemory().After(r.Record, 1, n, at)
	r.Results++
	r.Verified += n
	d.heed(int(n))
	return *r
}

// catch notes that a device was proved wrong. It returns the record to store.
func (d *devices) catch(k deviceKey, at time.Time) DeviceRecord {
	r := d.get(k)
	r.Results++
	r.Record = trust.Record{At: at} // what spoke for it was a mistake
	if !r.Caught {
		r.Caught = true
		d.liars[k.volunteer] = true
		d.population.Catch(k.class, r.Verified)
		d.heed(learnEvery) // at once, where there are few classes
	}
	return *r
}

// classOf names the class of a device: those of one class fail alike.
func classOf(d Device) string {
	if d.Detail == "" {
		return d.Lane
	}
	return d.Lane + " " + d.Detail[:min(len(d.Detail), maxDetail)]
}

const maxDetail = 100 // bytes; the volunteer chooses them

// driven are the lanes in which a driver that is not ours computes: two
// volunteers of one class may err alike there. Everywhere else the code is the
// hub's own, the same for all.
var driven = []string{"webgpu", "webgl", "vulkan", "cuda"}

// identities are what may relate devices of a volunteer to those of others.
func identities(devices []Device, block, agent string, created time.Time) []trust.Identity {
	list := make([]trust.Identity, len(devices))
	for i, d := range devices {
		list[i] = trust.Identity{Block: block, Created: created, Build: agent}
		if slices.Contains(driven, d.Lane) {
			list[i].Class = classOf(d)
		}
	}
	return list
}

// Block is the network block an address belongs to: one subscriber's, as far
// as an address can tell. Addresses that everybody may have name none.
func Block(a netip.Addr) string {
	a = a.Unmap()
	bits := 24
	if a.Is6() {
		bits = 56
	}
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return ""
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
