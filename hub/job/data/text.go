package data

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxVocab is the largest vocabulary: tokens are 16 bits wide.
const MaxVocab = 1 << 16

// Tokens is a text as token numbers.
type Tokens []uint16

// FromText makes every byte a token. With a vocabulary of 128 only the low
// seven bits count; otherwise every byte must be below vocab.
func FromText(text []byte, vocab int) (Tokens, error) {
	mask := byte(0xff)
	if vocab == 128 {
		mask = 0x7f
	}
	t := make(Tokens, len(text))
	for i, c := range text {
		c &= mask
		if int(c) >= vocab {
			return nil, fmt.Errorf("byte %d at offset %d is outside a vocabulary of %d", c, i, vocab)
		}
		t[i] = uint16(c)
	}
	return t, nil
}

// FromUint16 reads little-endian 16-bit tokens, all of which must be below
// vocab.
func FromUint16(raw []byte, vocab int) (Tokens, error) {
	if len(raw)%2 != 0 {
		return nil, errors.New("tokens are two bytes each, but the number of bytes is odd")
	}
	t := make(Tokens, len(raw)/2)
	for i := range t {
		v := binary.LittleEndian.Uint16(raw[2*i:])
		if int(v) >= vocab {
			return nil, fmt.Errorf("token %d at position %d is outside a vocabulary of %d", v, i, vocab)
		}
		t[i] = v
	}
	return t, nil
}

// maxWindows is the number of validation windows of a text that is long
// enough.
const maxWindows = 1024

// Text is a corpus split into a training and a validation part and cut into
// sequences of context tokens and the one that follows.
type Text struct {
	train, validate Tokens
	context         int
	seed            uint32
}

// NewText splits tokens. It fails where either part is too short for one
// sequence.
func NewText(tokens Tokens, context int, seed uint32) (*Text, error) {
	cut := int(int64(len(tokens)) * 95 / 100)
	t := &Text{train: tokens[:cut], validate: tokens[cut:], context: context, seed: seed}
	if len(t.validate) < context+2 {
		return nil, fmt.Errorf("too short: of its %d tokens the last 5 %%, %d, are held out, and a context of %d needs at least %d there",
			len(tokens), len(t.validate), context, context+2)
	}
	if len(t.train) < context+2 {
		return nil, fmt.Errorf("too short: %d tokens to train on, and a context of %d needs at least %d",
			len(t.train), context, context+2)
	}
	if int64(len(tokens)) > 1<<32-1 {
		return nil, fmt.Errorf("too long: %d tokens, at most %d can be numbered", len(tokens), int64(1<<32-1))
	}
	return t, nil
}

// Sequence returns the tokens of sequence b, from 0, of a step, from 1:
// context inputs and one more. The slice is part of the corpus: read it only.
func (t *Text) Sequence(step uint32, b int) Tokens {
	n := uint32(len(t.train) - t.context - 1)
	start := PCG(t.seed*7919+PCG(step*1000+uint32(b))) % n
	return t.train[start : int(start)+t.context+1]
}

// Windows is the number of validation windows.
func (t *Text) Windows() int {
	return min(maxWindows, len(t.validate)-t.context-1)
}

// Window returns validation window i: context inputs and one more token, to
// be read only.
func (t *Text) Window(i int) Tokens {
	start := int64(i) * int64(len(t.validate)-t.context-1) / int64(t.Windows())
	return t.validate[start : int(start)+t.context+1]
}
