package devicetest

import (
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// RandomInputs makes inputs for p within the declared ranges. The seed chooses
// the distribution of each input as well as its values: edge values, uniform,
// few distinct, all at an end of the range, mostly zeros. Of some seeds all
// inputs are at the ends of their ranges, where sums come closest to leaving
// 32 bits.
func RandomInputs(p *program.Program, seed uint64) [][]byte {
	modes := allModes
	if newSource(seed, 0).one(8) {
		modes = []mode{modeLow, modeHigh, modeEnds}
	}
	data := make([][]byte, len(p.Inputs()))
	for i, port := range p.Inputs() {
		data[i] = randomTensor(port.Type, newSource(seed, uint64(i)+1), modes)
	}
	return data
}

// randomTensor changes its distribution from row to row now and then, so that
// one tensor holds rows of very different magnitude.
func randomTensor(t ops.Type, s source, modes []mode) []byte {
	data := make([]byte, t.Bytes())
	cols := t.Shape[len(t.Shape)-1]
	mixed := s.one(2)
	m := pick(s, modes...)
	for i := range t.Len() {
		if mixed && i%cols == 0 {
			m = pick(s, modes...)
		}
		put(data, t.DType, i, s.value(m, t.Range))
	}
	return data
}

// put stores element i, little-endian.
func put(data []byte, d kernel.DType, i int, v int64) {
	size := d.Size()
	for j := range size {
		data[i*size+j] = byte(v >> (8 * j))
	}
}

// get loads element i.
func get(data []byte, d kernel.DType, i int) int64 {
	size := d.Size()
	var v uint64
	for j := range size {
		v |= uint64(data[i*size+j]) << (8 * j)
	}
	shift := 64 - 8*size
	return int64(v<<shift) >> shift
}
