// Package plot draws the figures of the documents as SVG: lines over two
// axes, and bars of shares.
//
// A picture is a function of its data alone, byte for byte, so it can be
// checked in beside the command that makes it. The package knows nothing of
// what is plotted, and reads no files.
package plot

import (
	"fmt"
	"strings"
)

const (
	width        = 720
	left, right  = 64, 20
	bottom       = 48
	rowHeight    = 18 // of the legend
	plotHeight   = 260
	titleHeight  = 30
	perLegendRow = 2
)

// inks are told apart by most eyes, in print too; marks and dashes help the
// others.
var (
	inks   = []string{"#0b6e99", "#d9730d", "#4d7d2a", "#8a3fa8", "#444444", "#b3261e"}
	dashes = []string{"", "7 4", "2 3", "10 3 2 3", "1 0", "5 2"}
)

// picture collects the text of an SVG.
type picture struct {
	strings.Builder
	height int
}

func newPicture(title string, height int) *picture {
	p := &picture{height: height}
	p.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#444">`, width, height)
	p.add(`<title>%s</title>`, escape(title))
	p.add(`<rect width="%d" height="%d" fill="#fff"/>`, width, height)
	p.text(width/2, 20, "middle", "#222", title)
	return p
}

func (p *picture) add(format string, args ...any) {
	fmt.Fprintf(p, format, args...)
	p.WriteByte('\n')
}

func (p *picture) text(x, y float64, anchor, ink, s string) {
	p.add(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`, x, y, anchor, ink, escape(s))
}

func (p *picture) done() []byte {
	p.WriteString("</svg>\n")
	return []byte(p.String())
}

// legendPlace is where the i-th of the legend's entries stands.
func legendPlace(i int) (x, y float64) {
	return left + float64(i%perLegendRow)*(width-left-right)/perLegendRow,
		float64(titleHeight + 12 + i/perLegendRow*rowHeight)
}

func legendHeight(entries int) int {
	return (entries + perLegendRow - 1) / perLegendRow * rowHeight
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(s string) string { return escaper.Replace(s) }
