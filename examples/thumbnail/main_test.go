package main

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the sample pictures again")

// rings are concentric circles, transparent in the corners.
func rings(side int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			dx, dy := 2*x-side, 2*y-side
			d := (dx*dx + dy*dy) / side
			c := color.NRGBA{R: 20, G: 90, B: 160, A: 255}
			if d/32%2 == 0 {
				c = color.NRGBA{R: 250, G: 200, B: 40, A: 255}
			}
			if d > side {
				c.A = 0
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// waves is a gradient, wider than it is high.
func waves(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{R: uint8(255 * x / w), G: uint8(255 * y / h), B: uint8(255 * ((x + y) / 64 % 2)), A: 255})
		}
	}
	return m
}

// The sample inputs are the pictures drawn here.
func TestGoldenSamples(t *testing.T) {
	samples := []struct {
		name   string
		encode func(*bytes.Buffer) error
	}{
		{"rings.png", func(b *bytes.Buffer) error {
			return (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(b, rings(400))
		}},
		{"waves.jpg", func(b *bytes.Buffer) error { return jpeg.Encode(b, waves(640, 360), &jpeg.Options{Quality: 50}) }},
	}
	for _, s := range samples {
		if *update {
			var b bytes.Buffer
			if err := s.encode(&b); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.name, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(s.name)
		if err != nil {
			t.Fatal(err)
		}
		out, err := thumbnail(file)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if m, err := png.Decode(bytes.NewReader(out)); err != nil || max(m.Bounds().Dx(), m.Bounds().Dy()) != side {
			t.Errorf("%s: thumbnail %v, %v", s.name, m.Bounds(), err)
		}
	}
}

// Means of areas that can be computed in the head.
func TestScale(t *testing.T) {
	grey := func(w, h int, values ...uint8) *image.RGBA {
		m := image.NewRGBA(image.Rect(0, 0, w, h))
		for i, v := range values {
			copy(m.Pix[4*i:], []uint8{v, v, v, 255})
		}
		return m
	}
	tests := []struct {
		name   string
		in     *image.RGBA
		dw, dh int
		want   *image.RGBA
	}{
		{"halves", grey(4, 2, 0, 10, 20, 30, 0, 10, 20, 30), 2, 1, grey(2, 1, 5, 25)},
		// Each new pixel is one old one and half of the middle one.
		{"three to two", grey(3, 1, 30, 60, 90), 2, 1, grey(2, 1, 40, 80)},
		{"rounds to nearest", grey(1, 2, 0, 1), 1, 1, grey(1, 1, 1)},
		{"the same size", grey(2, 2, 1, 2, 3, 4), 2, 2, grey(2, 2, 1, 2, 3, 4)},
		// ((9*2 + 3) + ... )/3 down a column: 3 rows to 2.
		{"down", grey(1, 3, 9, 3, 0), 1, 2, grey(1, 2, 7, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := scale(tt.in, tt.dw, tt.dh); !bytes.Equal(got.Pix, tt.want.Pix) {
				t.Errorf("got  %v\nwant %v", got.Pix, tt.want.Pix)
			}
		})
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct{ w, h, dw, dh int }{
		{640, 360, 160, 90}, {360, 640, 90, 160}, {160, 160, 160, 160}, {5, 3, 5, 3}, {2000, 1, 160, 1}, {161, 160, 160, 159},
	} {
		got := fit(image.NewRGBA(image.Rect(0, 0, tt.w, tt.h)), side).Rect.Size()
		if got != image.Pt(tt.dw, tt.dh) {
			t.Errorf("%d by %d becomes %v, want %d by %d", tt.w, tt.h, got, tt.dw, tt.dh)
		}
	}
}

func TestThumbnailErrors(t *testing.T) {
	var whole bytes.Buffer
	if err := gif.Encode(&whole, waves(30, 30), nil); err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(whole.Bytes())
	copy(huge[6:], []byte{0xff, 0xff, 0xff, 0xff}) // GIF keeps its sides there
	tests := []struct {
		name, want string
		in         []byte
	}{
		{"nothing", "not a picture", nil},
		{"text", "not a picture", []byte("hello")},
		{"cut off", "damaged gif picture", whole.Bytes()[:whole.Len()-20]},
		{"huge", "65535 by 65535 pixels", huge},
	}
	for _, tt := range tests {
		if _, err := thumbnail(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := thumbnail(whole.Bytes()); err != nil {
		t.Error(err)
	}
}
