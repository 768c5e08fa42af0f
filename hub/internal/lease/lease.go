// Package lease turns leases into signed tokens and back.
//
// A lease is not a row: handing one out writes nothing. Its token carries all
// that must be known when a result comes back, under a MAC, so a result for a
// lease from before a restart still verifies. The package refuses to know
// whether a lease is still wanted.
package lease

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// ErrForged means that this hub did not make the token.
var ErrForged = errors.New("lease: token is not from this hub")

// Limits of the variable fields, which keep every token below 256 bytes.
const (
	maxJob  = 64
	maxLane = 32
	macSize = sha256.Size
	version = 2
)

// Lease is one attempt at one shard, given to one volunteer.
type Lease struct {
	Job       string
	Shard     uint64
	Volunteer volunteer.ID
	Lane      string    // the kind of device it was given to
	Deadline  time.Time // whole milliseconds
	Nonce     [16]byte  // unique; goes into the seal
	Sealed    bool      // the result must be sealed before it is shown

	// Generation counts how often the job was rolled back: a lease of an
	// earlier one is for inputs that were withdrawn.
	Generation uint32
}

// Signer makes and checks tokens.
type Signer struct{ key []byte }

// MinKey is the smallest key a Signer takes, in bytes.
const MinKey = 32

// NewSigner returns a Signer over a secret key of at least MinKey bytes.
func NewSigner(key []byte) (*Signer, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("lease: key of %d bytes, want at least %d", len(key), MinKey)
	}
	return &Signer{append([]byte(nil), key...)}, nil
}

// Sign returns l's token.
func (s *Signer) Sign(l Lease) ([]byte, error) {
	if l.Job == "" || len(l.Job) > maxJob {
		return nil, fmt.Errorf("lease: job name of %d bytes, want 1 to %d", len(l.Job), maxJob)
	}
	if len(l.Lane) > maxLane {
		return nil, fmt.Errorf("lease: lane name of %d bytes, want at most %d", len(l.Lane), maxLane)
	}
	b := append(make([]byte, 0, 256), version, sealedByte(l.Sealed))
	b = append(b, l.Volunteer[:]...)
	b = append(b, l.Nonce[:]...)
	b = binary.BigEndian.AppendUint64(b, l.Shard)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Deadline.UnixMilli()))
	b = binary.BigEndian.AppendUint32(b, l.Generation)
	b = append(append(b, byte(len(l.Job))), l.Job...)
	b = append(append(b, byte(len(l.Lane))), l.Lane...)
	return append(b, s.mac(b)...), nil
}

// fixed is the size of everything before the first variable field.
const fixed = 2 + 32 + 16 + 8 + 8 + 4

// Verify returns the lease that token names. Any change to a token, and any
// token of another key, is ErrForged. Deadlines are the caller's to judge.
func (s *Signer) Verify(token []byte) (Lease, error) {
	if len(token) < fixed+2+macSize {
		return Lease{}, fmt.Errorf("%w: %d bytes", ErrForged, len(token))
	}
	body, mac := token[:len(token)-macSize], token[len(token)-macSize:]
	if !hmac.Equal(mac, s.mac(body)) {
		return Lease{}, fmt.Errorf("%w: wrong signature", ErrForged)
	}
	return parse(body)
}

// parse reads what the MAC has proved to be ours; it still checks every
// length, because an older or newer hub may have used the same key.
func parse(b []byte) (Lease, error) {
	if b[0] != version || b[1] > 1 {
		return Lease{}, fmt.Errorf("%w: version %d", ErrForged, b[0])
	}
	l := Lease{Sealed: b[1] == 1}
	b = b[2:]
	b = b[copy(l.Volunteer[:], b):]
	b = b[copy(l.Nonce[:], b):]
	l.Shard = binary.BigEndian.Uint64(b)
	l.Deadline = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8:])))
	l.Generation = binary.BigEndian.Uint32(b[16:])
	b = b[20:]
	var ok bool
	if l.Job, b, ok = text(b, maxJob); !ok || l.Job == "" {
		return Lease{}, fmt.Errorf("%w: job name", ErrForged)
	}
	if l.Lane, b, ok = text(b, maxLane); !ok || len(b) != 0 {
		return Lease{}, fmt.Errorf("%w: lane name", ErrForged)
	}
	return l, nil
}

func text(b []byte, limit int) (s string, rest []byte, ok bool) {
	if len(b) == 0 || int(b[0]) > limit || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	end := 1 + int(b[0])
	return string(b[1:end]), b[end:], true
}

func (s *Signer) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(body)
	return h.Sum(nil)
}

func sealedByte(sealed bool) byte {
	if sealed {
		return 1
	}
	return 0
}
