package data

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Golden values: changing one changes the weights of every job.
func TestPCG(t *testing.T) {
	for _, tt := range []struct{ in, want uint32 }{
		{0, 129708002}, {1, 2831084092}, {2, 2055130248}, {0xffffffff, 3861530882},
	} {
		if got := PCG(tt.in); got != tt.want {
			t.Errorf("PCG(%d) = %d, want %d", tt.in, got, tt.want)
		}
	}
	if got, want := Key(1, 1, 0), PCG(31337+64); got != want {
		t.Errorf("Key = %d, want %d", got, want)
	}
	if Key(1, 1, 63) == Key(1, 2, 0) {
		t.Error("keys of neighbouring steps collide")
	}
}

func TestFromText(t *testing.T) {
	got, err := FromText([]byte("a\xe1"), 128)
	if err != nil || !slices.Equal(got, Tokens{'a', 'a'}) {
		t.Errorf("vocabulary 128: %v, %v", got, err)
	}
	got, err = FromText([]byte("a\xe1"), 256)
	if err != nil || !slices.Equal(got, Tokens{'a', 0xe1}) {
		t.Errorf("vocabulary 256: %v, %v", got, err)
	}
	_, err = FromText([]byte("abz"), 'z')
	wantError(t, err, "byte 122 at offset 2 is outside a vocabulary of 122")
}

func TestFromUint16(t *testing.T) {
	got, err := FromUint16([]byte{1, 2, 0xff, 0}, 1000)
	if err != nil || !slices.Equal(got, Tokens{0x201, 0xff}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = FromUint16([]byte{1, 2, 3}, 1000)
	wantError(t, err, "the number of bytes is odd")
	_, err = FromUint16([]byte{1, 2}, 513)
	wantError(t, err, "token 513 at position 0 is outside a vocabulary of 513")
}

func numbered(n int) Tokens {
	t := make(Tokens, n)
	for i := range t {
		t[i] = uint16(i)
	}
	return t
}

func TestText(t *testing.T) {
	// Of 40,000 tokens 38,000 train.
	text, err := NewText(numbered(40000), 64, 3)
	if err != nil {
		t.Fatal(err)
	}
	s := text.Sequence(7, 2)
	start := PCG(3*7919+PCG(7002)) % (38000 - 65)
	if len(s) != 65 || s[0] != uint16(start) || s[64] != uint16(start)+64 {
		t.Errorf("sequence of %d tokens from %d, want 65 from %d", len(s), s[0], start)
	}
	if w := text.Windows(); w != 1024 {
		t.Errorf("%d windows, want 1024", w)
	}
	last := text.Window(1023)
	if want := uint16(38000 + 1023*(2000-65)/1024); len(last) != 65 || last[0] != want {
		t.Errorf("last window of %d from %d, want 65 from %d", len(last), last[0], want)
	}
	if text.Window(0)[0] != 38000 {
		t.Errorf("first window starts at %d, want 38000", text.Window(0)[0])
	}
}

func TestTextShort(t *testing.T) {
	// The smallest text: 20*(context+2) tokens, of which one sequence's worth
	// is held out.
	text, err := NewText(numbered(20*10), 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text.Windows() != 1 {
		t.Errorf("%d windows, want 1", text.Windows())
	}
	if w := text.Window(0); len(w) != 9 || w[0] != 190 {
		t.Errorf("window %v", w)
	}
	for step := range uint32(1000) {
		if s := text.Sequence(step, 0); len(s) != 9 || s[8] >= 190 {
			t.Fatalf("step %d: sequence %v reaches the validation part", step, s)
		}
	}
	_, err = NewText(numbered(180), 8, 1)
	wantError(t, err, "too short: of its 180 tokens the last 5 %, 9, are held out, and a context of 8 needs at least 10 there")
	_, err = NewText(nil, 8, 1)
	wantError(t, err, "too short")
}

func idx(dims []uint32, elements int) []byte {
	b := []byte{0, 0, typeByte, byte(len(dims))}
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, d)
	}
	for i := range elements {
		b = append(b, byte(i))
	}
	return b
}

