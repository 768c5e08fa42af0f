package safetensors

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

func sample() []Tensor {
	return []Tensor{
		{Name: "tok", DType: F32, Shape: []int{2, 1}, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
		{Name: "a \"b\"", DType: I32, Shape: []int{}, Data: []byte{9, 9, 9, 9}},
		{Name: "none", DType: I32, Shape: []int{0, 5}, Data: []byte{}},
		{Name: "tail", DType: I32, Shape: []int{1}, Data: []byte{4, 3, 2, 1}},
	}
}

func TestRoundTrip(t *testing.T) {
	notes := map[string]string{"format": "pt", "by": "shoal"}
	file, err := Encode(sample(), notes)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(file); n%8 != 0 {
		t.Errorf("data is not aligned: header of %d bytes", n)
	}
	got, gotNotes, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) || !reflect.DeepEqual(gotNotes, notes) {
		t.Errorf("got  %v %v\nwant %v %v", got, gotNotes, sample(), notes)
	}
	again, _ := Encode(sample(), notes)
	if !bytes.Equal(file, again) {
		t.Error("encoding the same tensors twice gives different bytes")
	}
}

// The bytes of a small file, by hand from the format's description.
func TestEncodeBytes(t *testing.T) {
	file, err := Encode([]Tensor{{Name: "w", DType: F32, Shape: []int{1}, Data: []byte{0, 0, 128, 63}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	header := `{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  `
	want := append([]byte{56, 0, 0, 0, 0, 0, 0, 0}, header...)
	want = append(want, 0, 0, 128, 63)
	if !bytes.Equal(file, want) {
		t.Errorf("got  %q\nwant %q", file, want)
	}
}

func TestEncodeErrors(t *testing.T) {
	tests := []struct {
		name string
		t    []Tensor
		want string
	}{
		{"name twice", []Tensor{{Name: "a", DType: I32, Shape: []int{0}}, {Name: "a", DType: I32, Shape: []int{0}}}, `name "a" is taken`},
		{"metadata", []Tensor{{Name: metadata, DType: I32, Shape: []int{0}}}, "is taken"},
		{"type", []Tensor{{Name: "a", DType: "F16"}}, `element type "F16"`},
		{"size", []Tensor{{Name: "a", DType: I32, Shape: []int{2}, Data: make([]byte, 4)}}, "4 bytes of data, its shape [2] takes 8"},
		{"shape", []Tensor{{Name: "a", DType: I32, Shape: []int{-1}}}, "shape [-1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Encode(tt.t, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "shorter than its header's length"},
		{"cut", file("{}", 0)[:9], "ends inside its header"},
		{"huge header", bytes.Repeat([]byte{255}, 20), "at most 1048576 can be read"},
		{"no object", file("[]", 0), "is not a JSON object"},
		{"damaged", file(`{"a":`, 0), "header: "},
		{"two objects", file(`{} {}`, 0), "is followed by something"},
		{"name twice", file(`{"a":{"dtype":"I32","shape":[0],"data_offsets":[0,0]},"a":{}}`, 0), `name "a" appears twice`},
		{"unknown field", file(`{"a":{"dtype":"I32","shape":[0],"data_offsets":[0,0],"x":1}}`, 0), `unknown field "x"`},
		{"type", file(`{"a":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]}}`, 0), "only F32 and I32 are known"},
		{"outside", file(`{"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}`, 4), "do not fit"},
		{"backwards", file(`{"a":{"dtype":"I32","shape":[0],"data_offsets":[4,0]}}`, 4), "do not fit"},
		{"one offset", file(`{"a":{"dtype":"I32","shape":[0],"data_offsets":[0]}}`, 0), "do not fit"},
		{"wrong size", file(`{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,8]}}`, 8), "do not fit"},
		{"too large", file(`{"a":{"dtype":"I32","shape":[1099511627776,1099511627776],"data_offsets":[0,0]}}`, 0), "is too large"},
		{"gap", file(`{"a":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}`, 8), "starts at 4, the one before it ends at 0"},
		{"overlap", file(`{"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I32","shape":[1],"data_offsets":[4,8]}}`, 8), "starts at 4"},
		{"rest", file(`{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, 8), "4 bytes of data belong to no tensor"},
		{"metadata", file(`{"__metadata__":{"a":1}}`, 0), "metadata"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Decode(tt.file)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := Encode(sample(), map[string]string{"a": "b"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(file(`{}`, 0))
	f.Add(file(`{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}  `, 4))
	f.Add(file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`, 4))
	f.Fuzz(func(t *testing.T, file []byte) {
		tensors, notes, err := Decode(file)
		if err != nil {
			return
		}
		out, err := Encode(tensors, notes)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, notes2, err := Decode(out)
		if err != nil || len(again) != len(tensors) || len(notes2) != len(notes) {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
