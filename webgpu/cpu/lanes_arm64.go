package cpu

import "golang.org/x/sys/cpu"

// lanes lists what this processor can run, best first.
func lanes() []lane {
	var list []lane
	if cpu.ARM64.HasASIMDDP {
		list = append(list, lane{"dotprod", addressDotProd, entriesDotProd})
	}
	return append(list, lane{"neon", addressNEON, entriesNEON}, lane{name: "go"})
}
