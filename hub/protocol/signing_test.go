package protocol_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

func testKey() (ed25519.PrivateKey, [32]byte) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return key, [32]byte(key.Public().(ed25519.PublicKey))
}

func TestConsentSignatureCoversEveryField(t *testing.T) {
	key, id := testKey()
	nonce := [32]byte{1}
	at := time.UnixMilli(1_760_000_000_000)
	signed := protocol.SignConsent(key, nonce, protocol.Consent{
		Origin: "origin", Runs: "runs", Limits: "limits", Issued: at, Expires: at.Add(time.Hour),
	})
	if !protocol.VerifyConsent(id, nonce, signed) {
		t.Fatal("an untouched consent does not verify")
	}
	changes := map[string]func(c *protocol.Consent){
		"origin":             func(c *protocol.Consent) { c.Origin += "x" },
		"runs":               func(c *protocol.Consent) { c.Runs += "x" },
		"limits":             func(c *protocol.Consent) { c.Limits += "x" },
		"issued":             func(c *protocol.Consent) { c.Issued = c.Issued.Add(time.Millisecond) },
		"expires":            func(c *protocol.Consent) { c.Expires = c.Expires.Add(time.Millisecond) },
		"signature":          func(c *protocol.Consent) { c.Signature[0] ^= 1 },
		"border of a field":  func(c *protocol.Consent) { c.Origin, c.Runs = "originr", "uns" },
		"order of two times": func(c *protocol.Consent) { c.Issued, c.Expires = c.Expires, c.Issued },
	}
	for name, change := range changes {
		c := signed
		change(&c)
		if protocol.VerifyConsent(id, nonce, c) {
			t.Errorf("a consent with a changed %s verifies", name)
		}
	}
	if protocol.VerifyConsent(id, [32]byte{2}, signed) {
		t.Error("a consent verifies under another nonce")
	}
	if protocol.VerifyConsent([32]byte{3}, nonce, signed) {
		t.Error("a consent verifies for another volunteer")
	}
}

func TestResultSignatureCoversLeaseAndOutputs(t *testing.T) {
	key, id := testKey()
	signed := protocol.SignResult(key, protocol.Result{Token: []byte("token"), Outputs: []byte("outputs"), Millis: 5})
	if !protocol.VerifyResult(id, signed) {
		t.Fatal("an untouched result does not verify")
	}
	other := signed
	other.Token = []byte("tokem")
	if protocol.VerifyResult(id, other) {
		t.Error("a result verifies under another token")
	}
	other = signed
	other.Outputs = []byte("output")
	if protocol.VerifyResult(id, other) {
		t.Error("a result verifies with other outputs")
	}
}

// The bytes that are hashed and signed must never change: seals and receipts
// outlive the software that made them.
func TestSignedBytesAreFixed(t *testing.T) {
	at := time.UnixMilli(1_760_000_000_000)
	seal := protocol.SealOf([32]byte{1}, [32]byte{2}, [16]byte{3})
	tests := []struct {
		name string
		got  [32]byte
		want string
	}{
		{"seal", seal, sealVector},
		{"result", sha256.Sum256(protocol.ResultBytes([]byte("token"), [32]byte{4})), resultVector},
		{"consent", sha256.Sum256(protocol.ConsentBytes([32]byte{5}, protocol.Consent{
			Origin: "o", Runs: "r", Limits: "l", Issued: at, Expires: at.Add(time.Hour),
		})), consentVector},
	}
	for _, test := range tests {
		if got := hex.EncodeToString(test.got[:]); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// Computed by an independent program from the words of PROTOCOL.md.
const (
	sealVector    = "596e15ac26189482ea6d34cb98d608c1b0776c760695ad129338ba1997dc9b32"
	resultVector  = "bedd2becac2da16e5eb78faca9cf55b7e5fdb4b458c212fe626b2d8ce205ca16"
	consentVector = "01615502357e5d5d839ad9a34a6d3ab6bf6d0e0d88201e4b1b79659802ad85bd"
)
