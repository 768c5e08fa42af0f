package main

import (
	"fmt"
	"math"
	"strings"
)

// A picture is drawn by hand, in SVG: one frame, two lines of training losses
// and the held-out losses as dots.
const (
	width, height            = 720, 360
	left, right, top, bottom = 56, 16, 36, 40
	inkInteger, inkFloat     = "#0b6e99", "#d9730d"
)

// frame maps steps and losses to the picture.
type frame struct {
	steps    float64
	low, top float64
}

func (f frame) x(step int) float64 {
	return left + (width-left-right)*float64(step)/f.steps
}

func (f frame) y(loss float64) float64 {
	return height - bottom - (height-top-bottom)*(loss-f.low)/(f.top-f.low)
}

func newFrame(points ...[]pair) frame {
	f := frame{steps: 1, low: math.Inf(1), top: math.Inf(-1)}
	for _, s := range points {
		for _, p := range s {
			f.steps = max(f.steps, float64(p.step))
			f.low = min(f.low, p.integer, p.float)
			f.top = max(f.top, p.integer, p.float)
		}
	}
	margin := max((f.top-f.low)/20, 1e-6)
	f.low, f.top = f.low-margin, f.top+margin
	return f
}

func (c *curve) picture(name string) string {
	line := thinned(c.train, 100)
	f := newFrame(line, c.val)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#444">`+"\n", width, height)
	fmt.Fprintf(&b, `<title>%s: loss of the integer model and of its float32 twin</title>`+"\n", name)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	for i := range 6 {
		loss := f.low + (f.top-f.low)*float64(i)/5
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#e5e5e5"/><text x="%d" y="%.1f" text-anchor="end">%.2f</text>`+"\n",
			left, f.y(loss), width-right, left-6, f.y(loss)+4, loss)
		step := int(f.steps) * i / 5
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d</text>`+"\n", f.x(step), height-bottom+18, step)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">step</text>`+"\n", (left+width-right)/2, height-6)
	sides := []struct {
		label, ink string
		value      func(pair) float64
	}{
		{"float32", inkFloat, func(p pair) float64 { return p.float }},
		{"integer", inkInteger, func(p pair) float64 { return p.integer }},
	}
	for i, s := range sides {
		var path []string
		for _, p := range line {
			path = append(path, fmt.Sprintf("%.1f %.1f", f.x(p.step), f.y(s.value(p))))
		}
		fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="%s" stroke-width="1.5" opacity="0.8"/>`+"\n", strings.Join(path, "L"), s.ink)
		for _, p := range c.val {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%d" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", f.x(p.step), f.y(s.value(p)), 5-2*i, s.ink)
		}
		fmt.Fprintf(&b, `<text x="%d" y="22" fill="%s">%s: line training loss, ring held out</text>`+"\n", left+330*i, s.ink, s.label)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
