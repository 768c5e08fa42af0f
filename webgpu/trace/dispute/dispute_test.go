package dispute

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// run is one party's run of a program, with every value kept.
type run struct {
	p       *program.Program
	values  [][]byte
	digests []trace.Digest
}

// honest runs p op by op.
func honest(t testing.TB, p *program.Program, inputs [][]byte) *run {
	t.Helper()
	r := &run{p: p, values: make([][]byte, p.Values()), digests: make([]trace.Digest, p.Values())}
	for i, in := range inputs {
		r.values[i], r.digests[i] = in, trace.DigestOf(in)
	}
	for op := range p.Nodes() {
		r.step(t, op)
	}
	return r
}

// step runs one op on the values that the run has.
func (r *run) step(t testing.TB, op int) {
	t.Helper()
	n := r.p.Nodes()[op]
	var bufs [][]byte
	for _, v := range n.In {
		bufs = append(bufs, r.values[v])
	}
	for _, o := range n.Outputs {
		bufs = append(bufs, make([]byte, o.Bytes()))
	}
	if err := reference.Interpret(t.Context(), &n.Instance, bufs); err != nil {
		t.Fatal(err)
	}
	for j := range n.Outputs {
		r.values[n.Out+j] = bufs[len(n.In)+j]
		r.digests[n.Out+j] = trace.DigestOf(r.values[n.Out+j])
	}
}

// corrupt is the run of somebody whose device gets one element of one output
// of op wrong, and who goes on from there: later ops compute with it. Only a
// value that the program proves constant is not gone on with, since the ops
// after it could not run.
func (r *run) corrupt(t testing.TB, op int, rng *rand.Rand) *run {
	t.Helper()
	bad := &run{p: r.p, values: slices.Clone(r.values), digests: slices.Clone(r.digests)}
	n := r.p.Nodes()[op]
	j := rng.IntN(len(n.Outputs))
	v := n.Out + j
	value := slices.Clone(r.values[v])
	bump(value, n.Outputs[j], rng)
	bad.digests[v] = trace.DigestOf(value)
	if iv := n.Outputs[j].Range; iv.Lo == iv.Hi {
		return bad
	}
	bad.values[v] = value
	dirty := map[int]bool{v: true}
	for later := op + 1; later < len(r.p.Nodes()); later++ {
		n := r.p.Nodes()[later]
		if !slices.ContainsFunc(n.In, func(v int) bool { return dirty[v] }) {
			continue
		}
		bad.step(t, later)
		for j := range n.Outputs {
			dirty[n.Out+j] = bad.digests[n.Out+j] != r.digests[n.Out+j]
		}
	}
	return bad
}

// bump changes one element within its range where there is another value.
func bump(data []byte, ty ops.Type, rng *rand.Rand) {
	size := ty.DType.Size()
	at := rng.IntN(len(data)/size) * size
	var v int64
	for i := range size {
		v |= int64(data[at+i]) << (8 * i)
	}
	shift := 64 - 8*size
	v = v << shift >> shift
	if v < ty.Range.Hi {
		v++
	} else {
		v--
	}
	for i := range size {
		data[at+i] = byte(v >> (8 * i))
	}
}

func (r *run) outputs() []trace.Digest {
	var d []trace.Digest
	for _, o := range r.p.Outputs() {
		d = append(d, r.digests[o.Value])
	}
	return d
}

func key(party int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(party + 1)}, ed25519.SeedSize))
}

func (r *run) player(t testing.TB, party int) *Player {
	t.Helper()
	tr, err := trace.New(r.p, r.digests)
	if err != nil {
		t.Fatal(err)
	}
	return &Player{Trace: tr, Key: key(party), Values: func(_ context.Context, want []int) ([][]byte, error) {
		var out [][]byte
		for _, v := range want {
			out = append(out, r.values[v])
		}
		return out, nil
	}}
}

func caseOf(a, b *run) Case {
	c := Case{Program: a.p, Inputs: a.digests[:len(a.p.Inputs())], Nonce: [16]byte{7}}
	for i, r := range []*run{a, b} {
		c.Claims[i] = Claim{Key: key(i).Public().(ed25519.PublicKey), Outputs: r.outputs()}
	}
	return c
}

// answerer is a player, or somebody who does something else.
type answerer func(ctx context.Context, id trace.Digest, q Question) (Answer, error)

// oversize counts answers above their limit in TestEveryPosition, whose
// parties all keep to the rules.
var oversize int

