package protocol_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/protocoltest"
)

func TestEveryTypeHasAMessageAndAName(t *testing.T) {
	seen := map[protocol.Type]bool{}
	for _, m := range protocoltest.Messages() {
		seen[m.Type()] = true
		if v := reflect.ValueOf(m); v.IsZero() {
			t.Errorf("%v: the example is empty", m.Type())
		} else {
			for i := range v.NumField() {
				if v.Field(i).IsZero() {
					t.Errorf("%v: field %s of the example is zero, so nothing shows that it travels", m.Type(), v.Type().Field(i).Name)
				}
			}
		}
	}
	for typ := protocol.TypeHello; typ <= protocol.TypeResponse; typ++ {
		if typ == protocol.TypeError+1 {
			continue // type.go says why nobody has it
		}
		if !seen[typ] {
			t.Errorf("%v has no example", typ)
		}
		if strings.HasPrefix(typ.String(), "type ") {
			t.Errorf("type %d has no name", typ)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, m := range protocoltest.Messages() {
		frame, err := protocol.Encode(m)
		if err != nil {
			t.Fatalf("Encode %v: %v", m.Type(), err)
		}
		got, err := protocol.Decode(frame)
		if err != nil {
			t.Fatalf("Decode %v: %v", m.Type(), err)
		}
		if !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, want %+v", got, m)
		}
		zero := reflect.Zero(reflect.TypeOf(m)).Interface().(protocol.Message)
		if frame, err = protocol.Encode(zero); err != nil {
			t.Fatalf("Encode zero %v: %v", m.Type(), err)
		}
		if _, err = protocol.Decode(frame); err != nil {
			t.Errorf("Decode zero %v: %v", m.Type(), err)
		}
	}
}

func TestEveryTruncationAndExtensionIsRefused(t *testing.T) {
	for _, m := range protocoltest.Messages() {
		frame, err := protocol.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(frame) {
			if _, err := protocol.Decode(frame[:n]); codeOf(err) != protocol.CodeMalformed {
				t.Errorf("%v cut to %d of %d bytes: got error %v, want %v", m.Type(), n, len(frame), err, protocol.CodeMalformed)
			}
		}
		if _, err := protocol.Decode(append(frame, 0)); codeOf(err) != protocol.CodeMalformed {
			t.Errorf("%v with a byte after it: got error %v, want %v", m.Type(), err, protocol.CodeMalformed)
		}
	}
}

// The vectors are frames with their outcome, kept forever: a line is a name,
// "ok" or a code, and the frame in hexadecimal.
func TestVectors(t *testing.T) {
	examples := map[string]protocol.Message{}
	for _, m := range protocoltest.Messages() {
		examples["example-"+m.Type().String()] = m
	}
	file, err := os.Open("testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		for len(f) < 3 {
			f = append(f, "")
		}
		name, outcome := f[0], f[1]
		frame, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m, err := protocol.Decode(frame)
		if outcome != "ok" {
			if got := codeOf(err).String(); got != outcome {
				t.Errorf("%s: got %+v, error %v, want code %s", name, m, err, outcome)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again, err := protocol.Encode(m); err != nil || !bytes.Equal(again, frame) {
			t.Errorf("%s: encodes again as %x, %v, want %x", name, again, err, frame)
		}
		if want, ok := examples[name]; ok && !reflect.DeepEqual(m, want) {
			t.Errorf("%s: got %+v, want %+v", name, m, want)
		}
		delete(examples, name)
	}
	for name := range examples {
		t.Errorf("no vector named %s", name)
	}
}

func TestEncodeNamesTheFieldOverItsLimit(t *testing.T) {
	long := strings.Repeat("x", protocol.MaxConsent+1)
	tests := []struct {
		m    protocol.Message
		want string
	}{
		{protocol.Hello{Agent: long}, "agent"},
		{protocol.Hello{Devices: make([]protocol.Device, protocol.MaxDevices+1)}, "devices"},
		{protocol.Consent{Runs: long}, "runs"},
		{protocol.Lease{Token: []byte(long)}, "token"},
		{protocol.Return{Tokens: make([][]byte, protocol.MaxTokens+1)}, "tokens"},
		{protocol.StatusUpdate{JSON: make([]byte, protocol.MaxStatus+1)}, "json"},
		{protocol.Lease{Payload: make([]byte, protocol.MaxLeaseFrame)}, "frame has"},
		{protocol.Goodbye{Reason: "\xff"}, "not UTF-8"},
		{&protocol.Goodbye{}, "by value"},
	}
	for _, test := range tests {
		frame, err := protocol.Encode(test.m)
		if err == nil || !strings.Contains(err.Error(), test.want) || frame != nil {
			t.Errorf("%T: got %d bytes, error %v, want an error with %q", test.m, len(frame), err, test.want)
		}
	}
}

func TestAppendEncodeKeepsWhatIsThere(t *testing.T) {
	got, err := protocol.AppendEncode([]byte("ab"), protocol.Goodbye{Reason: "c"})
	if want := "ab\x10\x01c"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestDecodeAliasesTheFrame(t *testing.T) {
	frame, err := protocol.Encode(protocol.Blob{Data: make([]byte, 1<<20)})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() {
		if _, err := protocol.Decode(frame); err != nil {
			t.Fatal(err)
		}
	}); n > 4 {
		t.Errorf("Decode of a blob allocates %v times", n)
	}
	m, _ := protocol.Decode(frame)
	frame[len(frame)-1] = 1
	if data := m.(protocol.Blob).Data; data[len(data)-1] != 1 {
		t.Error("Decode copied the blob's data")
	}
}

func TestFrameErrorReply(t *testing.T) {
	_, err := protocol.Decode([]byte{200})
	var fe *protocol.FrameError
	if !errors.As(err, &fe) {
		t.Fatalf("got error %v, want a FrameError", err)
	}
	reply := fe.Reply()
	if reply.Code != protocol.CodeUnknownType || reply.Fatal {
		t.Errorf("got %+v, want code %v, not fatal", reply, protocol.CodeUnknownType)
	}
	fe.Detail = strings.Repeat("é", protocol.MaxText)
	if _, err := protocol.Encode(fe.Reply()); err != nil {
		t.Errorf("a reply with a long detail does not encode: %v", err)
	}
}

func TestTimesTravelAsUTCMilliseconds(t *testing.T) {
	zone := time.FixedZone("", 3600)
	at := time.Date(2031, 5, 6, 7, 8, 9, 10_999_999, zone)
	frame, err := protocol.Encode(protocol.Consented{Expires: at})
	if err != nil {
		t.Fatal(err)
	}
	m, err := protocol.Decode(frame)
	if want := (protocol.Consented{Expires: at.UTC().Truncate(time.Millisecond)}); err != nil || m != want {
		t.Errorf("got %+v, %v, want %+v", m, err, want)
	}
}

func codeOf(err error) protocol.Code {
	var fe *protocol.FrameError
	if !errors.As(err, &fe) {
		return 0
	}
	return fe.Code
}

func FuzzDecode(f *testing.F) {
	for _, m := range protocoltest.Messages() {
		frame, err := protocol.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Add([]byte{})
	f.Add([]byte{byte(protocol.TypeHello), 0x80, 0x00})
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := protocol.Decode(frame)
		if err != nil {
			if codeOf(err) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := protocol.Encode(m)
		if err != nil {
			t.Fatalf("%+v was decoded but does not encode: %v", m, err)
		}
		if !bytes.Equal(again, frame) {
			t.Fatalf("%x decodes to %+v, which encodes as %x: two frames for one message", frame, m, again)
		}
	})
}
