package train

import (
	"encoding/binary"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
)

// encode writes values little-endian, size bytes each.
func encode(values []int32, size int) []byte {
	b := make([]byte, len(values)*size)
	switch size {
	case 1:
		for i, v := range values {
			b[i] = byte(v)
		}
	case 4:
		for i, v := range values {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
		}
	default:
		panic(fmt.Sprintf("train: no elements of %d bytes", size))
	}
	return b
}

// element is element i of an int32 tensor.
func element(tensor []byte, i int) int32 {
	return int32(binary.LittleEndian.Uint32(tensor[4*i:]))
}

// checkSize refuses an output that the program cannot have made.
func checkSize(port program.Port, data []byte) error {
	if len(data) != port.Type.Bytes() {
		return fmt.Errorf("output %s has %d bytes, want %d", port.Name, len(data), port.Type.Bytes())
	}
	return nil
}

// accumulate adds an int32 output to sum. The caller has checked its size and
// proved that sums of values in the port's range do not wrap; values outside
// it are refused, and sum is then spoilt. (Accepted results have passed the
// job's trust policy, but a policy may be to believe, and the update program
// is proved for the declared range alone.)
func accumulate(sum []int32, port program.Port, data []byte) error {
	lo := int32(port.Type.Range.Lo)
	width := uint32(port.Type.Range.Hi - port.Type.Range.Lo)
	for i := range sum {
		v := int32(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if uint32(v-lo) > width {
			return fmt.Errorf("output %s, element %d: %d is outside %v", port.Name, i, v, port.Type.Range)
		}
		sum[i] += v
	}
	return nil
}

// total is the sum of the first n elements.
func total(tensor []byte, n int) int64 {
	s := int64(0)
	for i := range n {
		s += int64(element(tensor, i))
	}
	return s
}

// checkRange refuses values that the program cannot have made.
func checkRange(port program.Port, data []byte) error {
	for i := range port.Type.Len() {
		if v := int64(element(data, i)); v < port.Type.Range.Lo || v > port.Type.Range.Hi {
			return fmt.Errorf("output %s, element %d: %d is outside %v", port.Name, i, v, port.Type.Range)
		}
	}
	return nil
}
