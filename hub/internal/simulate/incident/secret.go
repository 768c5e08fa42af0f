package incident

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Secret is what the lots of a hub are drawn with.
type Secret [32]byte

// NewSecret returns the secret of a simulated hub.
func NewSecret(seed uint64) Secret {
	return sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("lots of seed "), seed))
}

// For returns the secret of one kind of lot, so that lots do not go together.
func (s Secret) For(purpose string) [32]byte { return sha256.Sum256(append(s[:], purpose...)) }

// MarshalText writes hexadecimal digits.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *Secret) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(s)) {
		return fmt.Errorf("secret: %d characters, want %d hexadecimal digits", len(text), hex.EncodedLen(len(s)))
	}
	if _, err := hex.Decode(s[:], text); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	return nil
}
