package job_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

func exampleShard() job.Shard {
	return job.Shard{
		Program: job.Sum([]byte("program")),
		Inputs: []job.Input{
			{Blob: job.Sum([]byte("weights"))},
			{Data: []byte("tokens")},
			{Data: []byte{}},
		},
		Cost: 1 << 40,
	}
}

func TestShardRoundTrip(t *testing.T) {
	for _, want := range []job.Shard{{}, exampleShard()} {
		got, err := job.DecodeShard(job.EncodeShard(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestOutputsRoundTrip(t *testing.T) {
	for _, want := range [][][]byte{{}, {{}}, {[]byte("a"), {}, bytes.Repeat([]byte("b"), 300)}} {
		got, err := job.DecodeOutputs(job.EncodeOutputs(want))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
}

// These bytes are what volunteers seal and sign: they must never change.
func TestEncodingIsFixed(t *testing.T) {
	if got, want := hex.EncodeToString(job.EncodeOutputs([][]byte{[]byte("ab"), {}})), "0202616200"; got != want {
		t.Errorf("outputs: got %s, want %s", got, want)
	}
	s := job.Shard{Inputs: []job.Input{{}, {Data: []byte("x")}}, Cost: 300}
	zeros := strings.Repeat("00", 32)
	if got, want := hex.EncodeToString(job.EncodeShard(s)), "01"+zeros+"ac02"+"02"+"00"+zeros+"010178"; got != want {
		t.Errorf("shard: got %s, want %s", got, want)
	}
}

func TestMalformedIsRefused(t *testing.T) {
	shard := job.EncodeShard(exampleShard())
	outputs := job.EncodeOutputs([][]byte{[]byte("abc"), []byte("d")})
	for n := range shard {
		if _, err := job.DecodeShard(shard[:n]); !errors.Is(err, job.ErrEncoding) {
			t.Errorf("shard cut to %d bytes: got error %v, want %v", n, err, job.ErrEncoding)
		}
	}
	for n := range outputs {
		if _, err := job.DecodeOutputs(outputs[:n]); !errors.Is(err, job.ErrEncoding) {
			t.Errorf("outputs cut to %d bytes: got error %v, want %v", n, err, job.ErrEncoding)
		}
	}
	zeros := strings.Repeat("00", 32)
	tests := []struct {
		name, hex, want string
		decode          func([]byte) error
	}{
		{"shard trailing", hex.EncodeToString(shard) + "00", "after the end", decodeShard},
		{"shard version", "02" + zeros + "0000", "version", decodeShard},
		{"shard cost over 63 bits", "01" + zeros + "8080808080808080800100", "cost", decodeShard},
		{"shard cost not shortest", "01" + zeros + "800000", "cost: bad varint", decodeShard},
		{"shard too many inputs", "01" + zeros + "008120", "inputs", decodeShard},
		{"shard more inputs than bytes", "01" + zeros + "0003", "inputs", decodeShard},
		{"shard unknown tag", "01" + zeros + "000102", "tag 2", decodeShard},
		{"shard inline over limit", "01" + zeros + "0001018180800200", "input length", decodeShard},
		{"outputs trailing", hex.EncodeToString(outputs) + "00", "after the end", decodeOutputs},
		{"outputs too many", "8120", "outputs", decodeOutputs},
		{"outputs over limit", "01818080a000", "bad varint", decodeOutputs},
		{"outputs length over limit", "018180802000", "output length", decodeOutputs},
	}
	for _, test := range tests {
		data, err := hex.DecodeString(test.hex)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if err := test.decode(data); !errors.Is(err, job.ErrEncoding) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one with %q", test.name, err, test.want)
		}
	}
}

func decodeShard(b []byte) error   { _, err := job.DecodeShard(b); return err }
func decodeOutputs(b []byte) error { _, err := job.DecodeOutputs(b); return err }

func TestDecodeOutputsAliases(t *testing.T) {
	data := job.EncodeOutputs([][]byte{[]byte("abc")})
	out, err := job.DecodeOutputs(data)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] = 'z'
	if got := string(out[0]); got != "abz" {
		t.Errorf("got %q, want %q: the output is a copy", got, "abz")
	}
}

func FuzzDecodeShard(f *testing.F) {
	f.Add(job.EncodeShard(exampleShard()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := job.DecodeShard(data)
		if err != nil {
			if !errors.Is(err, job.ErrEncoding) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again := job.EncodeShard(s); !bytes.Equal(again, data) {
			t.Fatalf("%x encodes again as %x", data, again)
		}
	})
}

func FuzzDecodeOutputs(f *testing.F) {
	f.Add(job.EncodeOutputs([][]byte{[]byte("abc"), {}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := job.DecodeOutputs(data)
		if err != nil {
			if !errors.Is(err, job.ErrEncoding) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if again := job.EncodeOutputs(out); !bytes.Equal(again, data) {
			t.Fatalf("%x encodes again as %x", data, again)
		}
	})
}
