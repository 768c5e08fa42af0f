package receipt

import (
	"crypto/ed25519"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// signerName is the name part of every hub's key. A hub's own name is for
// people and may change.
const signerName = "shoal-hub"

// SeedSize is the size of a hub's secret, in bytes.
const SeedSize = ed25519.SeedSize

// Signer signs heads for one hub.
type Signer struct {
	private ed25519.PrivateKey
	key     string
	hash    uint32
}

// NewSigner returns the signer with this secret.
func NewSigner(seed []byte) (*Signer, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("receipt: secret of %d bytes, want %d", len(seed), SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	key, err := note.NewEd25519VerifierKey(signerName, private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("receipt: %w", err)
	}
	v, err := verifier(key)
	if err != nil {
		return nil, err
	}
	return &Signer{private: private, key: key, hash: v.KeyHash()}, nil
}

// Key is the hub's public key: what people write down to recognise the hub.
func (s *Signer) Key() string { return s.key }

// signer is a Signer as package note wants it.
type signer struct{ s *Signer }

var _ note.Signer = signer{}

func (s signer) Name() string                    { return signerName }
func (s signer) KeyHash() uint32                 { return s.s.hash }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.s.private, msg), nil }
