package engine

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// device is the one that a result came from.
func (r Result) device() reputation.Device {
	return reputation.Device{Volunteer: r.Volunteer, Class: r.Class}
}

// loadReputation reads what was learned before.
func loadReputation(ctx context.Context, store Store) (*reputation.Book, error) {
	records, err := store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	stakes, err := store.Stakes(ctx)
	if err != nil {
		return nil, err
	}
	return reputation.New(records, stakes), nil
}

// device is a device of the member's. The caller holds mu.
func (m *Member) device(dev int) reputation.Device {
	return reputation.Device{Volunteer: m.id, Class: m.classes[dev]}
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
