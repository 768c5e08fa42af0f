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

// learnEvery is how many verified results the priors wait for.
const learnEvery = 64

// loadDevices reads what was learned before.
func loadDevices(ctx context.Context, store Store) (*devices, error) {
	d := &devices{
		known:      map[deviceKey]*DeviceRecord{},
		population: trust.NewPopulation(),
		curves:     map[string]trust.Curve{},
		slashed:    map[deviceKey]ledger.Amount{},
	}
	list, err := store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		d.known[deviceKey{r.Volunteer, r.Class}] = &r
		d.population.Join(r.Class)
		d.population.Verify(r.Class, 0, r.Verified)
		if r.Caught {
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

func (d *devices) curve(class string) trust.Curve {
	c, known := d.curves[class]
	if !known {
		c = d.population.Prior(class).Curve()
		d.curves[class] = c
	}
	return c
}

// get returns a device's record; a new one for a stranger.
func (d *devices) get(k deviceKey) *DeviceRecord {
	r, known := d.known[k]
	if !known {
		r = &DeviceRecord{Volunteer: k.volunteer, Class: k.class}
		d.known[k] = r
		d.population.Join(k.class)
	}
	return r
}

// settle notes a device's settled result, and whether somebody else has found
// it right. It returns the record to store.
func (d *devices) settle(k deviceKey, verified bool, at time.Time) DeviceRecord {
	r := d.get(k)
	n := int64(0)
	if verified {
		n = 1
		d.population.Verify(k.class, r.Verified, r.Verified+1)
		d.news++
	}
	r.Record = trust.DefaultMemory().After(r.Record, 1, n, at)
	r.Results++
	r.Verified += n
	if d.news >= learnEvery {
		d.learn()
	}
	return *r
}

// catch notes that a device was proved wrong. It returns the record to store.
func (d *devices) catch(k deviceKey, at time.Time) DeviceRecord {
	r := d.get(k)
	r.Results++
	r.Record = trust.Record{At: at} // what spoke for it was a mistake
	if !r.Caught {
		r.Caught = true
		d.population.Catch(k.class, r.Verified)
		d.learn()
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

// identity is what may relate a device of m to those of other volunteers.
func (m *Member) identity(dev int) trust.Identity {
	id := trust.Identity{Block: m.block, Created: m.created, Build: m.agent}
	if slices.Contains(driven, m.devices[dev].Lane) {
		id.Class = m.classes[dev]
	}
	return id
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
