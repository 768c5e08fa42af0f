package selftest

import (
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// inputs makes inputs for p within the ranges it declares. A change here
// changes every answer.
func inputs(p *program.Program, seed uint64) [][]byte {
	data := make([][]byte, len(p.Inputs()))
	for i, port := range p.Inputs() {
		s := stream(seed<<16 + uint64(i))
		data[i] = s.tensor(port.Type)
	}
	return data
}

// stream is the generator splitmix64.
type stream uint64

func (s *stream) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// tensor draws the distribution of each row anew, so that rows of very
// different magnitude stand side by side.
func (s *stream) tensor(t ops.Type) []byte {
	size, cols := t.DType.Size(), t.Shape[len(t.Shape)-1]
	data := make([]byte, t.Bytes())
	kind := uint64(0)
	for i := range t.Len() {
		if i%cols == 0 {
			kind = s.next()
		}
		v := s.value(kind%6, t.Range.Lo, t.Range.Hi)
		for j := range size {
			data[i*size+j] = byte(v >> (8 * j))
		}
	}
	return data
}

// value draws one value of lo..hi.
func (s *stream) value(kind uint64, lo, hi int64) int64 {
	r := s.next()
	switch kind {
	case 0: // beside powers of two, where rounding and carries change their mind
		v := int64(1)<<(r%32) + int64(r>>8%5) - 2
		if r>>16&1 == 1 {
			v = -v
		}
		return min(max(v, lo), hi)
	case 1: // the ends
		if r&1 == 0 {
			return lo
		}
		return hi
	case 2: // any magnitude
		v := int64(r >> 33 >> (r % 31))
		if r>>32&1 == 1 {
			v = -v
		}
		return min(max(v, lo), hi)
	case 3: // few distinct, with ties
		return min(max(int64(r%5)-2, lo), hi)
	}
	return lo + int64(r%uint64(hi-lo+1)) // anything
}
