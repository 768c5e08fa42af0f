package lease

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

func signer(t testing.TB, seed byte) *Signer {
	t.Helper()
	s, err := NewSigner(bytes.Repeat([]byte{seed}, MinKey))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var sample = Lease{
	Job: "k3v9", Shard: 7<<24 | 3, Volunteer: volunteer.ID{1, 2, 3}, Lane: "wasm",
	Deadline: time.UnixMilli(1_790_000_000_123), Nonce: [16]byte{9}, Sealed: true,
}

func TestRoundTrip(t *testing.T) {
	s := signer(t, 1)
	plain := sample
	plain.Sealed, plain.Lane = false, ""
	for _, want := range []Lease{sample, plain} {
		token, err := s.Sign(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Verify(token)
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("Verify(Sign(l)) = %+v, want %+v", got, want)
		}
	}
}

func TestEveryBitCounts(t *testing.T) {
	s := signer(t, 1)
	token, err := s.Sign(sample)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(token) * 8 {
		bad := bytes.Clone(token)
		bad[i/8] ^= 1 << (i % 8)
		if l, err := s.Verify(bad); !errors.Is(err, ErrForged) {
			t.Fatalf("bit %d flipped: Verify = %+v, %v; want ErrForged", i, l, err)
		}
	}
	for n := range token {
		if _, err := s.Verify(token[:n]); !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d bytes: %v, want ErrForged", n, err)
		}
	}
	if _, err := signer(t, 2).Verify(token); !errors.Is(err, ErrForged) {
		t.Errorf("another hub's key: %v, want ErrForged", err)
	}
}

func TestRefuses(t *testing.T) {
	if _, err := NewSigner(make([]byte, MinKey-1)); err == nil {
		t.Error("a short key was accepted")
	}
	s := signer(t, 1)
	for name, change := range map[string]func(*Lease){
		"no job":    func(l *Lease) { l.Job = "" },
		"long job":  func(l *Lease) { l.Job = strings.Repeat("j", maxJob+1) },
		"long lane": func(l *Lease) { l.Lane = strings.Repeat("l", maxLane+1) },
	} {
		l := sample
		change(&l)
		if _, err := s.Sign(l); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// FuzzVerify signs arbitrary bodies, so that the parser behind the MAC is
// reached, and demands that whatever it accepts signs to the same token.
func FuzzVerify(f *testing.F) {
	s := signer(f, 1)
	token, err := s.Sign(sample)
	if err != nil {
		f.Fatal(err)
	}
	body := token[:len(token)-macSize]
	f.Add(body)
	f.Add(body[:len(body)-2])
	f.Add(append(bytes.Clone(body), 0))
	f.Add(bytes.Repeat([]byte{0xff}, fixed+2))
	f.Fuzz(func(t *testing.T, body []byte) {
		token := append(bytes.Clone(body), s.mac(body)...)
		l, err := s.Verify(token)
		if err != nil {
			return
		}
		again, err := s.Sign(l)
		if err != nil {
			t.Fatalf("accepted lease %+v does not sign: %v", l, err)
		}
		if !bytes.Equal(again, token) {
			t.Errorf("token %x has another form %x", token, again)
		}
	})
}
