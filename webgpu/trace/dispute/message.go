package dispute

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// Kind is what a question asks for. The numbers are part of the encoding.
type Kind uint8

// The kinds of questions, in the order in which they are asked.
const (
	Commit Kind = iota + 1
	Descend
	Reveal
	Supply
)

// String names the kind.
func (k Kind) String() string {
	if k < Commit || k > Supply {
		return "kind?"
	}
	return [...]string{"commit", "descend", "reveal", "supply"}[k-Commit]
}

// Question is asked of one party. It is about the Size ops from Lo on.
type Question struct {
	Party    int
	Kind     Kind
	Lo, Size int
}

// Encode returns the question's bytes.
func (q Question) Encode() []byte {
	b := []byte{byte(q.Kind), byte(q.Party)}
	b = binary.AppendUvarint(b, uint64(q.Lo))
	return binary.AppendUvarint(b, uint64(q.Size))
}

// DecodeQuestion reads a question.
func DecodeQuestion(data []byte) (Question, error) {
	d := decoder{data: data}
	q := Question{Kind: Kind(d.byte("kind")), Party: int(d.byte("party"))}
	q.Lo, q.Size = d.count("first op", program.MaxOps), d.count("ops", program.MaxOps)
	if d.err == nil && (q.Kind < Commit || q.Kind > Supply || q.Party > 1) {
		d.fail("kind %d of party %d", q.Kind, q.Party)
	}
	return q, d.end()
}

// Answer is one party's answer. What it holds depends on the question:
//
//	Commit   the root in Digests; an opening of every op that makes an output
//	         of the program, in order
//	Descend  the left and the right child in Digests
//	Reveal   the digest of every output of the op in Digests
//	Supply   every input of the op in Values, each once, in order of first use;
//	         an opening of every op that made one, likewise
type Answer struct {
	Digests   []trace.Digest
	Openings  []trace.Opening
	Values    [][]byte
	Signature []byte
}

// signing domain: no other message of the protocol begins like this.
const domain = "shoal dispute answer 1\x00"

func signed(id trace.Digest, q Question, a *Answer) []byte {
	b := append([]byte(domain), id[:]...)
	b = append(b, q.Encode()...)
	return a.appendBody(b)
}

// Sign signs the answer for one question of one case.
func (a *Answer) Sign(key ed25519.PrivateKey, id trace.Digest, q Question) {
	a.Signature = ed25519.Sign(key, signed(id, q, a))
}

func (a *Answer) appendBody(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(a.Digests)))
	b = appendDigests(b, a.Digests)
	b = binary.AppendUvarint(b, uint64(len(a.Openings)))
	for _, o := range a.Openings {
		b = binary.AppendUvarint(b, uint64(o.Op))
		b = binary.AppendUvarint(b, uint64(len(o.Outputs)))
		b = appendDigests(b, o.Outputs)
		b = binary.AppendUvarint(b, uint64(len(o.Path)))
		b = appendDigests(b, o.Path)
	}
	b = binary.AppendUvarint(b, uint64(len(a.Values)))
	for _, v := range a.Values {
		b = appendBytes(b, v)
	}
	return b
}

// Encode returns the answer's bytes, signature included.
func (a *Answer) Encode() []byte { return append(a.appendBody(nil), a.Signature...) }

// DecodeAnswer reads an answer. Its values share the memory of data.
func DecodeAnswer(data []byte) (Answer, error) {
	d := decoder{data: data}
	var a Answer
	a.Digests = d.digests(d.count("digests", program.MaxPorts))
	for range d.items("openings", program.MaxPorts, 3) {
		o := trace.Opening{Op: d.count("op", program.MaxOps)}
		o.Outputs = d.digests(d.count("outputs", program.MaxPorts))
		o.Path = d.digests(d.count("siblings", 64))
		a.Openings = append(a.Openings, o)
	}
	for range d.items("values", program.MaxPorts, 1) {
		a.Values = append(a.Values, d.bytes("value"))
	}
	a.Signature = d.take(ed25519.SignatureSize, "signature")
	if err := d.end(); err != nil {
		return Answer{}, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}