func TestIDX(t *testing.T) {
	m, err := ReadImages(idx([]uint32{2, 2, 3}, 12))
	if err != nil {
		t.Fatal(err)
	}
	if m.Count != 2 || m.Height != 2 || m.Width != 3 || !bytes.Equal(m.Image(1), []byte{6, 7, 8, 9, 10, 11}) {
		t.Errorf("got %+v", m)
	}
	labels, err := ReadLabels(idx([]uint32{3}, 3))
	if err != nil || !bytes.Equal(labels, []byte{0, 1, 2}) {
		t.Errorf("labels %v, %v", labels, err)
	}

	valid := idx([]uint32{2, 2, 3}, 12)
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "shorter than its header"},
		{"gzip", []byte{0x1f, 0x8b, 8, 0}, "not an IDX file: starts with bytes 1f 8b instead of 00 00"},
		{"floats", []byte{0, 0, 0x0d, 3}, "IDX element type 0x0d, only unsigned bytes (0x08) can be read"},
		{"dimensions", idx([]uint32{3}, 3), "IDX file of 1 dimensions, want 3"},
		{"cut header", valid[:15], "ends inside its header"},
		{"cut", valid[:len(valid)-1], "11 elements are fewer than its dimensions [2 2 3] say"},
		{"long", append(slices.Clone(valid), 0), "13 elements are more than its dimensions [2 2 3] say"},
		{"huge", idx([]uint32{1 << 31, 1 << 31, 1 << 31}, 12), "12 elements are fewer than its dimensions"},
		{"flat", idx([]uint32{0, 0, 3}, 0), "images of 0 by 3 pixels"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadImages(tt.raw)
			wantError(t, err, tt.want)
		})
	}
}

func TestExamples(t *testing.T) {
	const n, batch = 10, 3
	images := Images{Count: n, Height: 1, Width: 1, Pixels: make([]byte, n)}
	e, err := NewExamples(images, make([]byte, n), 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	if e.Steps(batch) != 3 {
		t.Fatalf("%d steps an epoch, want 3", e.Steps(batch))
	}
	// The written rule, carried out by hand for two epochs.
	var want []int
	order := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for epoch := uint32(1); epoch <= 2; epoch++ {
		for i := n - 1; i > 0; i-- {
			j := PCG(5*1000003+epoch*n+uint32(i)) % uint32(i+1)
			order[i], order[j] = order[j], order[i]
		}
		want = append(want, order[:9]...)
	}
	var got []int
	for step := 1; step <= 6; step++ {
		got = append(got, e.Batch(step, batch)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	// Resuming in the middle, and going back, give the same.
	for _, step := range []int{5, 2, 6} {
		if b := e.Batch(step, batch); !slices.Equal(b, want[(step-1)*batch:step*batch]) {
			t.Errorf("step %d: %v, want %v", step, b, want[(step-1)*batch:step*batch])
		}
	}

	_, err = NewExamples(images, make([]byte, n-1), 1, 1)
	wantError(t, err, "10 images but 9 labels")
	_, err = NewExamples(images, append(make([]byte, n-1), 4), 4, 1)
	wantError(t, err, "label 4 of example 9 is outside 4 classes")
	_, err = NewExamples(Images{}, nil, 4, 1)
	wantError(t, err, "holds no images")
}

func TestDir(t *testing.T) {
	const text = "In the beginning"
	dir := t.TempDir()
	var gz, zst, br bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(text))
	g.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(text))
	z.Close()
	b := brotli.NewWriter(&br)
	b.Write([]byte(text))
	b.Close()
	for name, data := range map[string][]byte{
		"t.txt": []byte(text), "t.gz": gz.Bytes(), "t.txt.zst": zst.Bytes(), "t.BR": br.Bytes(),
		"cut.gz": gz.Bytes()[:20], "cut.zst": zst.Bytes()[:10], "cut.br": br.Bytes()[:5], "text.gz": []byte(text),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"t.txt", "t.gz", "t.txt.zst", "t.BR", filepath.Join(dir, "t.txt")} {
		if got, err := Dir(dir).Read(context.Background(), name); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"cut.gz", "cut.zst", "cut.br", "text.gz"} {
		if _, err := Dir(dir).Read(context.Background(), name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Dir(dir).Read(context.Background(), "none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	_, err = decompress("t.gz", bytes.NewReader(gz.Bytes()), 15)
	wantError(t, err, "holds more than 15 bytes")
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want one with %q", err, part)
	}
}

func FuzzReadImages(f *testing.F) {
	f.Add(idx([]uint32{2, 2, 3}, 12))
	f.Add(idx([]uint32{1 << 31, 1 << 31, 0}, 0))
	f.Add(idx([]uint32{3}, 3))
	f.Add([]byte{0, 0, 8, 3, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := ReadImages(raw); err == nil {
			if m.Count*m.Height*m.Width != len(m.Pixels) || len(m.Pixels)+16 != len(raw) {
				t.Errorf("%d x %d x %d images in %d bytes", m.Count, m.Height, m.Width, len(raw))
			}
			for i := range m.Count {
				m.Image(i)
			}
		}
		if l, err := ReadLabels(raw); err == nil && len(l)+8 != len(raw) {
			t.Errorf("%d labels in %d bytes", len(l), len(raw))
		}
	})
}
