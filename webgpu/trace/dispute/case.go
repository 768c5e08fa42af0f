package dispute

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// Claim is what one party returned: the digest of every output of the program,
// and the key that its answers are signed with.
type Claim struct {
	Key     ed25519.PublicKey
	Outputs []trace.Digest
}

// Case is what is disputed. The nonce makes the case unlike every other, so
// that no answer can be used twice.
type Case struct {
	Program *program.Program
	Inputs  []trace.Digest // of the program's inputs
	Claims  [2]Claim
	Nonce   [16]byte
}

// ID names the case: the SHA-256 of its encoding.
func (c *Case) ID() trace.Digest { return sha256.Sum256(c.append(nil)) }

func (c *Case) check() error {
	if c.Program == nil || len(c.Program.Nodes()) == 0 {
		return fmt.Errorf("dispute: the program has no ops")
	}
	if got, want := len(c.Inputs), len(c.Program.Inputs()); got != want {
		return fmt.Errorf("dispute: %d digests of inputs, want %d", got, want)
	}
	for i, claim := range c.Claims {
		if len(claim.Key) != ed25519.PublicKeySize {
			return fmt.Errorf("dispute: key of party %d has %d bytes, want %d", i, len(claim.Key), ed25519.PublicKeySize)
		}
		if got, want := len(claim.Outputs), len(c.Program.Outputs()); got != want {
			return fmt.Errorf("dispute: party %d claims %d outputs, want %d", i, got, want)
		}
	}
	if c.Claims[0].Key.Equal(c.Claims[1].Key) {
		return fmt.Errorf("dispute: both parties have one key")
	}
	return nil
}

// append appends the encoding: the program, the digests of its inputs, both
// claims and the nonce. Numbers of digests follow from the program.
func (c *Case) append(b []byte) []byte {
	b = appendBytes(b, c.Program.Encode())
	b = appendDigests(b, c.Inputs)
	for _, claim := range c.Claims {
		b = append(b, claim.Key...)
		b = appendDigests(b, claim.Outputs)
	}
	return append(b, c.Nonce[:]...)
}

func readCase(d *decoder) (*Case, error) {
	raw := d.bytes("program")
	if d.err != nil {
		return nil, d.err
	}
	p, err := program.Decode(raw)
	if err != nil {
		return nil, err
	}
	c := &Case{Program: p, Inputs: d.digests(len(p.Inputs()))}
	for i := range c.Claims {
		c.Claims[i].Key = d.take(ed25519.PublicKeySize, "key")
		c.Claims[i].Outputs = d.digests(len(p.Outputs()))
	}
	copy(c.Nonce[:], d.take(len(c.Nonce), "nonce"))
	if d.err != nil {
		return nil, d.err
	}
	return c, c.check()
}
