package receipt

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256: in text, 64 lower-case hexadecimal digits.
type Hash [sha256.Size]byte

// Sum returns the hash of data.
func Sum(data []byte) Hash { return sha256.Sum256(data) }

// String returns the text.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error { return fixed(h[:], text) }

// Key is an ed25519 public key: in text, 64 lower-case hexadecimal digits.
type Key [32]byte

// String returns the text.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Short returns the first 8 digits: enough for people.
func (k Key) Short() string { return hex.EncodeToString(k[:4]) }

// MarshalText implements encoding.TextMarshaler.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(text []byte) error { return fixed(k[:], text) }

// Bytes are bytes of any length: in text, lower-case hexadecimal digits.
type Bytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode([]byte{}, b), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bytes) UnmarshalText(text []byte) error {
	decoded, err := hex.AppendDecode([]byte{}, text)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	*b = decoded
	return nil
}

func fixed(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("receipt: %d characters, want %d hexadecimal digits", len(text), hex.EncodedLen(len(dst)))
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return nil
}
