// Package volunteer holds the one thing every part of the hub must call by
// the same name: who a volunteer is.
//
// It is a leaf. It refuses to know what volunteers do, own or deserve.
package volunteer

import (
	"encoding/hex"
	"fmt"
)

// ID is a volunteer's ed25519 public key. It is all the hub knows of a person.
type ID [32]byte

// String returns the lower-case hexadecimal form.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 8 hexadecimal digits: enough for people and logs.
func (id ID) Short() string { return hex.EncodeToString(id[:4]) }

// MarshalText lets an ID be a JSON string or map key.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Parse reads 64 hexadecimal digits.
func Parse(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("volunteer: %d characters, want %d hexadecimal digits", len(s), hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("volunteer: %w", err)
	}
	return id, nil
}
