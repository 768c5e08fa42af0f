package plot

import (
	"fmt"
	"math"
)

// Bars is a picture of wholes and their parts: one horizontal bar each, all of
// the same length.
type Bars struct {
	Title string
	Parts []string // what the parts of every bar are called
	Bars  []Bar
}

// Bar is one whole.
type Bar struct {
	Label string
	Note  string // behind the bar
	Parts []float64
}

const (
	barHeight = 16
	barPitch  = 24
	barLeft   = 130
	barRight  = 190 // room for notes
)

// SVG draws the bars.
func (b Bars) SVG() ([]byte, error) {
	top := titleHeight + legendHeight(len(b.Parts)) + 10
	p := newPicture(b.Title, top+len(b.Bars)*barPitch+8)
	for i, name := range b.Parts {
		x, y := legendPlace(i)
		p.add(`<rect x="%.1f" y="%.1f" width="12" height="12" fill="%s"/>`, x, y-10, inks[i%len(inks)])
		p.text(x+18, y, "start", inks[i%len(inks)], name)
	}
	for i, bar := range b.Bars {
		if len(bar.Parts) != len(b.Parts) {
			return nil, fmt.Errorf("plot: bar %q: %d parts, want %d", bar.Label, len(bar.Parts), len(b.Parts))
		}
		sum := 0.0
		for _, v := range bar.Parts {
			if !(v >= 0) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("plot: bar %q: %g is no part of a whole", bar.Label, v)
			}
			sum += v
		}
		y := float64(top + i*barPitch)
		p.text(barLeft-8, y+12, "end", "#222", bar.Label)
		x, long := float64(barLeft), float64(width-barLeft-barRight)
		p.add(`<rect x="%.1f" y="%.1f" width="%.1f" height="%d" fill="#f0f0f0"/>`, x, y, long, barHeight)
		for j, v := range bar.Parts {
			if sum == 0 || v == 0 {
				continue
			}
			w := long * v / sum
			p.add(`<rect x="%.2f" y="%.1f" width="%.2f" height="%d" fill="%s"/>`, x, y, w, barHeight, inks[j%len(inks)])
			x += w
		}
		p.text(barLeft+long+8, y+12, "start", "#444", bar.Note)
	}
	return p.done(), nil
}
