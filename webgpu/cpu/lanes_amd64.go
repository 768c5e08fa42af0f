package cpu

import "golang.org/x/sys/cpu"

// lanes lists what this processor can run, best first. The features are those
// of the -march that codegen compiles for.
func lanes() []lane {
	x := &cpu.X86
	v3 := x.HasAVX2 && x.HasFMA && x.HasBMI1 && x.HasBMI2 && x.HasF16C && x.HasLZCNT && x.HasMOVBE && x.HasPOPCNT
	v4 := v3 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512CD && x.HasAVX512DQ && x.HasAVX512VL
	var list []lane
	if v4 && x.HasAVX512VNNI {
		list = append(list, lane{"avx512", addressAVX512, entriesAVX512})
	}
	if v3 {
		list = append(list, lane{"avx2", addressAVX2, entriesAVX2})
	}
	return append(list, lane{name: "go"})
}
