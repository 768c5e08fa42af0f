package cpu

import "github.com/shoal-compute/shoal/webgpu/kernel"

// dotter computes the rows of a contraction in plain Go. Both operands are
// first laid out with k consecutive.
type dotter struct {
	in   *kernel.Instance
	a, b []byte
	m    layout

	left  []int8 // one row of A
	right []int8 // all columns of B
	at    int    // offset of the B in right; -1 before the first
	sums  []int32
}

// layout is the parameters of a contraction, by name.
type layout struct {
	m, b1, k               int
	aOff, ab0, ab1, am, ak int
	bOff, bb0, bb1, bn, bk int
}

func newDotter(in *kernel.Instance, bufs [][]byte) *dotter {
	c := in.Kernel.Contract
	p := func(i int) int { return int(in.Params[i]) }
	d := &dotter{in: in, a: bufs[c.A], b: bufs[c.B], at: -1}
	d.m = layout{
		p(c.M), p(c.B1), p(c.K),
		p(c.AOff), p(c.AB0), p(c.AB1), p(c.AM), p(c.AK),
		p(c.BOff), p(c.BB0), p(c.BB1), p(c.BN), p(c.BK),
	}
	d.left = make([]int8, d.m.k)
	d.right = make([]int8, d.m.k*in.Cols)
	d.sums = make([]int32, in.Cols)
	return d
}

// row computes the sums of one row.
func (d *dotter) row(r int) {
	m := &d.m
	batch, row := r/m.m, r%m.m
	b0, b1 := batch/m.b1, batch%m.b1
	if at := m.bOff + b0*m.bb0 + b1*m.bb1; at != d.at {
		for n := range d.in.Cols {
			gather(d.right[n*m.k:(n+1)*m.k], d.b, at+n*m.bn, m.bk)
		}
		d.at = at
	}
	gather(d.left, d.a, m.aOff+b0*m.ab0+b1*m.ab1+row*m.am, m.ak)
	n := 0
	for ; n+4 <= d.in.Cols; n += 4 {
		dot4(d.sums[n:n+4], d.left, d.right[n*m.k:(n+4)*m.k])
	}
	for ; n < d.in.Cols; n++ {
		d.sums[n] = dot(d.left, d.right[n*m.k:(n+1)*m.k])
	}
}

func gather(dst []int8, src []byte, at, stride int) {
	if stride == 1 {
		for i, v := range src[at : at+len(dst)] {
			dst[i] = int8(v)
		}
		return
	}
	for i := range dst {
		dst[i] = int8(src[at+i*stride])
	}
}

func dot(x, y []int8) int32 {
	var s int32
	for i, v := range x {
		s += int32(v) * int32(y[i])
	}
	return s
}

// dot4 is four dots with one reading of x.
func dot4(sums []int32, x, y []int8) {
	k := len(x)
	y0, y1, y2, y3 := y[:k], y[k:2*k], y[2*k:3*k], y[3*k:4*k]
	var s0, s1, s2, s3 int32
	for i, v := range x {
		a := int32(v)
		s0 += a * int32(y0[i])
		s1 += a * int32(y1[i])
		s2 += a * int32(y2[i])
		s3 += a * int32(y3[i])
	}
	sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
}
