package receipt

import (
	"encoding/binary"
	"fmt"
)

// Token is what a lease's token says of itself. Only the hub can tell whether
// it made the token; but the volunteer has signed it, so what it says of the
// shard is the volunteer's word as well: a signature for one shard is none
// for another.
type Token struct {
	Volunteer Key
	Shard     uint64
	Job       string
	Lane      string
}

// Sizes within a token: version, sealed, volunteer, nonce, shard and deadline,
// from version 2 on the job's generation; then job and lane, each after its
// length in one byte; then the hub's MAC.
const (
	tokenFixed      = 2 + 32 + 16 + 8 + 8
	tokenGeneration = 4
	tokenMAC        = 32
)

// ParseToken reads a token.
func ParseToken(token []byte) (Token, error) {
	var t Token
	if len(token) < tokenFixed+tokenGeneration+2+tokenMAC {
		return t, fmt.Errorf("%w: token of %d bytes", ErrDamaged, len(token))
	}
	b := token[2 : len(token)-tokenMAC]
	b = b[copy(t.Volunteer[:], b):]
	t.Shard = binary.BigEndian.Uint64(b[16:])
	b = b[16+8+8:]
	switch token[0] {
	case 1:
	case 2:
		b = b[tokenGeneration:]
	default:
		return t, fmt.Errorf("%w: token of version %d, want 1 or 2", ErrDamaged, token[0])
	}
	var ok bool
	if t.Job, b, ok = text(b); !ok {
		return t, fmt.Errorf("%w: token: job", ErrDamaged)
	}
	if t.Lane, b, ok = text(b); !ok || len(b) != 0 {
		return t, fmt.Errorf("%w: token: lane", ErrDamaged)
	}
	return t, nil
}

func text(b []byte) (s string, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	end := 1 + int(b[0])
	return string(b[1:end]), b[end:], true
}
