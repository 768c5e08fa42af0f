package receipt_test

import (
	"bytes"
	"testing"

	"github.com/shoal-compute/shoal/hub/receipt"
)

// Whatever is read is written again as it was.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, sample(f, 3, 1)))
	f.Add([]byte(`{"job":"x"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := receipt.Decode(line)
		if err != nil {
			return
		}
		_ = r.Verify() // must not panic, whatever it says
		if again, err := r.Encode(); err != nil || !bytes.Equal(again, line) {
			t.Errorf("%q is read and written as %q, %v", line, again, err)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(sign(f, 1, 5, receipt.Hash{}).Token))
	f.Fuzz(func(t *testing.T, token []byte) {
		if parsed, err := receipt.ParseToken(token); err == nil && len(parsed.Job)+len(parsed.Lane) > len(token) {
			t.Errorf("%x is read as %+v", token, parsed)
		}
	})
}

func FuzzOpenHead(f *testing.F) {
	_, _, h := written(f, 3)
	signed, err := signer(f, 1).Sign(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, text []byte) {
		// Nobody can sign anew without the secret, but for the keys of others.
		if h, err := receipt.OpenHead(text); err == nil && h.Key == signer(t, 1).Key() && !bytes.Equal(text, signed) {
			t.Errorf("%q is opened", text)
		}
	})
}

func FuzzReadLines(f *testing.F) {
	_, text, _ := written(f, 3)
	f.Add(text)
	f.Add([]byte("a\n\nb\n"))
	f.Add([]byte("a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var back bytes.Buffer
		lines, err := receipt.ReadLines(bytes.NewReader(text), int64(len(text)), func(_ int64, line []byte) error {
			back.Write(line)
			return back.WriteByte('\n')
		})
		if err != nil {
			return
		}
		if !bytes.Equal(back.Bytes(), text) {
			t.Errorf("%q is read as %q", text, &back)
		}
		for n := range lines.Log().Size() {
			if _, err := lines.Prove(n); err != nil {
				t.Errorf("line %d of %q: %v", n, text, err)
			}
		}
	})
}
