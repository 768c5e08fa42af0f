package peers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"
)

// modules is where the command installs peers: below the repository's root.
const modules = "../../.cache/peers"

// TestModel holds the bytes of a small model.
func TestModel(t *testing.T) {
	p := product{op: "MatMulInteger", a: onnxUint8, b: onnxInt8, c: onnxInt32, n: 2, constant: []byte{1, 2, 3, 4}}
	const want = "0808" + // the format's version
		"3a5e" + // the graph
		"0a18" + "0a0161" + "0a0162" + "120163" + "220d" + "4d61744d756c496e7465676572" + // c = MatMulInteger(a, b)
		"1207" + "70726f64756374" + // its name
		"2a0f" + "0802" + "0802" + "1003" + "420162" + "4a04" + "01020304" + // b: 2 x 2, int8
		"5a13" + "0a0161" + "120e" + "0a0c" + "0802" + "1208" + "0a020802" + "0a020802" + // a: uint8, 2 x 2
		"6213" + "0a0163" + "120e" + "0a0c" + "0806" + "1208" + "0a020802" + "0a020802" + // c: int32, 2 x 2
		"4202" + "100d" // opset 13
	if got := hex.EncodeToString(p.encode()); got != want {
		t.Errorf("model %s, want %s", got, want)
	}
}

// TestDigest checks the expected results on a product known by hand.
func TestDigest(t *testing.T) {
	o := operands{n: 2, a: []byte{255, 2, 3, 4}, b: []byte{5, 254, 7, 8}}
	for _, c := range []struct {
		a, b bool // signed
		want [4]int32
	}{
		{true, true, [4]int32{-1*5 + 2*7, -1*-2 + 2*8, 3*5 + 4*7, 3*-2 + 4*8}},
		{false, true, [4]int32{255*5 + 2*7, 255*-2 + 2*8, 3*5 + 4*7, 3*-2 + 4*8}},
		{false, false, [4]int32{255*5 + 2*7, 255*254 + 2*8, 3*5 + 4*7, 3*254 + 4*8}},
	} {
		text, err := binary.Append(nil, binary.LittleEndian, c.want)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got, want := o.digest(c.a, c.b), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("digest of signed %t, %t: %s, want %s", c.a, c.b, got, want)
		}
	}
}

// find returns installed peers. Without them the test is skipped: they are
// large, and only what is compared with.
func find(t *testing.T, s Set) Modules {
	t.Helper()
	m, err := Find(modules, s)
	if errors.Is(err, ErrNoModules) {
		t.Skipf("%v: go run ./testharness/peers/cmd/peers brings them", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBrowser runs every lane once: all must be right.
func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	m := find(t, ForPage)
	rep, err := Browser(t.Context(), m, Options{Sizes: []int{24}, Rounds: 1, Turn: time.Millisecond, Budget: time.Second, Log: io.Discard})
	if errors.Is(err, ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != len(Lanes) {
		t.Errorf("%d results, want %d", len(rep.Results), len(Lanes))
	}
	for _, r := range rep.Results {
		if !r.Exact || r.Runs == 0 {
			t.Errorf("%s: exact %t, %d runs; %s", r.Lane, r.Exact, r.Runs, r.Failed)
		}
	}
}

// TestCompile hands everything that the WGSL printer prints to Dawn, where make
// bench-peers has brought it. Everywhere else the same compiler sees the same
// texts inside Chromium, in the printer's own tests.
func TestCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles more than a thousand shaders")
	}
	m, err := Find(modules, ForVulkan)
	if errors.Is(err, ErrNoModules) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenDawn(t.Context(), m, Null)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	codes := Codes()
	if len(codes) < 100 {
		t.Fatalf("the printer has %d texts: where are the others?", len(codes))
	}
	if err := CompileAll(d, codes); err != nil {
		t.Fatal(err)
	}
	t.Logf("Dawn accepts %d texts", len(codes))
}
