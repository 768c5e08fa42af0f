package sandbox

import (
	"math"
	"testing"
)

func TestNumbersComeBack(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 127, 128, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		r := reader{data: appendSigned(nil, v)}
		if got := r.signed(64); got != v || r.err != nil || r.more() {
			t.Errorf("%d came back as %d, error %v", v, got, r.err)
		}
		u := uint64(v)
		r = reader{data: appendUnsigned(nil, u)}
		if got := r.unsigned(64); got != u || r.err != nil || r.more() {
			t.Errorf("%d came back as %d, error %v", u, got, r.err)
		}
	}
}

func TestNumbersThatAreTooLong(t *testing.T) {
	signed := func(r *reader) int64 { return r.signed(32) }
	unsigned := func(r *reader) int64 { return int64(r.unsigned(32)) }
	for _, c := range []struct {
		read func(*reader) int64
		data string
		want int64
		ok   bool
	}{
		{signed, "\xff\xff\xff\xff\x7f", -1, true},
		{signed, "\x80\x80\x80\x80\x00", 0, true},
		{signed, "\xff\xff\xff\xff\x07", math.MaxInt32, true},
		{signed, "\x80\x80\x80\x80\x78", math.MinInt32, true},
		{signed, "\xff\xff\xff\xff\x0f", 0, false},
		{signed, "\xff\xff\xff\xff\x6f", 0, false},
		{signed, "\x80\x80\x80\x80\x80\x00", 0, false},
		{signed, "\x80", 0, false},
		{unsigned, "\xff\xff\xff\xff\x0f", math.MaxUint32, true},
		{unsigned, "\xff\xff\xff\xff\x1f", 0, false},
		{unsigned, "\x80\x80\x80\x80\x80\x00", 0, false},
		{unsigned, "", 0, false},
	} {
		r := &reader{data: []byte(c.data)}
		got := c.read(r)
		if ok := r.err == nil; ok != c.ok || ok && got != c.want {
			t.Errorf("%x: %d, error %v; want %d, good %v", c.data, got, r.err, c.want, c.ok)
		}
	}
}
