package gpu

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// check reports what a machine must not be handed.
func check(s *launch.Step, in *kernel.Instance, l launch.Limits) error {
	for i, p := range s.Passes {
		c := p.Code
		if len(p.Refs) != len(c.Bindings) || len(p.Params) != c.Params {
			return fmt.Errorf("pass %d: %d memories for %d bindings of %s, %d parameters for %d", i, len(p.Refs), len(c.Bindings), c.Key, len(p.Params), c.Params)
		}
		if len(p.Refs) > l.Bindings || c.Lanes > l.Lanes || c.Shared > l.Shared {
			return fmt.Errorf("pass %d: %s binds %d memories, has %d lanes and %d shared bytes: the machine has %d, %d and %d",
				i, c.Key, len(p.Refs), c.Lanes, c.Shared, l.Bindings, l.Lanes, l.Shared)
		}
		written, targets := map[int]bool{}, 0
		for j, r := range p.Refs {
			if r.Buf < 0 || r.Buf >= len(in.Kernel.Bufs)+len(s.Temps) || r.Part < 0 {
				return fmt.Errorf("pass %d: %s: binding %d is part %d of memory %d: no such memory", i, c.Key, j, r.Part, r.Buf)
			}
			// No machine has to allow a memory to be read and written at once.
			if w, seen := written[r.Buf]; seen && w != c.Bindings[j].Write {
				return fmt.Errorf("pass %d: %s reads and writes memory %d", i, c.Key, r.Buf)
			}
			written[r.Buf] = c.Bindings[j].Write
			if c.Bindings[j].Write {
				targets++
			}
			if r.Buf < len(in.Kernel.Bufs) && c.Bindings[j].Write && !in.Kernel.Bufs[r.Buf].Out {
				return fmt.Errorf("pass %d: %s writes input %s", i, c.Key, in.Kernel.Bufs[r.Buf].Name)
			}
		}
		if c.Lanes == 0 && targets > l.Targets {
			return fmt.Errorf("pass %d: %s writes %d memories: the machine %d at once", i, c.Key, targets, l.Targets)
		}
		for _, b := range p.Clear {
			if b < 0 || b >= len(in.Kernel.Bufs)+len(s.Temps) || b < len(in.Kernel.Bufs) && !in.Kernel.Bufs[b].Out {
				return fmt.Errorf("pass %d: clears memory %d, which is none to write", i, b)
			}
		}
	}
	return nil
}
