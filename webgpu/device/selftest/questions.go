package selftest

import (
	"crypto/sha256"
	_ "embed" // for the answers
	"encoding/binary"
	"errors"
	"iter"

	"github.com/shoal-compute/shoal/webgpu/program"
)

// answers is a list of questions: name, seed, program, each of the first and
// the last with its length before it, and the digest of the answer. Numbers
// are varints.
//
//go:embed answers.bin
var answers []byte

// question is a program, the seed of its inputs, and what comes out.
type question struct {
	name    string // the op and a number, or what the program is
	seed    uint64
	program *program.Program
	answer  []byte // the digest of the outputs
}

// load names the question that Speed measures.
const load = "load"

// all yields the questions in order. Programs are decoded one by one, since
// all of them together would fill much of a page's memory.
func all() iter.Seq2[*question, error] {
	return func(yield func(*question, error) bool) {
		for rest := answers; len(rest) > 0; {
			q, more, err := next(rest)
			if !yield(q, err) || err != nil {
				return
			}
			rest = more
		}
	}
}

var errDamaged = errors.New("selftest: the embedded answers are damaged")

func next(data []byte) (*question, []byte, error) {
	name, data, ok := field(data)
	seed, n := binary.Uvarint(data)
	if !ok || n <= 0 {
		return nil, nil, errDamaged
	}
	code, data, ok := field(data[n:])
	if !ok || len(data) < sha256.Size {
		return nil, nil, errDamaged
	}
	p, err := program.Decode(code)
	if err != nil {
		return nil, nil, errors.Join(errDamaged, err)
	}
	return &question{name: string(name), seed: seed, program: p, answer: data[:sha256.Size]}, data[sha256.Size:], nil
}

// field takes a length and that many bytes off data.
func field(data []byte) (f, rest []byte, ok bool) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return nil, nil, false
	}
	data = data[n:]
	return data[:size], data[size:], true
}

// encode is the inverse of next.
func (c *question) encode(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(c.name)))
	dst = append(dst, c.name...)
	dst = binary.AppendUvarint(dst, c.seed)
	code := c.program.Encode()
	dst = binary.AppendUvarint(dst, uint64(len(code)))
	dst = append(dst, code...)
	return append(dst, c.answer...)
}
