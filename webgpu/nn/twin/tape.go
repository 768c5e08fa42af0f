package twin

import "math"

// matrix is a value and, once the tape has run backwards, the gradient of the
// summed loss with respect to it.
type matrix struct {
	rows, cols int
	v, g       []float32
}

func newMatrix(rows, cols int) *matrix {
	return &matrix{rows, cols, make([]float32, rows*cols), make([]float32, rows*cols)}
}

func (m *matrix) row(s []float32, i int) []float32 { return s[i*m.cols : (i+1)*m.cols] }

// tape is a computation under way: what to run backwards, last first.
type tape struct{ back []func() }

func (t *tape) then(f func()) { t.back = append(t.back, f) }

func (t *tape) backward() {
	for i := len(t.back) - 1; i >= 0; i-- {
		t.back[i]()
	}
}

// linear is x w^T.
func (t *tape) linear(x, w *matrix) *matrix {
	y := newMatrix(x.rows, w.rows)
	for i := range x.rows {
		dots(x.row(x.v, i), w, y.row(y.v, i))
	}
	t.then(func() {
		for i := range x.rows {
			combine(y.row(y.g, i), w, x.row(x.g, i))
		}
		spread(y, x, w)
	})
	return y
}

// zip is f of elements of x and y; f gives its partial derivatives too.
func (t *tape) zip(x, y *matrix, f func(a, b float32) (v, da, db float32)) *matrix {
	z := newMatrix(x.rows, x.cols)
	for i := range z.v {
		z.v[i], _, _ = f(x.v[i], y.v[i])
	}
	t.then(func() {
		for i, g := range z.g {
			_, da, db := f(x.v[i], y.v[i])
			x.g[i] += g * da
			y.g[i] += g * db
		}
	})
	return z
}

func (t *tape) add(x, y *matrix) *matrix {
	return t.zip(x, y, func(a, b float32) (float32, float32, float32) { return a + b, 1, 1 })
}

// each is f of every element; f gives its derivative too.
func (t *tape) each(x *matrix, f func(a float32) (v, d float32)) *matrix {
	z := newMatrix(x.rows, x.cols)
	for i := range z.v {
		z.v[i], _ = f(x.v[i])
	}
	t.then(func() {
		for i, g := range z.g {
			_, d := f(x.v[i])
			x.g[i] += g * d
		}
	})
	return z
}

// addRow adds b to every row.
func (t *tape) addRow(x, b *matrix) *matrix {
	y := newMatrix(x.rows, x.cols)
	for i := range y.v {
		y.v[i] = x.v[i] + b.v[i%x.cols]
	}
	t.then(func() {
		for i, g := range y.g {
			x.g[i] += g
			b.g[i%x.cols] += g
		}
	})
	return y
}

// norm divides rows by their root mean square.
func (t *tape) norm(x *matrix) *matrix {
	y := newMatrix(x.rows, x.cols)
	n := float32(x.cols)
	scale := make([]float32, x.rows)
	for r := range x.rows {
		row := x.row(x.v, r)
		scale[r] = 1 / sqrt(dot(row, row)/n+1e-8)
		axpy(scale[r], row, y.row(y.v, r))
	}
	t.then(func() {
		for r := range x.rows {
			v, g := y.row(y.v, r), y.row(y.g, r)
			mean := dot(v, g) / n
			for i, d := range x.row(x.g, r) {
				x.g[r*x.cols+i] = d + scale[r]*(g[i]-v[i]*mean)
			}
		}
	})
	return y
}

// gather makes element i of the result x's element index[i], or 0 where that
// is negative.
func (t *tape) gather(x *matrix, rows, cols int, index []int) *matrix {
	y := newMatrix(rows, cols)
	for i, j := range index {
		if j >= 0 {
			y.v[i] = x.v[j]
		}
	}
	t.then(func() {
		for i, j := range index {
			if j >= 0 {
				x.g[j] += y.g[i]
			}
		}
	})
	return y
}

// attend is causal attention over rows of queries, keys and values.
func (t *tape) attend(qkv *matrix, context, heads int) *matrix {
	out := newMatrix(qkv.rows, qkv.cols/3)
	for b := range qkv.rows / context {
		for h := range heads {
			t.attendHead(qkv, out, b*context, context, h, out.cols/heads)
		}
	}
	return out
}

