package plot

import (
	"fmt"
	"math"
	"strconv"
)

// Axis is one of the two of a Chart. Its range is that of the data, widened to
// From and To where they are set.
type Axis struct {
	Label string
	// Log makes equal factors equal distances. Zeros, which a logarithm does
	// not have, stand on a line of their own below everything else.
	Log      bool
	From, To float64                // both zero: of the data alone
	Format   func(v float64) string // of a tick; nil: shortest
}

// scale maps the values of an axis to pixels.
type scale struct {
	axis       Axis
	low, high  float64 // of the values, or of their logarithms
	start, end float64 // pixels
	zero       bool    // a logarithmic axis with a place for zeros at start
}

const zeroBand = 24 // pixels between zero and the least other value

func newScale(a Axis, start, end float64, values []float64) (scale, error) {
	s := scale{axis: a, low: math.Inf(1), high: math.Inf(-1), start: start, end: end}
	if a.From != 0 || a.To != 0 {
		values = append(values, a.From, a.To)
	}
	for _, v := range values {
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return scale{}, fmt.Errorf("plot: axis %q: %g is no number to plot", a.Label, v)
		case a.Log && v < 0:
			return scale{}, fmt.Errorf("plot: axis %q: %g has no logarithm", a.Label, v)
		case a.Log && v == 0:
			s.zero = true
			continue
		case a.Log:
			v = math.Log10(v)
		}
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
	if s.low > s.high {
		s.low, s.high = 0, 1
	}
	if a.Log {
		s.low, s.high = math.Floor(s.low+1e-9), math.Ceil(s.high-1e-9)
	}
	if s.low == s.high {
		s.high++
	}
	return s, nil
}

// at is the pixel of a value.
func (s scale) at(v float64) float64 {
	start := s.start
	if s.axis.Log {
		if v == 0 {
			return s.start
		}
		v = math.Log10(v)
		if s.zero {
			start += math.Copysign(zeroBand, s.end-s.start)
		}
	}
	return start + (s.end-start)*(v-s.low)/(s.high-s.low)
}

// ticks are the values that a reader is told.
func (s scale) ticks() []float64 {
	var t []float64
	if s.axis.Log {
		if s.zero {
			t = append(t, 0)
		}
		step := max(1, math.Ceil((s.high-s.low)/8))
		for e := s.low; e <= s.high; e += step {
			t = append(t, math.Pow10(int(e)))
		}
		return t
	}
	step := nice((s.high - s.low) / 5)
	for i := int(math.Ceil(s.low/step - 1e-9)); float64(i)*step <= s.high+step*1e-9; i++ {
		t = append(t, float64(i)*step)
	}
	return t
}

// nice is the least of 1, 2, 5, 10, ... that is not below step.
func nice(step float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(step)))
	for _, f := range []float64{1, 2, 5} {
		if f*unit >= step*(1-1e-9) {
			return f * unit
		}
	}
	return 10 * unit
}

func (s scale) label(v float64) string {
	if s.axis.Format != nil {
		return s.axis.Format(v)
	}
	// Ticks are multiples of powers of ten: what follows is rounding.
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Percent shows shares as percentages.
func Percent(v float64) string { return fmt.Sprintf("%.4g %%", 100*v) }
