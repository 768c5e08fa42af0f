package job

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrEncoding is wrapped by every error of DecodeShard and DecodeOutputs: the
// bytes are not what the encoder would have written.
var ErrEncoding = errors.New("job: malformed encoding")

// Limits of the encodings below.
const (
	MaxInputs  = 4096     // inputs of a shard
	MaxOutputs = 4096     // outputs of a shard
	MaxInline  = 4 << 20  // bytes of all inline inputs of a shard together
	MaxResult  = 64 << 20 // bytes of all outputs of a shard together

	shardVersion = 1
	inputBlob    = 0
	inputInline  = 1
)

// EncodeShard returns the one encoding of s:
//
//	version (1)  program (32 bytes)  cost  number of inputs  inputs
//	input: 0 blob (32 bytes)  |  1 length bytes
//
// Numbers are varints, low 7 bits first, in their shortest form. A negative
// cost is a bug of the caller.
func EncodeShard(s Shard) []byte {
	if s.Cost < 0 {
		panic(fmt.Sprintf("job: shard with cost %d", s.Cost))
	}
	size := 1 + len(s.Program) + 2*binary.MaxVarintLen64
	for _, in := range s.Inputs {
		size += 1 + max(len(in.Blob), binary.MaxVarintLen64+len(in.Data))
	}
	b := append(make([]byte, 0, size), shardVersion)
	b = append(b, s.Program[:]...)
	b = binary.AppendUvarint(b, uint64(s.Cost))
	b = binary.AppendUvarint(b, uint64(len(s.Inputs)))
	for _, in := range s.Inputs {
		if in.Data == nil {
			b = append(append(b, inputBlob), in.Blob[:]...)
			continue
		}
		b = binary.AppendUvarint(append(b, inputInline), uint64(len(in.Data)))
		b = append(b, in.Data...)
	}
	return b
}

// DecodeShard is the strict inverse of EncodeShard. Inline inputs alias data.
func DecodeShard(data []byte) (Shard, error) {
	r := reader{what: "shard", left: data}
	if v := r.take("version", 1); r.err == nil && v[0] != shardVersion {
		r.failf("version: got %d, want %d", v[0], shardVersion)
	}
	var s Shard
	copy(s.Program[:], r.take("program", len(s.Program)))
	s.Cost = int64(r.uvarint("cost", math.MaxInt64))
	n := r.count("inputs", MaxInputs)
	if n > 0 {
		s.Inputs = make([]Input, n)
	}
	inline := 0
	for i := range s.Inputs {
		in := &s.Inputs[i]
		switch tag := r.take("input", 1); {
		case r.err != nil:
		case tag[0] == inputBlob:
			copy(in.Blob[:], r.take("input blob", len(in.Blob)))
		case tag[0] == inputInline:
			in.Data = r.take("input data", int(r.uvarint("input length", uint64(MaxInline-inline))))
			inline += len(in.Data)
		default:
			r.failf("input %d: unknown tag %d", i, tag[0])
		}
	}
	if err := r.end(); err != nil {
		return Shard{}, err
	}
	return s, nil
}

// EncodeOutputs returns the one encoding of a shard's outputs: their number,
// then each one's length and bytes. Its SHA-256 is the result hash.
func EncodeOutputs(outputs [][]byte) []byte {
	size := binary.MaxVarintLen64
	for _, out := range outputs {
		size += binary.MaxVarintLen64 + len(out)
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(outputs)))
	for _, out := range outputs {
		b = binary.AppendUvarint(b, uint64(len(out)))
		b = append(b, out...)
	}
	return b
}

// DecodeOutputs is the strict inverse of EncodeOutputs. The outputs alias
// data.
func DecodeOutputs(data []byte) ([][]byte, error) {
	r := reader{what: "outputs", left: data}
	outputs := make([][]byte, r.count("outputs", MaxOutputs))
	total := 0
	for i := range outputs {
		outputs[i] = r.take("output data", int(r.uvarint("output length", uint64(MaxResult-total))))
		total += len(outputs[i])
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return outputs, nil
}

// reader consumes an encoding. Its first error sticks; what is read after it
// is zero.
type reader struct {
	what string
	left []byte
	err  error
}

func (r *reader) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s: %s", ErrEncoding, r.what, fmt.Sprintf(format, args...))
	}
}

func (r *reader) take(field string, n int) []byte {
	if r.err == nil && n > len(r.left) {
		r.failf("%s: %d bytes left, want %d", field, len(r.left), n)
	}
	if r.err != nil {
		return nil
	}
	b := r.left[:n:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) uvarint(field string, max uint64) uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.left)
	switch {
	case n <= 0 || n > 1 && r.left[n-1] == 0:
		r.failf("%s: bad varint", field)
	case v > max:
		r.failf("%s: %d is over %d", field, v, max)
	default:
		r.left = r.left[n:]
		return v
	}
	return 0
}

// count reads how many elements follow; each takes at least one byte, so no
// more memory is asked for than data could fill.
func (r *reader) count(field string, max int) int {
	n := int(r.uvarint(field, uint64(max)))
	if r.err == nil && n > len(r.left) {
		r.failf("%s: %d of them in %d bytes", field, n, len(r.left))
	}
	if r.err != nil {
		return 0
	}
	return n
}

func (r *reader) end() error {
	if r.err == nil && len(r.left) > 0 {
		r.failf("%d bytes after the end", len(r.left))
	}
	return r.err
}
