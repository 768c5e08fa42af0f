package receipt_test

import (
	"bytes"
	"errors"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/receipt"
)

func signer(t testing.TB, n byte) *receipt.Signer {
	t.Helper()
	s, err := receipt.NewSigner(bytes.Repeat([]byte{n}, receipt.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// written returns the lines of n receipts and their head.
func written(t testing.TB, n int) (*receipt.Lines, []byte, receipt.Head) {
	t.Helper()
	var text bytes.Buffer
	w := receipt.NewWriter(&text)
	for i := range n {
		if err := w.Add(sample(t, i/4, i%4)); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := receipt.ReadLines(bytes.NewReader(text.Bytes()), int64(text.Len()), nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := lines.Log().Root()
	if err != nil {
		t.Fatal(err)
	}
	if own, err := w.Log().Root(); err != nil || own != root {
		t.Fatalf("written with root %v, %v; read with %v", own, err, root)
	}
	return lines, text.Bytes(), receipt.Head{
		Job: jobID, Name: "tiny \x01 \"<ä>", Kind: "train", File: receipt.Sum(nil), State: "done", Created: at, Ended: at,
		Receipts: int64(n), Root: root, Artifacts: []receipt.Artifact{{Name: "model", Type: "x/y", Size: 3, SHA256: receipt.Sum([]byte("abc"))}},
		Promise: &receipt.Promise{Assurance: "audited", Epsilon: 1e-6, Weighed: true, Bound: 1e-7, Expected: 0.25, Executed: 9, Audited: 2, Overhead: 0.05},
	}
}

func TestProofs(t *testing.T) {
	for n := 1; n <= 20; n++ {
		lines, _, head := written(t, n)
		for i := range int64(n) {
			p, err := lines.Prove(i)
			if err != nil {
				t.Fatal(err)
			}
			if limit := bits.Len(uint(n - 1)); len(p.Hashes) > limit {
				t.Errorf("line %d of %d: %d hashes, want at most %d", i, n, len(p.Hashes), limit)
			}
			r, err := head.Check(p)
			if err != nil || r.Round != int(i)/4 || r.Index != int(i)%4 {
				t.Fatalf("line %d of %d: %s, %v", i, n, r.Name(), err)
			}
		}
		if _, err := lines.Prove(int64(n)); err == nil {
			t.Errorf("a proof of line %d of %d", n, n)
		}
	}
}

func TestBadProofs(t *testing.T) {
	lines, _, head := written(t, 11)
	for name, change := range map[string]func(*receipt.Proof){
		"another line":    func(p *receipt.Proof) { p.Line = strings.Replace(p.Line, "wasm", "wosm", 1) },
		"another number":  func(p *receipt.Proof) { p.Number++ },
		"number below 0":  func(p *receipt.Proof) { p.Number = -1 },
		"number too high": func(p *receipt.Proof) { p.Number = p.Size },
		"another size":    func(p *receipt.Proof) { p.Size++ },
		"a hash less":     func(p *receipt.Proof) { p.Hashes = p.Hashes[1:] },
		"a hash more":     func(p *receipt.Proof) { p.Hashes = append(slices.Clone(p.Hashes), receipt.Hash{}) },
		"another hash":    func(p *receipt.Proof) { p.Hashes[0][0] ^= 1 },
	} {
		p, err := lines.Prove(5)
		if err != nil {
			t.Fatal(err)
		}
		change(&p)
		if _, err := head.Check(p); !errors.Is(err, receipt.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
	other := head
	other.Job = "another"
	p, err := lines.Prove(5)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Check(p); !errors.Is(err, receipt.ErrDamaged) {
		t.Errorf("a receipt of another job: %v, want ErrDamaged", err)
	}
}

// Every byte of the lines counts, and so does their order.
func TestRoot(t *testing.T) {
	_, text, head := written(t, 3)
	rootOf := func(text []byte) (receipt.Hash, error) {
		lines, err := receipt.ReadLines(bytes.NewReader(text), int64(len(text)), nil)
		if err != nil {
			return receipt.Hash{}, err
		}
		return lines.Log().Root()
	}
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1 << (i % 8)
		if root, err := rootOf(bad); err == nil && root == head.Root {
			t.Fatalf("byte %d changed: the same root", i)
		}
		if root, err := rootOf(text[:i]); err == nil && root == head.Root {
			t.Fatalf("cut to %d bytes: the same root", i)
		}
	}
	parts := bytes.SplitAfter(text, []byte("\n"))
	if root, err := rootOf(slices.Concat(parts[1], parts[0], parts[2])); err != nil || root == head.Root {
		t.Errorf("in another order: root %v, %v", root, err)
	}
	if _, err := rootOf(append(bytes.Repeat([]byte("x"), receipt.MaxLine+1), '\n')); !errors.Is(err, receipt.ErrDamaged) {
		t.Errorf("a line too long: %v, want ErrDamaged", err)
	}
	if root, err := rootOf(nil); err != nil || root != receipt.Sum(nil) {
		t.Errorf("no lines: root %v, %v; RFC 6962 wants the hash of nothing", root, err)
	}
}

func TestHead(t *testing.T) {
	_, _, want := written(t, 5)
	t.Run("first edition", func(t *testing.T) { testHead(t, want) })
	want.Edition, want.Supersedes = 2, &receipt.Hash{1, 2, 3}
	t.Run("third edition", func(t *testing.T) { testHead(t, want) })
}

func testHead(t *testing.T, want receipt.Head) {
	s := signer(t, 1)
	signed, err := s.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := receipt.OpenHead(signed)
	if err != nil {
		t.Fatalf("%s: %v", signed, err)
	}
	if got.Edition != want.Edition || (got.Supersedes == nil) != (want.Supersedes == nil) || want.Supersedes != nil && *got.Supersedes != *want.Supersedes {
		t.Errorf("edition %d supersedes %v, want %d and %v", got.Edition, got.Supersedes, want.Edition, want.Supersedes)
	}
	if got.Key != s.Key() || got.Root != want.Root || *got.Promise != *want.Promise || !got.Done() || len(got.Artifacts) != 1 {
		t.Errorf("signed %+v, opened %+v", want, got)
	}
	if err := got.SignedBy(s.Key()); err != nil {
		t.Error(err)
	}
	if err := got.SignedBy(signer(t, 2).Key()); !errors.Is(err, receipt.ErrForeign) {
		t.Errorf("another hub's key: %v, want ErrForeign", err)
	}
	// No byte can become another, not even where base64 would not mind.
	for i := range signed {
		for change := 1; change < 256; change++ {
			if i < len(signed)-130 && change != 1<<(i%8) {
				continue // of what is signed, any change is as good as another
			}
			bad := bytes.Clone(signed)
			bad[i] ^= byte(change)
			if _, err := receipt.OpenHead(bad); !errors.Is(err, receipt.ErrDamaged) {
				t.Fatalf("byte %d is %q instead of %q: %v, want ErrDamaged", i, bad[i], signed[i], err)
			}
		}
		if _, err := receipt.OpenHead(signed[:i]); !errors.Is(err, receipt.ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v, want ErrDamaged", i, err)
		}
	}
	last := bytes.LastIndex(signed[:len(signed)-1], []byte("\n"))
	for name, bad := range map[string][]byte{
		"signed twice":          append(bytes.Clone(signed), signed[last+1:]...),
		"signed by another too": append(bytes.Clone(signed), "— somebody AAAAAAAA\n"...),
		"a line more":           append(bytes.Clone(signed), '\n'),
		"huge":                  append(bytes.Clone(signed), bytes.Repeat([]byte("x"), receipt.MaxHead)...),
	} {
		if _, err := receipt.OpenHead(bad); !errors.Is(err, receipt.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

// Heads that were signed before there were editions are those of first editions,
// byte for byte.
func TestOldHead(t *testing.T) {
	_, _, h := written(t, 1)
	signed, err := signer(t, 1).Sign(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"edition", "supersedes"} {
		if bytes.Contains(signed, []byte(`"`+field+`"`)) {
			t.Errorf("a first edition has the field %s: %s", field, signed)
		}
	}
}

// What a hub would have to be broken to sign is refused as well.
func TestSenselessHeads(t *testing.T) {
	for name, change := range map[string]func(*receipt.Head){
		"no job":                        func(h *receipt.Head) { h.Job = "" },
		"fewer than none":               func(h *receipt.Head) { h.Receipts = -1 },
		"not an end":                    func(h *receipt.Head) { h.State = "running" },
		"a file twice":                  func(h *receipt.Head) { h.Artifacts = append(h.Artifacts, h.Artifacts[0]) },
		"a size below 0":                func(h *receipt.Head) { h.Artifacts[0].Size = -1 },
		"withdrawn too less":            func(h *receipt.Head) { h.Withdrawn = -1 },
		"an edition below 0":            func(h *receipt.Head) { h.Edition = -1 },
		"a first edition after another": func(h *receipt.Head) { h.Supersedes = &h.Root },
	} {
		_, _, h := written(t, 1)
		change(&h)
		signed, err := signer(t, 1).Sign(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receipt.OpenHead(signed); !errors.Is(err, receipt.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func TestKeys(t *testing.T) {
	good := signer(t, 1).Key()
	if err := receipt.CheckKey(good); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "shoal-hub", good[:len(good)-1], strings.Replace(good, "shoal-hub", "another", 1)} {
		if err := receipt.CheckKey(bad); err == nil {
			t.Errorf("CheckKey(%q) = nil", bad)
		}
	}
	if _, err := receipt.NewSigner(make([]byte, 31)); err == nil {
		t.Error("a secret of 31 bytes is taken")
	}
}
