package plot

import (
	"fmt"
	"strings"
)

// Chart is a picture of curves.
type Chart struct {
	Title  string
	X, Y   Axis
	Series []Series
}

// Series is one curve, in the order in which its points are joined.
type Series struct {
	Label string
	X, Y  []float64
	Style Style
}

// Style says how a series is drawn.
type Style int

// The styles.
const (
	Marked Style = iota // points, joined by a line
	Line                // a line alone: for many points
	Points              // points alone
)

// SVG draws the chart.
func (c Chart) SVG() ([]byte, error) {
	var xs, ys []float64
	for _, s := range c.Series {
		if len(s.X) != len(s.Y) {
			return nil, fmt.Errorf("plot: series %q: %d values of x and %d of y", s.Label, len(s.X), len(s.Y))
		}
		xs, ys = append(xs, s.X...), append(ys, s.Y...)
	}
	top := titleHeight + legendHeight(len(c.Series)) + 10
	base := float64(top + plotHeight)
	x, err := newScale(c.X, left, width-right, xs)
	if err != nil {
		return nil, err
	}
	y, err := newScale(c.Y, base, float64(top), ys)
	if err != nil {
		return nil, err
	}
	p := newPicture(c.Title, top+plotHeight+bottom)
	for _, v := range y.ticks() {
		p.add(`<path d="M%d %.1fH%d" stroke="#e5e5e5"/>`, left, y.at(v), width-right)
		p.text(left-6, y.at(v)+4, "end", "#444", y.label(v))
	}
	for _, v := range x.ticks() {
		p.add(`<path d="M%.1f %.1fv4" stroke="#999"/>`, x.at(v), base)
		p.text(x.at(v), base+18, "middle", "#444", x.label(v))
	}
	p.add(`<path d="M%d %dV%.1fH%d" fill="none" stroke="#999"/>`, left, top, base, width-right)
	p.text((left+width-right)/2, base+38, "middle", "#222", c.X.Label)
	p.add(`<text transform="translate(14 %.1f) rotate(-90)" text-anchor="middle" fill="#222">%s</text>`,
		base-plotHeight/2, escape(c.Y.Label))
	for i, s := range c.Series {
		p.series(s, i, x, y)
	}
	return p.done(), nil
}

func (p *picture) series(s Series, i int, x, y scale) {
	ink, dash := inks[i%len(inks)], dashes[i%len(dashes)]
	if s.Style != Points && len(s.X) > 0 {
		path := make([]string, len(s.X))
		for j := range s.X {
			path[j] = fmt.Sprintf("%.1f %.1f", x.at(s.X[j]), y.at(s.Y[j]))
		}
		p.add(`<path d="M%s" fill="none" stroke="%s" stroke-width="1.8" stroke-dasharray="%s"/>`, strings.Join(path, "L"), ink, dash)
	}
	if s.Style != Line {
		for j := range s.X {
			p.mark(i, x.at(s.X[j]), y.at(s.Y[j]), ink)
		}
	}
	lx, ly := legendPlace(i)
	if s.Style != Points {
		p.add(`<path d="M%.1f %.1fh28" stroke="%s" stroke-width="1.8" stroke-dasharray="%s"/>`, lx, ly-4, ink, dash)
	}
	if s.Style != Line {
		p.mark(i, lx+14, ly-4, ink)
	}
	p.text(lx+36, ly, "start", ink, s.Label)
}

// mark draws one of four shapes.
func (p *picture) mark(i int, x, y float64, ink string) {
	switch i % 4 {
	case 0:
		p.add(`<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, x, y, ink)
	case 1:
		p.add(`<rect x="%.1f" y="%.1f" width="7" height="7" fill="%s"/>`, x-3.5, y-3.5, ink)
	case 2:
		p.add(`<path d="M%.1f %.1fl4 7h-8z" fill="%s"/>`, x, y-4, ink)
	default:
		p.add(`<path d="M%.1f %.1fl4 4l-4 4l-4 -4z" fill="%s"/>`, x, y-4, ink)
	}
}
