package gpu

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gogpu/naga"
)

// TestKeepWorkgroupArrays finds the one store that zeroes an array taken out,
// and nothing else touched.
func TestKeepWorkgroupArrays(t *testing.T) {
	code, err := naga.Compile(sharedCode.Text)
	if err != nil {
		t.Fatal(err)
	}
	before := make([]uint32, len(code)/4)
	for i := range before {
		before[i] = binary.LittleEndian.Uint32(code[4*i:])
	}
	after := slices.Clone(before)
	keepWorkgroupArrays(after)
	changed := 0
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		changed++
		if after[i] != 1<<16|opNop {
			t.Errorf("word %d became %#x, want a no-op", i, after[i])
		}
	}
	if changed != 3 {
		t.Errorf("%d words changed, want the 3 of one store", changed)
	}
	if again := slices.Clone(after); true {
		keepWorkgroupArrays(again)
		if !slices.Equal(again, after) {
			t.Error("a second pass changed more")
		}
	}
}

// TestKeepWorkgroupArraysOfNonsense does not run off the end.
func TestKeepWorkgroupArraysOfNonsense(t *testing.T) {
	for _, words := range [][]uint32{
		make([]uint32, headerWords+3),
		append(make([]uint32, headerWords), 9<<16|opStore, 1),
		append(make([]uint32, headerWords), 1<<16|opStore),
		append(make([]uint32, headerWords), 2<<16|opVariable, 1),
	} {
		keepWorkgroupArrays(words)
	}
}
