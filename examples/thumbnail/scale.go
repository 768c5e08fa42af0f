package main

import "image"

// fit scales m down so that neither side is longer than side; what fits stays
// as it is.
func fit(m *image.RGBA, side int) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	long := max(w, h)
	if long <= side {
		return m
	}
	// To the nearest pixel, but never to none.
	return scale(m, max((w*side+long/2)/long, 1), max((h*side+long/2)/long, 1))
}

// scale gives every new pixel the mean of the area of m that it covers, in
// premultiplied colours, rounded to nearest.
//
// Say the new picture is dw wide and the old one sw. Cut the width in sw*dw equal
// parts: an old pixel is dw of them, a new one sw, and an overlap is a whole
// number of parts. So are areas, and the mean is one division.
func scale(m *image.RGBA, dw, dh int) *image.RGBA {
	sw, sh := m.Rect.Dx(), m.Rect.Dy()
	columns, rows := overlaps(sw, dw), overlaps(sh, dh)
	area := uint64(sw) * uint64(sh)
	out := image.NewRGBA(image.Rect(0, 0, dw, dh))
	for y, down := range rows {
		for x, across := range columns {
			var sum [4]uint64
			for j, height := range down.parts {
				at := m.PixOffset(across.first, down.first+j)
				for _, width := range across.parts {
					weight := width * height
					for c := range sum {
						sum[c] += weight * uint64(m.Pix[at+c])
					}
					at += 4
				}
			}
			for c, s := range sum {
				out.Pix[out.PixOffset(x, y)+c] = uint8((s + area/2) / area)
			}
		}
	}
	return out
}

// overlap says how much of each old pixel, from first on, a new one covers.
type overlap struct {
	first int
	parts []uint64
}

// overlaps cuts n old pixels into count new ones.
func overlaps(n, count int) []overlap {
	list := make([]overlap, count)
	for i := range list {
		from, to := i*n, (i+1)*n
		o := overlap{first: from / count}
		for p := o.first; p*count < to; p++ {
			o.parts = append(o.parts, uint64(min(to, (p+1)*count)-max(from, p*count)))
		}
		list[i] = o
	}
	return list
}
