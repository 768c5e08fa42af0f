package cpu

import (
	"encoding/binary"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// check reports values outside the range that port declares. What a buffer
// holds is looked at once; what a program wrote is known from its proof.
func (b *buffer) check(port program.Port) error {
	t := port.Type
	if t.DType.Range().Fits(t.Range) {
		return nil
	}
	b.mu.Lock()
	known := b.known
	b.mu.Unlock()
	if known == nil || known.dtype != t.DType || !known.Fits(t.Range) {
		known = &values{t.DType, extent(t.DType, b.data)}
		b.mu.Lock()
		b.known = known
		b.mu.Unlock()
	}
	if !known.Fits(t.Range) {
		return fmt.Errorf("cpu: input %s holds values in %v, outside %v", port.Name, known.Interval, t.Range)
	}
	return nil
}

// extent is the smallest interval that holds all elements of data.
func extent(t kernel.DType, data []byte) kernel.Interval {
	lo, hi := int32(1<<31-1), int32(-1<<31)
	switch t {
	case kernel.I8:
		for _, v := range data {
			lo, hi = min(lo, int32(int8(v))), max(hi, int32(int8(v)))
		}
	case kernel.I16:
		for ; len(data) >= 2; data = data[2:] {
			v := int32(int16(binary.LittleEndian.Uint16(data)))
			lo, hi = min(lo, v), max(hi, v)
		}
	default:
		for ; len(data) >= 4; data = data[4:] {
			v := int32(binary.LittleEndian.Uint32(data))
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return kernel.Interval{Lo: int64(lo), Hi: int64(hi)}
}
