package twin

import "math"

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// axpy adds s*x to y.
func axpy(s float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += s * v
	}
}

// axpy4 adds four multiples of vectors to y: y is loaded and stored once.
func axpy4(s [4]float32, a, b, c, d, y []float32) {
	a, b, c, d = a[:len(y)], b[:len(y)], c[:len(y)], d[:len(y)]
	for i := range y {
		y[i] += s[0]*a[i] + s[1]*b[i] + s[2]*c[i] + s[3]*d[i]
	}
}

// dots is y[n] = x . w[n], four rows of w at a time.
func dots(x []float32, w *matrix, y []float32) {
	n := 0
	for ; n+4 <= w.rows; n += 4 {
		a, b, c, d := w.row(w.v, n), w.row(w.v, n+1), w.row(w.v, n+2), w.row(w.v, n+3)
		a, b, c, d = a[:len(x)], b[:len(x)], c[:len(x)], d[:len(x)]
		var s0, s1, s2, s3 float32
		for i, v := range x {
			s0 += v * a[i]
			s1 += v * b[i]
			s2 += v * c[i]
			s3 += v * d[i]
		}
		y[n], y[n+1], y[n+2], y[n+3] = s0, s1, s2, s3
	}
	for ; n < w.rows; n++ {
		y[n] = dot(x, w.row(w.v, n))
	}
}

// combine adds the sum over n of s[n]*w[n] to y.
func combine(s []float32, w *matrix, y []float32) {
	n := 0
	for ; n+4 <= w.rows; n += 4 {
		axpy4([4]float32(s[n:]), w.row(w.v, n), w.row(w.v, n+1), w.row(w.v, n+2), w.row(w.v, n+3), y)
	}
	for ; n < w.rows; n++ {
		axpy(s[n], w.row(w.v, n), y)
	}
}

// spread adds the sum over rows of y.g^T x to w.g.
func spread(y, x, w *matrix) {
	m := 0
	for ; m+4 <= x.rows; m += 4 {
		a, b, c, d := x.row(x.v, m), x.row(x.v, m+1), x.row(x.v, m+2), x.row(x.v, m+3)
		for n := range w.rows {
			g := [4]float32{y.g[m*y.cols+n], y.g[(m+1)*y.cols+n], y.g[(m+2)*y.cols+n], y.g[(m+3)*y.cols+n]}
			axpy4(g, a, b, c, d, w.row(w.g, n))
		}
	}
	for ; m < x.rows; m++ {
		for n := range w.rows {
			axpy(y.g[m*y.cols+n], x.row(x.v, m), w.row(w.g, n))
		}
	}
}