// lead plays a dispute to its end. Questions and answers pass as bytes.
func lead(t testing.TB, r *Referee, players [2]answerer) Verdict {
	t.Helper()
	for len(r.Questions()) > 0 {
		for _, q := range r.Questions() {
			q, err := DecodeQuestion(q.Encode())
			if err != nil {
				t.Fatal(err)
			}
			a, err := players[q.Party](t.Context(), r.ID(), q)
			if err != nil {
				if err := r.Forfeit(q.Party, err.Error()); err != nil {
					t.Fatal(err)
				}
				continue
			}
			encoded := a.Encode()
			if limit := r.MaxAnswer(q); len(encoded) > limit {
				t.Logf("%s: %d bytes, more than %d", q.Kind, len(encoded), limit)
				oversize++
			}
			if a, err = DecodeAnswer(encoded); err != nil {
				t.Fatal(err)
			}
			if err := r.Answer(q.Party, a); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r.Due() {
		if err := r.Judge(t.Context(), reference.Interpret); err != nil {
			t.Fatal(err)
		}
	}
	v, ok := r.Verdict()
	if !ok {
		t.Fatal("no verdict")
	}
	return v
}

func referee(t testing.TB, c Case, supplier int) *Referee {
	t.Helper()
	r, err := NewReferee(c, supplier)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// model is a small network's program by name.
func model(t testing.TB, name string) (*program.Program, [][]byte) {
	t.Helper()
	all, err := devicetest.Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c.Program, devicetest.RandomInputs(c.Program, c.Seed)
		}
	}
	t.Fatalf("no model %q", name)
	return nil, nil
}

// One corrupted op, at every position of the programs of training steps: the
// dispute names exactly that op and that party, within the bound on rounds,
// and runs one op again.
func TestEveryPosition(t *testing.T) {
	for _, name := range []string{
		"decoder gradient for adam", "decoder update by adam", "swiglu gradient for lion", "mlp gradient for sgd", "cnn gradient for adam",
	} {
		t.Run(name, func(t *testing.T) {
			p, inputs := model(t, name)
			good := honest(t, p, inputs)
			n := len(p.Nodes())
			oversize = 0
			var most, total int64
			rounds := 0
			for op := range n {
				rng := rand.New(rand.NewPCG(uint64(op), 1))
				bad := good.corrupt(t, op, rng)
				liar := op % 2
				runs := [2]*run{good, bad}
				if liar == 0 {
					runs = [2]*run{bad, good}
				}
				r := referee(t, caseOf(runs[0], runs[1]), op/2%2)
				v := lead(t, r, [2]answerer{runs[0].player(t, 0).Answer, runs[1].player(t, 1).Answer})
				if v.Op != op || v.Name != p.Nodes()[op].Def.Name || v.Reruns != 1 {
					t.Errorf("op %d (%s) is corrupted; the verdict: %+v", op, p.Nodes()[op].Def.Name, v)
				}
				if v.Faults[liar] == nil || v.Faults[1-liar] != nil || v.Faults[liar].Absent {
					t.Errorf("op %d: party %d lied; at fault: %v", op, liar, v.Faults)
				}
				if v.Rounds > trace.Depth(n) {
					t.Errorf("op %d: %d rounds, more than %d", op, v.Rounds, trace.Depth(n))
				}
				rounds = max(rounds, v.Rounds)
				bytes := v.Bytes[0] + v.Bytes[1]
				most, total = max(most, bytes), total+bytes
				if op%16 == 0 {
					replayed(t, r, v)
				}
			}
			if oversize > 0 {
				t.Errorf("%d answers are longer than they may be", oversize)
			}
			t.Logf("%d ops: at most %d rounds (bound %d); %d bytes exchanged on average, %d at most; one op run again",
				n, rounds, trace.Depth(n), total/int64(n), most)
		})
	}
}

// replayed replays a dispute from its evidence.
func replayed(t testing.TB, r *Referee, want Verdict) {
	t.Helper()
	c, got, err := Replay(context.Background(), r.Evidence(), reference.Interpret)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	if c.ID() != r.ID() || fmt.Sprintf("%+v", flat(got)) != fmt.Sprintf("%+v", flat(want)) {
		t.Errorf("replay gives %+v, want %+v", flat(got), flat(want))
	}
}

func flat(v Verdict) string {
	s := fmt.Sprint(v.Op, v.Name, v.Rounds, v.Reruns, v.Bytes)
	for _, f := range v.Faults {
		if f != nil {
			s += fmt.Sprintf(" %+v", *f)
		} else {
			s += " -"
		}
	}
	return s
}

// small is a program for the tests of conduct, with an honest run and one
// corrupted at op.
func small(t testing.TB) (good, bad *run, op int) {
	t.Helper()
	p := devicetest.RandomProgram(11, 24)
	good = honest(t, p, devicetest.RandomInputs(p, 11))
	op = len(p.Nodes()) / 3
	return good, good.corrupt(t, op, rand.New(rand.NewPCG(1, 1))), op
}

// Ways not to play: each loses, at the question it is about.
func TestMisconduct(t *testing.T) {
	good, bad, op := small(t)
	for name, c := range map[string]struct {
		kind  Kind
		spoil func(a *Answer, q Question) bool // false: stay away
		text  string
	}{
		"silence at once":      {Commit, func(*Answer, Question) bool { return false }, "gone"},
		"silence on the way":   {Descend, func(*Answer, Question) bool { return false }, "gone"},
		"silence at the op":    {Reveal, func(*Answer, Question) bool { return false }, "gone"},
		"silence at the end":   {Supply, func(*Answer, Question) bool { return false }, "gone"},
		"a made-up root":       {Commit, func(a *Answer, _ Question) bool { a.Digests[0][0] ^= 1; return true }, "does not belong to its root"},
		"no openings":          {Commit, func(a *Answer, _ Question) bool { a.Openings = nil; return true }, "does not commit"},
		"made-up children":     {Descend, func(a *Answer, _ Question) bool { a.Digests[1][9] ^= 1; return true }, "children"},
		"children swapped":     {Descend, func(a *Answer, _ Question) bool { slices.Reverse(a.Digests); return true }, "children"},
		"one child":            {Descend, func(a *Answer, _ Question) bool { a.Digests = a.Digests[:1]; return true }, "children"},
		"made-up outputs":      {Reveal, func(a *Answer, _ Question) bool { a.Digests[0][0] ^= 1; return true }, "reveals"},
		"too many outputs":     {Reveal, func(a *Answer, _ Question) bool { a.Digests = append(a.Digests, a.Digests[0]); return true }, "reveals"},
		"other inputs":         {Supply, func(a *Answer, _ Question) bool { a.Values[0][0] ^= 1; return true }, "not those agreed on"},
		"too few inputs":       {Supply, func(a *Answer, _ Question) bool { a.Values = a.Values[1:]; return true }, "does not supply"},
		"an opening too many":  {Supply, func(a *Answer, _ Question) bool { a.Openings = append(a.Openings, trace.Opening{}); return true }, "does not supply"},
		"the inputs' last one": {Supply, func(a *Answer, _ Question) bool { a.Values[len(a.Values)-1] = nil; return true }, "not those agreed on"},
	} {
		t.Run(name, func(t *testing.T) {
			rogue := bad.player(t, 1)
			r := referee(t, caseOf(good, bad), 1)
			v := lead(t, r, [2]answerer{good.player(t, 0).Answer, func(ctx context.Context, id trace.Digest, q Question) (Answer, error) {
				a, err := rogue.Answer(ctx, id, q)
				if err != nil || q.Kind != c.kind {
					return a, err
				}
				if a, err = DecodeAnswer(a.Encode()); err != nil {
					return a, err
				}
				for i := range a.Values {
					a.Values[i] = slices.Clone(a.Values[i])
				}
				if !c.spoil(&a, q) {
					return Answer{}, errors.New("gone")
				}
				a.Sign(rogue.Key, id, q)
				return a, nil
			}})
			f := v.Faults[1]
			if f == nil || v.Faults[0] != nil || f.Kind != c.kind || !strings.Contains(f.Text, c.text) || f.Absent != (c.text == "gone") || v.Reruns != 0 {
				t.Fatalf("verdict %s", flat(v))
			}
			if reached := c.kind >= Reveal; reached != (v.Op == op) || !reached && v.Op != -1 {
				t.Errorf("op %d, want %d or none", v.Op, op)
			}
			replayed(t, r, v)
		})
	}
}

// An honest trace played for a wrong result is found out at once.
func TestAnotherTraceThanTheResult(t *testing.T) {
	good, _, _ := small(t)
	c := caseOf(good, good)
	c.Claims[1].Outputs = slices.Clone(c.Claims[1].Outputs)
	c.Claims[1].Outputs[0][0] ^= 1
	r := referee(t, c, 0)
	v := lead(t, r, [2]answerer{good.player(t, 0).Answer, good.player(t, 1).Answer})
	if v.Faults[0] != nil || v.Faults[1] == nil || v.Faults[1].Kind != Commit {
		t.Fatalf("verdict %s", flat(v))
	}
	replayed(t, r, v)
}

func TestBothHonest(t *testing.T) {
	good, _, _ := small(t)
	v := lead(t, referee(t, caseOf(good, good), 0), [2]answerer{good.player(t, 0).Answer, good.player(t, 1).Answer})
	if v.Faults != [2]*Fault{} || v.Op != -1 {
		t.Fatalf("verdict %s", flat(v))
	}
}

// Two that lie at one op, each in its own way, both lose; of two that lie at
// different ops the one that lies first does.
func TestBothLie(t *testing.T) {
	good, bad, op := small(t)
	for slices.MaxFunc(good.p.Nodes()[op].Outputs, func(a, b ops.Type) int { return a.Len() - b.Len() }).Len() == 1 {
		op++ // there is but one lie about a single number
		bad = good.corrupt(t, op, rand.New(rand.NewPCG(1, 1)))
	}
	var other *run
	for seed := uint64(2); other == nil || other.digests[good.p.Nodes()[op].Out] == bad.digests[good.p.Nodes()[op].Out]; seed++ {
		other = good.corrupt(t, op, rand.New(rand.NewPCG(seed, 1)))
	}
	v := lead(t, referee(t, caseOf(bad, other), 0), [2]answerer{bad.player(t, 0).Answer, other.player(t, 1).Answer})
	if v.Op != op || v.Faults[0] == nil || v.Faults[1] == nil || v.Reruns != 1 {
		t.Fatalf("verdict %s", flat(v))
	}
	later := good.corrupt(t, op+3, rand.New(rand.NewPCG(2, 2)))
	v = lead(t, referee(t, caseOf(bad, later), 0), [2]answerer{bad.player(t, 0).Answer, later.player(t, 1).Answer})
	if v.Op != op || v.Faults[0] == nil || v.Faults[1] != nil {
		t.Fatalf("verdict %s", flat(v))
	}
}

// Two that agree on a value that no run can make, and differ in what follows,
// both lose without anything being run on it.
func TestImpossibleValueAgreedOn(t *testing.T) {
	var b program.Builder
	x := b.Input("x", ops.Int32(0, 100, 8))
	y := b.One(ops.ByName("add"), []program.Value{x, x})
	b.Output("z", b.One(ops.ByName("add"), []program.Value{y, y}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	first := honest(t, p, [][]byte{make([]byte, 32)})
	huge := slices.Clone(first.values[1])
	huge[3] = 0x7f // far above 200
	if kernel.I32.Size() != 4 || p.Type(1).Range.Hi > 1<<24 {
		t.Fatal("the value is possible")
	}
	second := &run{p: p, values: slices.Clone(first.values), digests: slices.Clone(first.digests)}
	for i, r := range []*run{first, second} {
		r.values[1], r.digests[1] = huge, trace.DigestOf(huge)
		r.digests[2] = trace.DigestOf([]byte{byte(i)})
	}
	r := referee(t, caseOf(first, second), 0)
	v := lead(t, r, [2]answerer{first.player(t, 0).Answer, second.player(t, 1).Answer})
	if v.Faults[0] == nil || v.Faults[1] == nil || v.Reruns != 0 || v.Op != 1 {
		t.Fatalf("verdict %s", flat(v))
	}
	replayed(t, r, v)
}

// Answers that their party did not sign for this question change nothing.
func TestSignatures(t *testing.T) {
	good, bad, _ := small(t)
	r := referee(t, caseOf(good, bad), 0)
	pl := good.player(t, 0)
	q := r.Questions()[0]
	a, err := pl.Answer(t.Context(), r.ID(), q)
	if err != nil {
		t.Fatal(err)
	}
	changed := a
	changed.Digests = []trace.Digest{{1}}
	elsewhere := a
	elsewhere.Sign(pl.Key, trace.Digest{}, q)
	wrongKey := a
	wrongKey.Sign(key(1), r.ID(), q)
	other := a
	other.Sign(pl.Key, r.ID(), Question{Party: 0, Kind: Descend, Size: q.Size})
	for name, forged := range map[string]Answer{"changed": changed, "of another case": elsewhere, "by another key": wrongKey, "to another question": other, "unsigned": {Digests: a.Digests}} {
		if err := r.Answer(0, forged); !errors.Is(err, ErrSignature) {
			t.Errorf("an answer %s: %v", name, err)
		}
	}
	if err := r.Answer(0, a); err != nil {
		t.Fatalf("the answer itself: %v", err)
	}
	if err := r.Answer(0, a); !errors.Is(err, ErrUnasked) {
		t.Errorf("the same again: %v", err)
	}
	if err := r.Forfeit(0, "late"); !errors.Is(err, ErrUnasked) {
		t.Errorf("giving up after answering: %v", err)
	}
	if err := r.Judge(t.Context(), reference.Interpret); !errors.Is(err, ErrUnsettled) {
		t.Errorf("judged early: %v", err)
	}
	if _, _, err := Replay(t.Context(), r.Evidence(), reference.Interpret); !errors.Is(err, ErrUnsettled) {
		t.Errorf("replayed early: %v", err)
	}
}

// No byte of the evidence of a full dispute can be changed: nothing in it is
// the referee's word but who supplies the inputs.
func TestTamperedEvidence(t *testing.T) {
	good, bad, _ := small(t)
	r := referee(t, caseOf(good, bad), 0)
	lead(t, r, [2]answerer{good.player(t, 0).Answer, bad.player(t, 1).Answer})
	evidence := r.Evidence()
	if _, _, err := Replay(t.Context(), evidence, reference.Interpret); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(evidence); i += 1 + rng.IntN(1+len(evidence)/300) {
		bent := slices.Clone(evidence)
		bent[i] ^= 1 << rng.IntN(8)
		if _, v, err := Replay(t.Context(), bent, reference.Interpret); err == nil {
			t.Errorf("byte %d of %d is changed, and the verdict is %s", i, len(evidence), flat(v))
		}
		if _, _, err := Replay(t.Context(), evidence[:i], reference.Interpret); err == nil {
			t.Errorf("the first %d bytes of %d are enough", i, len(evidence))
		}
	}
}

func TestCasesAreChecked(t *testing.T) {
	good, bad, _ := small(t)
	for name, spoil := range map[string]func(c *Case){
		"no program":  func(c *Case) { c.Program = nil },
		"no inputs":   func(c *Case) { c.Inputs = nil },
		"no outputs":  func(c *Case) { c.Claims[1].Outputs = nil },
		"short key":   func(c *Case) { c.Claims[0].Key = c.Claims[0].Key[1:] },
		"one party":   func(c *Case) { c.Claims[0].Key = c.Claims[1].Key },
		"one too few": func(c *Case) { c.Inputs = c.Inputs[1:] },
	} {
		c := caseOf(good, bad)
		spoil(&c)
		if _, err := NewReferee(c, 0); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := NewReferee(caseOf(good, bad), 2); err == nil {
		t.Error("a third party is accepted")
	}
}

// A player meets questions from a stranger: it answers or fails, and does
// nothing else.
func TestStrangeQuestions(t *testing.T) {
	good, _, _ := small(t)
	pl := good.player(t, 0)
	n := len(good.p.Nodes())
	for kind := range Kind(7) {
		for lo := -1; lo <= n; lo++ {
			for size := -1; size <= n+1; size++ {
				_, _ = pl.Answer(t.Context(), trace.Digest{}, Question{Kind: kind, Lo: lo, Size: size})
			}
		}
	}
	if _, err := pl.Answer(t.Context(), trace.Digest{}, Question{Kind: Descend, Lo: 1, Size: 2}); err == nil {
		t.Error("a node that is none is shown")
	}
}

func FuzzDecode(f *testing.F) {
	good, bad, _ := small(f)
	r := referee(f, caseOf(good, bad), 0)
	lead(f, r, [2]answerer{good.player(f, 0).Answer, bad.player(f, 1).Answer})
	for _, e := range r.log {
		f.Add(e.Answer.Encode())
	}
	f.Add(r.Evidence())
	f.Add(Question{Kind: Descend, Party: 1, Lo: 64, Size: 9}.Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := DecodeAnswer(data); err == nil && !bytes.Equal(a.Encode(), data) {
			t.Error("an answer has two encodings")
		}
		if q, err := DecodeQuestion(data); err == nil && !bytes.Equal(q.Encode(), data) {
			t.Error("a question has two encodings")
		}
		_, _, _ = Replay(t.Context(), data, reference.Interpret)
	})
}
