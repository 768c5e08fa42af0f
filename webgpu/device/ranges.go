package device

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// CheckRanges reports the first input, or output, value outside the range its program
// declares. The proof of a program holds only for inputs within their ranges,
// gathers included, so every device checks before it runs.
func CheckRanges(ports []program.Port, data [][]byte) error {
	for i, p := range ports {
		if err := checkRange(p, data[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkRange(p program.Port, data []byte) error {
	r := p.Type.Range
	if p.Type.DType.Range().Fits(r) {
		return nil
	}
	lo, hi := int32(r.Lo), int32(r.Hi)
	bad := func(i int, v int32) error {
		return fmt.Errorf("device: %s: element %d is %d, outside %v", p.Name, i, v, r)
	}
	switch p.Type.DType {
	case kernel.I8:
		for i, b := range data {
			if v := int32(int8(b)); v < lo || v > hi {
				return bad(i, v)
			}
		}
	case kernel.I16:
		for i := 0; i+2 <= len(data); i += 2 {
			if v := int32(int16(uint16(data[i]) | uint16(data[i+1])<<8)); v < lo || v > hi {
				return bad(i/2, v)
			}
		}
	default:
		for i := 0; i+4 <= len(data); i += 4 {
			if v := int32(uint32(data[i]) | uint32(data[i+1])<<8 | uint32(data[i+2])<<16 | uint32(data[i+3])<<24); v < lo || v > hi {
				return bad(i/4, v)
			}
		}
	}
	return nil
}
