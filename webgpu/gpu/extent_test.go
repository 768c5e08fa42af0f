package gpu

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// TestExtents compares with one element at a time, for narrow and wide values
// and every length that leaves a rest.
func TestExtents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 10_000; n += 1 + n/200*1000 {
		for _, mask := range []byte{0xff, 0x80, 0x7f, 0x03, 0} {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(r.Uint32()) & mask
			}
			got := extentsOf(data)
			for dt := kernel.I8; dt <= kernel.I32; dt++ {
				if n%dt.Size() != 0 {
					continue
				}
				want := kernel.Point(element(dt, data))
				for i := 0; i < n; i += dt.Size() {
					v := element(dt, data[i:])
					want.Lo, want.Hi = min(want.Lo, v), max(want.Hi, v)
				}
				if got[dt] != want {
					t.Fatalf("%s in % x: %v, want %v", dt, data, got[dt], want)
				}
			}
		}
	}
}

// BenchmarkExtents looks at what weights look like.
func BenchmarkExtents(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 4<<20)
	for i := 0; i < len(data); i += 4 {
		binary.LittleEndian.PutUint32(data[i:], uint32(int32(r.Uint32())>>9))
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		extentsOf(data)
	}
}
