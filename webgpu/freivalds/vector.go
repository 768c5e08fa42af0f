package freivalds

// Bounds of a block: how many products of digits are summed before the sums
// are widened. An int8 entry times a 16-bit digit lies within 2^22, and two
// are added to each of eight 32-bit lanes: 128 steps of 16 entries stay within
// 2^30. An int32 entry times a 24-bit digit lies within 2^54, and eight 64-bit
// lanes, added in pairs, take 128 each of 1024 entries: within 2^62.
const (
	narrowBlock = 2048 // entries along a row of int8
	columnBlock = 256  // rows of int8 that are summed into columns
	wideBlock   = 1024 // entries along a row of int32
)

// pad is how many entries past its end a vector may be loaded.
const pad = 16

// vector is a vector of residues in digits: residue = d[0] + d[1]*2^16 +
// d[2]*2^32, and w[0] + w[1]*2^24 where wide digits are kept.
type vector struct {
	d [3][]int16
	w [2][]int32
}

// resize makes room for n residues, with wide digits if wide.
func (v *vector) resize(n int, wide bool) {
	for i := range v.d {
		if cap(v.d[i]) < n+pad {
			v.d[i] = make([]int16, n+pad)
		}
		v.d[i] = v.d[i][:n+pad]
	}
	if !wide {
		return
	}
	for i := range v.w {
		if cap(v.w[i]) < n+pad {
			v.w[i] = make([]int32, n+pad)
		}
		v.w[i] = v.w[i][:n+pad]
	}
}

// set stores residue x at i.
func (v *vector) set(i int, x uint64) {
	c := centred(x)
	for j := range v.d {
		digit := int16(c)
		v.d[j][i] = digit
		c = (c - int64(digit)) >> 16
	}
}

// setWide stores residue x at i in wide digits as well.
func (v *vector) setWide(i int, x uint64) {
	v.set(i, x)
	c := centred(x)
	low := int32(c<<40>>32) >> 8
	v.w[0][i], v.w[1][i] = low, int32((c-int64(low))>>24)
}

// sums are sums of products with each of the three digits.
type sums [3]int64

func (s *sums) add(t *sums) {
	s[0] += t[0]
	s[1] += t[1]
	s[2] += t[2]
}

// residue puts the digits' sums together.
func (s *sums) residue() uint64 {
	return (reduce(s[0]) + shifted(reduce(s[1]), 16) + shifted(reduce(s[2]), 32)) % Prime
}

// wideSums are sums of products with each of the two wide digits, as upper
// and lower 32 bits, which are added up apart.
type wideSums [2]struct{ hi, lo int64 }

func (s *wideSums) add(digit int, x int64) {
	s[digit].hi += x >> 32
	s[digit].lo += x & (1<<32 - 1)
}

// residue puts the digits' sums together.
func (s *wideSums) residue() uint64 {
	part := func(i int) uint64 { return (shifted(reduce(s[i].hi), 32) + reduce(s[i].lo)) % Prime }
	return (part(0) + shifted(part(1), 24)) % Prime
}
