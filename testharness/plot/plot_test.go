package plot

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, svg)
		}
	}
}

func TestChart(t *testing.T) {
	c := Chart{
		Title: "wrong < right & \"so on\"",
		X:     Axis{Label: "share", Format: Percent},
		Y:     Axis{Label: "wrong", Log: true},
		Series: []Series{
			{Label: "ours", X: []float64{0, 0.1, 0.3}, Y: []float64{0, 0, 3}},
			{Label: "theirs", X: []float64{0, 0.3}, Y: []float64{10, 12000}, Style: Line},
			{Label: "measured", X: []float64{0.2}, Y: []float64{100}, Style: Points},
		},
	}
	svg, err := c.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	for _, want := range []string{"wrong &lt; right &amp; &quot;so on&quot;", ">ours<", ">theirs<", ">10 %<", ">30 %<", ">100000<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture lacks %q:\n%s", want, svg)
		}
	}
	again, _ := c.SVG()
	if !bytes.Equal(svg, again) {
		t.Error("the same chart gave two pictures")
	}
}

func TestZeroStandsBelowTheLogarithms(t *testing.T) {
	s, err := newScale(Axis{Log: true}, 300, 0, []float64{0, 0.5, 20})
	if err != nil {
		t.Fatal(err)
	}
	if s.at(0) != 300 || s.at(0.1) != 300-zeroBand || s.at(100) != 0 {
		t.Errorf("0, 0.1, 100 stand at %g, %g, %g; want 300, %d, 0", s.at(0), s.at(0.1), s.at(100), 300-zeroBand)
	}
	if got := s.ticks(); !slices.Equal(got, []float64{0, 0.1, 1, 10, 100}) {
		t.Errorf("ticks %v", got)
	}
}

func TestTicks(t *testing.T) {
	s, err := newScale(Axis{}, 0, 1, []float64{0, 0.37})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range s.ticks() {
		got = append(got, s.label(v))
	}
	if want := []string{"0", "0.1", "0.2", "0.3"}; !slices.Equal(got, want) {
		t.Errorf("ticks %v, want %v", got, want)
	}
}

func TestBadData(t *testing.T) {
	for name, c := range map[string]Chart{
		"uneven":   {Series: []Series{{Label: "uneven", X: []float64{1}}}},
		"NaN":      {Series: []Series{{X: []float64{1}, Y: []float64{math.NaN()}}}},
		"negative": {Y: Axis{Label: "negative", Log: true}, Series: []Series{{X: []float64{1}, Y: []float64{-1}}}},
	} {
		if _, err := c.SVG(); err == nil || !strings.Contains(err.Error(), name) && name != "NaN" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestBars(t *testing.T) {
	b := Bars{Title: "lies", Parts: []string{"caught", "left"}, Bars: []Bar{
		{Label: "sleeper", Note: "4 told", Parts: []float64{3, 1}},
		{Label: "sybil", Note: "none told", Parts: []float64{0, 0}},
	}}
	svg, err := b.SVG()
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, svg)
	if !strings.Contains(string(svg), `width="300.00"`) || !strings.Contains(string(svg), `width="100.00"`) {
		t.Errorf("parts are not three to one:\n%s", svg)
	}
	b.Bars[0].Parts = []float64{1}
	if _, err := b.SVG(); err == nil || !strings.Contains(err.Error(), "sleeper") {
		t.Errorf("a part is missing: error %v", err)
	}
}
