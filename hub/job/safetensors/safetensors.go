// Package safetensors reads and writes the safetensors file format: a 64-bit
// little-endian header length, a JSON header that names each tensor's type,
// shape and place, and then the tensors' bytes.
//
// The package knows two element types, F32 and I32. It writes files whose
// data starts at a multiple of eight bytes and whose tensors lie in the order
// given; equal tensors give equal bytes. It reads strictly: tensors must
// fill the data exactly, without gaps or overlaps.
package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// DType is a tensor's element type, by the format's own name.
type DType string

// The element types of this package; both take four bytes.
const (
	F32 DType = "F32"
	I32 DType = "I32"
)

// Tensor is one named tensor: dense, row-major, little-endian.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte
}

// Limits of the reader, and of the writer so that it writes nothing the
// reader refuses.
const (
	MaxHeader  = 1 << 20
	MaxTensors = 1 << 14
	maxDims    = 8
	metadata   = "__metadata__"
)

// Encode writes tensors, in their order, with notes as the header's metadata.
func Encode(tensors []Tensor, notes map[string]string) ([]byte, error) {
	// The header is written by hand to keep the tensors' order; every name
	// goes through the JSON encoder.
	var h bytes.Buffer
	h.WriteByte('{')
	if len(notes) > 0 {
		if err := writeField(&h, metadata, notes); err != nil {
			return nil, err
		}
	}
	if len(tensors) > MaxTensors {
		return nil, fmt.Errorf("safetensors: %d tensors, at most %d can be written", len(tensors), MaxTensors)
	}
	seen := map[string]bool{metadata: true}
	end := int64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("safetensors: name %q is taken", t.Name)
		}
		seen[t.Name] = true
		size, err := byteSize(t.DType, t.Shape)
		if err != nil {
			return nil, fmt.Errorf("safetensors: tensor %q: %w", t.Name, err)
		}
		if size != int64(len(t.Data)) {
			return nil, fmt.Errorf("safetensors: tensor %q: %d bytes of data, its shape %v takes %d", t.Name, len(t.Data), t.Shape, size)
		}
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		entry := entry{DType: t.DType, Shape: shape, Offsets: []int64{end, end + size}}
		if err := writeField(&h, t.Name, entry); err != nil {
			return nil, err
		}
		end += size
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	if h.Len() > MaxHeader {
		return nil, fmt.Errorf("safetensors: header of %d bytes, at most %d can be written", h.Len(), MaxHeader)
	}

	out := make([]byte, 0, 8+int64(h.Len())+end)
	out = binary.LittleEndian.AppendUint64(out, uint64(h.Len()))
	out = append(out, h.Bytes()...)
	for _, t := range tensors {
		out = append(out, t.Data...)
	}
	return out, nil
}

// entry is one tensor in the header.
type entry struct {
	DType   DType   `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

func writeField(h *bytes.Buffer, name string, value any) error {
	if h.Len() > 1 {
		h.WriteByte(',')
	}
	key, err := json.Marshal(name)
	if err != nil {
		return fmt.Errorf("safetensors: name %q: %w", name, err)
	}
	v, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("safetensors: %q: %w", name, err)
	}
	h.Write(key)
	h.WriteByte(':')
	h.Write(v)
	return nil
}

// Decode reads a file. The tensors come in the order of their data, which is
// part of file.
func Decode(file []byte) (tensors []Tensor, notes map[string]string, err error) {
	if len(file) < 8 {
		return nil, nil, errors.New("safetensors: shorter than its header's length")
	}
	n := binary.LittleEndian.Uint64(file)
	if n > MaxHeader {
		return nil, nil, fmt.Errorf("safetensors: header of %d bytes, at most %d can be read", n, MaxHeader)
	}
	if n > uint64(len(file)-8) {
		return nil, nil, errors.New("safetensors: ends inside its header")
	}
	fields, err := readFields(file[8 : 8+n])
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: header: %w", err)
	}
	data := file[8+n:]
	type placed struct {
		Tensor
		start, end int64
	}
	var all []placed
	for _, f := range fields {
		if f.name == metadata {
			if err := strict(f.value, &notes); err != nil {
				return nil, nil, fmt.Errorf("safetensors: header: metadata: %w", err)
			}
			continue
		}
		var e entry
		if err := strict(f.value, &e); err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", f.name, err)
		}
		size, err := byteSize(e.DType, e.Shape)
		if err != nil {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: %w", f.name, err)
		}
		if len(e.Offsets) != 2 || e.Offsets[0] < 0 || e.Offsets[1] > int64(len(data)) || e.Offsets[1]-e.Offsets[0] != size {
			return nil, nil, fmt.Errorf("safetensors: tensor %q: offsets %v do not fit %d bytes of shape %v in %d bytes of data",
				f.name, e.Offsets, size, e.Shape, len(data))
		}
		all = append(all, placed{
			Tensor: Tensor{Name: f.name, DType: e.DType, Shape: e.Shape},
			start:  e.Offsets[0],
			end:    e.Offsets[1],
		})
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end))
	})
	end := int64(0)
	for _, t := range all {
		if t.start != end {
			return nil, nil, fmt.Errorf("safetensors: tensor %q starts at %d, the one before it ends at %d", t.Name, t.start, end)
		}
		end = t.end
		t.Data = data[t.start:t.end]
		tensors = append(tensors, t.Tensor)
	}
	if end != int64(len(data)) {
		return nil, nil, fmt.Errorf("safetensors: %d bytes of data belong to no tensor", int64(len(data))-end)
	}
	return tensors, notes, nil
}

type field struct {
	name  string
	value json.RawMessage
}

// readFields splits a JSON object, refusing repeated names, which
// encoding/json would let the last one of win.
func readFields(header []byte) ([]field, error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	var fields []field
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		f := field{name: t.(string)}
		if seen[f.name] {
			return nil, fmt.Errorf("name %q appears twice", f.name)
		}
		seen[f.name] = true
		if len(seen) > MaxTensors+1 {
			return nil, fmt.Errorf("more than %d tensors", MaxTensors)
		}
		if err := dec.Decode(&f.value); err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if strings.Trim(string(header[dec.InputOffset():]), " ") != "" {
		return nil, errors.New("is followed by something")
	}
	return fields, nil
}

// strict decodes one JSON value, refusing fields that dst does not have.
func strict(value json.RawMessage, dst any) error {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.DisallowUnknownFields()
	return dec.Decode(dst)
}

// byteSize is the number of bytes of a tensor.
func byteSize(t DType, shape []int) (int64, error) {
	if t != F32 && t != I32 {
		return 0, fmt.Errorf("element type %q, only F32 and I32 are known", t)
	}
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, at most %d are allowed", len(shape), maxDims)
	}
	const limit = 1 << 40
	size := int64(4)
	for _, d := range shape {
		if d < 0 || int64(d) > limit {
			return 0, fmt.Errorf("shape %v", shape)
		}
		if d != 0 && size > limit/int64(d) {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		size *= int64(d)
	}
	return size, nil
}