// attendHead is one head of one sequence, whose rows begin at from.
func (t *tape) attendHead(qkv, out *matrix, from, context, head, size int) {
	d := out.cols
	scale := 1 / sqrt(float32(size))
	part := func(s []float32, i, which int) []float32 {
		at := (from+i)*3*d + which*d + head*size
		return s[at : at+size]
	}
	of := func(s []float32, i int) []float32 {
		at := (from+i)*d + head*size
		return s[at : at+size]
	}
	p := make([][]float32, context)
	for i := range context {
		p[i] = make([]float32, i+1)
		for j := range p[i] {
			p[i][j] = scale * dot(part(qkv.v, i, 0), part(qkv.v, j, 1))
		}
		softmax(p[i])
		for j, w := range p[i] {
			axpy(w, part(qkv.v, j, 2), of(out.v, i))
		}
	}
	t.then(func() {
		dp := make([]float32, context)
		for i := range context {
			g := of(out.g, i)
			mean := float32(0)
			for j, w := range p[i] {
				dp[j] = dot(g, part(qkv.v, j, 2))
				mean += w * dp[j]
				axpy(w, g, part(qkv.g, j, 2))
			}
			for j, w := range p[i] {
				ds := w * (dp[j] - mean) * scale
				axpy(ds, part(qkv.v, j, 1), part(qkv.g, i, 0))
				axpy(ds, part(qkv.v, i, 0), part(qkv.g, j, 1))
			}
		}
	})
}

// loss is the cross-entropy of every row of logits, and whether its target
// has the largest; it leaves the summed loss's gradient in z.
func (t *tape) loss(z *matrix, targets []int32) (losses []float32, hits []bool) {
	losses, hits = make([]float32, z.rows), make([]bool, z.rows)
	for r := range z.rows {
		y := int(targets[r])
		p := z.row(z.g, r)
		copy(p, z.row(z.v, r))
		hits[r] = true
		for _, v := range p {
			hits[r] = hits[r] && v <= p[y]
		}
		softmax(p)
		losses[r] = -float32(math.Log(max(float64(p[y]), 1e-30)))
		p[y]--
	}
	return losses, hits
}

// patches lays the 3x3 neighbourhood of every pixel of images [h, w, c] out as
// a row, zeros outside.
func (t *tape) patches(x *matrix, h, w, c int) *matrix {
	p := newMatrix(x.rows*h*w, 9*c)
	// each calls f with the places of c values in the patches and the images.
	each := func(f func(patch, image int)) {
		for r := range p.rows {
			b, y, xx := r/(h*w), r/w%h, r%w
			for tap := range 9 {
				yy, xc := y+tap/3-1, xx+tap%3-1
				if yy >= 0 && yy < h && xc >= 0 && xc < w {
					f((r*9+tap)*c, ((b*h+yy)*w+xc)*c)
				}
			}
		}
	}
	each(func(patch, image int) { copy(p.v[patch:patch+c], x.v[image:]) })
	t.then(func() {
		each(func(patch, image int) { axpy(1, p.g[patch:patch+c], x.g[image:image+c]) })
	})
	return p
}

// pool is ReLU and 2x2 max-pooling of pixels in rows, giving an image a row.
func (t *tape) pool(x *matrix, h, w int) *matrix {
	c, batch := x.cols, x.rows/(h*w)
	index := make([]int, 0, len(x.v)/4)
	for b := range batch {
		for y := range h / 2 {
			for xx := range w / 2 {
				for k := range c {
					best, at := float32(0), -1
					for q := range 4 {
						if i := ((b*h+2*y+q/2)*w+2*xx+q%2)*c + k; x.v[i] > best {
							best, at = x.v[i], i
						}
					}
					index = append(index, at)
				}
			}
		}
	}
	return t.gather(x, batch, (h/2)*(w/2)*c, index)
}

func relu(a float32) (v, d float32) {
	if a > 0 {
		return a, 1
	}
	return 0, 0
}

func relu2(a float32) (v, d float32) {
	if a > 0 {
		return a * a, 2 * a
	}
	return 0, 0
}

func swiglu(a, b float32) (v, da, db float32) {
	s := float32(1 / (1 + math.Exp(-float64(a))))
	return a * s * b, (s + a*s*(1-s)) * b, a * s
}

// softmax replaces logits by probabilities.
func softmax(p []float32) {
	top := p[0]
	for _, v := range p {
		top = max(top, v)
	}
	sum := float32(0)
	for i, v := range p {
		p[i] = float32(math.Exp(float64(v - top)))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}
