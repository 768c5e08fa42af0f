package choose

import (
	"strings"

	"github.com/shoal-compute/shoal/webgpu/gpu"
)

// Tuning is which code is fastest on a lane's GPU, kept between starts as
// verdicts are. Package gpu knows whether a choice still holds: it names the
// adapter, the driver and the build.
type Tuning struct {
	Store Store  // nil: nothing is kept
	Build string // empty: nothing is kept, nor tuned
}

func tuningKey(lane string) string { return "tuning|" + lane }

// Known is the choice that was kept for a lane.
func (t Tuning) Known(lane string) gpu.Choice {
	if t.Store == nil {
		return gpu.Choice{}
	}
	data, _ := t.Store.Load(tuningKey(lane))
	printer, key, found := strings.Cut(string(data), "\n")
	if !found {
		return gpu.Choice{}
	}
	return gpu.Choice{Key: key, Printer: printer}
}

// Keep returns what keeps a choice for a lane.
func (t Tuning) Keep(lane string) func(gpu.Choice) {
	return func(c gpu.Choice) {
		if t.Store != nil && t.Build != "" {
			t.Store.Save(tuningKey(lane), []byte(c.Printer+"\n"+c.Key))
		}
	}
}
