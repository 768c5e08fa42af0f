package freivalds

import "encoding/binary"

// view is a matrix of int8 inside a buffer: entry (i, j) is at off + i*down +
// j*across.
type view struct {
	data         []byte
	off          int
	rows, cols   int
	down, across int
}

// times stores the residues of m*v in out. Rows that lie along memory are summed along it, and
// rows across memory many at a time; what is left over, and any other stride,
// goes entry by entry.
func (m view) times(v *vector, out []uint64, scratch *[]sums) {
	switch {
	case m.across == 1:
		for i := range m.rows {
			s := m.alongMemory(i, v)
			out[i] = s.residue()
		}
	case m.down == 1:
		m.acrossMemory(v, out, scratch)
	default:
		for i := range m.rows {
			s := m.entries(i, 0, m.cols, v)
			out[i] = s.residue()
		}
	}
}

// alongMemory is row i times v, for across == 1.
func (m view) alongMemory(i int, v *vector) (s sums) {
	start, j := m.off+i*m.down, 0
	if vectorised {
		for j+16 <= m.cols {
			n := min(narrowBlock, (m.cols-j)&^15)
			var t sums
			dotNarrow(&m.data[start+j], &v.d[0][j], &v.d[1][j], &v.d[2][j], n, &t)
			s.add(&t)
			j += n
		}
	}
	if j < m.cols {
		t := m.entries(i, j, m.cols, v)
		s.add(&t)
	}
	return s
}

// acrossMemory is m times v for down == 1: 16 rows lie side by side.
func (m view) acrossMemory(v *vector, out []uint64, scratch *[]sums) {
	if cap(*scratch) < m.rows {
		*scratch = make([]sums, m.rows)
	}
	all := (*scratch)[:m.rows]
	clear(all)
	fast, whole := 0, 0 // rows and columns that go 16 and 2 at a time
	if vectorised {
		fast, whole = m.rows&^15, m.cols&^1
	}
	for j := 0; j < whole; j += columnBlock {
		n := min(columnBlock, whole-j)
		for i := 0; i < fast; i += 16 {
			var t [3][16]int32
			dotColumns(&m.data[m.off+i+j*m.across], m.across, n/2, &v.d[0][j], &v.d[1][j], &v.d[2][j], &t)
			for r := range 16 {
				s := &all[i+r]
				s[0] += int64(t[0][r])
				s[1] += int64(t[1][r])
				s[2] += int64(t[2][r])
			}
		}
	}
	for i := range all {
		from := 0
		if i < fast {
			from = whole
		}
		if from < m.cols {
			t := m.entries(i, from, m.cols, v)
			all[i].add(&t)
		}
		out[i] = all[i].residue()
	}
}

// entries is columns from to below to of row i times v, for any strides.
// No sum can overflow: 2^28 products within 2^22.
func (m view) entries(i, from, to int, v *vector) (s sums) {
	at := m.off + i*m.down + from*m.across
	d0, d1, d2 := v.d[0], v.d[1], v.d[2]
	for j := from; j < to; j++ {
		x := int64(int8(m.data[at]))
		s[0] += x * int64(d0[j])
		s[1] += x * int64(d1[j])
		s[2] += x * int64(d2[j])
		at += m.across
	}
	return s
}

// wideRow is a row of little-endian int32 times v, as a residue.
func wideRow(row []byte, v *vector) uint64 {
	var s wideSums
	n, j := len(row)/4, 0
	if vectorised {
		for j+8 <= n {
			count := min(wideBlock, (n-j)&^7)
			var t [2][4]int64
			dotWide(&row[4*j], &v.w[0][j], &v.w[1][j], count, &t)
			for lane := range 4 {
				s.add(0, t[0][lane])
				s.add(1, t[1][lane])
			}
			j += count
		}
	}
	for ; j < n; j++ {
		x := int64(int32(binary.LittleEndian.Uint32(row[4*j:])))
		s.add(0, x*int64(v.w[0][j]))
		s.add(1, x*int64(v.w[1][j]))
	}
	return s.residue()
}
