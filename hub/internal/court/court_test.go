package court_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// ask is a Party.
type ask func(ctx context.Context, id [32]byte, question []byte) ([]byte, error)

func (f ask) Ask(ctx context.Context, id [32]byte, question []byte) ([]byte, error) {
	return f(ctx, id, question)
}

// small is a case of one honest party, 0, and one whose device gets op wrong.
func small(t *testing.T) (c court.Case, parties [2]court.Party, op int) {
	t.Helper()
	p := devicetest.RandomProgram(11, 24)
	in := devicetest.RandomInputs(p, 11)
	dev := newPlanted(t, p)
	op = positions(p)[len(positions(p))/3]
	c = court.Case{Program: p.Encode(), Inputs: in}
	for i, wrong := range []int{-1, op} {
		dev.op.Store(int64(wrong))
		tr, out, err := trace.Record(t.Context(), dev, p, in, trace.Config{})
		if err != nil {
			t.Fatal(err)
		}
		key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
		c.Claims[i] = court.Claim{Key: key.Public().(ed25519.PublicKey), Outputs: out}
		parties[i] = player(dispute.Player{Trace: tr, Key: key, Values: func(ctx context.Context, values []int) ([][]byte, error) {
			return trace.Values(ctx, dev, p, in, values)
		}})
	}
	if slices.EqualFunc(c.Claims[0].Outputs, c.Claims[1].Outputs, bytes.Equal) {
		t.Fatal("the wrong op does not reach the outputs")
	}
	return c, parties, op
}

func player(pl dispute.Player) court.Party {
	return ask(func(ctx context.Context, id [32]byte, question []byte) ([]byte, error) {
		q, err := dispute.DecodeQuestion(question)
		if err != nil {
			return nil, err
		}
		a, err := pl.Answer(ctx, id, q)
		return a.Encode(), err
	})
}

// instead answers like p until a question of kind, and then with f.
func instead(p court.Party, kind dispute.Kind, f ask) court.Party {
	return ask(func(ctx context.Context, id [32]byte, question []byte) ([]byte, error) {
		if dispute.Kind(question[0]) == kind {
			return f(ctx, id, question)
		}
		return p.Ask(ctx, id, question)
	})
}

func TestConduct(t *testing.T) {
	c, parties, op := small(t)
	for supplier := range 2 {
		c.Supplier = supplier
		r, err := court.Conduct(t.Context(), rules, c, parties)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Settled || r.Verdict.Op != op || !r.Proven(1) || r.Proven(0) || r.Bytes() == 0 {
			t.Fatalf("ruling %+v", r)
		}
		replayed(t, r)
	}
}

// Who does not answer forfeits, and nothing is proven thereby of either.
func TestAbsence(t *testing.T) {
	gone := func(context.Context, [32]byte, []byte) ([]byte, error) { return nil, court.ErrGone }
	for name, f := range map[string]struct {
		ask  ask
		text string
	}{
		"gone":    {gone, "not connected"},
		"refuses": {func(context.Context, [32]byte, []byte) ([]byte, error) { return nil, errors.New("paused") }, "paused"},
		"silent":  {func(ctx context.Context, _ [32]byte, _ []byte) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }, "no answer within 1m0s"},
		"garbage": {func(context.Context, [32]byte, []byte) ([]byte, error) { return []byte("garbage"), nil }, "damaged"},
		"unsigned": {func(context.Context, [32]byte, []byte) ([]byte, error) {
			return make([]byte, 3+ed25519.SignatureSize), nil
		}, "not signed"},
		"endless": {func(context.Context, [32]byte, []byte) ([]byte, error) { return make([]byte, 1<<20), nil }, "the longest has"},
	} {
		for kind := dispute.Commit; kind <= dispute.Supply; kind++ {
			t.Run(name+" at "+kind.String(), func(t *testing.T) {
				c, parties, _ := small(t)
				c.Supplier = 1
				synctest.Test(t, func(t *testing.T) {
					parties[1] = instead(parties[1], kind, f.ask)
					r, err := court.Conduct(t.Context(), rules, c, parties)
					if err != nil {
						t.Fatal(err)
					}
					fault := r.Verdict.Faults[1]
					if !r.Settled || r.Proven(0) || r.Proven(1) || fault == nil || fault.Kind != kind || !strings.Contains(fault.Text, f.text) {
						t.Fatalf("ruling %+v, fault %+v", r, fault)
					}
					replayed(t, r)
				})
			})
		}
	}
}

func TestNobodyThere(t *testing.T) {
	c, parties, _ := small(t)
	gone := ask(func(context.Context, [32]byte, []byte) ([]byte, error) { return nil, court.ErrGone })
	for kind := dispute.Commit; kind <= dispute.Reveal; kind++ {
		r, err := court.Conduct(t.Context(), rules, c, [2]court.Party{instead(parties[0], kind, gone), instead(parties[1], kind, gone)})
		if err != nil || r.Settled || r.Reason == "" || r.Proven(0) || r.Proven(1) || r.Evidence != nil {
			t.Fatalf("%v: ruling %+v, %v", kind, r, err)
		}
	}
}

// What no answer can bring here is not asked for.
func TestTooLargeToSupply(t *testing.T) {
	c, parties, _ := small(t)
	asked := false
	parties[0] = instead(parties[0], dispute.Supply, func(context.Context, [32]byte, []byte) ([]byte, error) {
		asked = true
		return nil, nil
	})
	limit := 0
	for n := 1 << 8; ; n *= 2 {
		r, err := court.Conduct(t.Context(), court.Config{AnswerTime: time.Minute, MaxAnswer: n}, c, parties)
		if err != nil {
			t.Fatal(err)
		}
		if asked {
			break
		}
		if r.Settled || !strings.Contains(r.Reason, "bytes") {
			t.Fatalf("ruling %+v", r)
		}
		limit = n
	}
	if limit == 0 {
		t.Fatal("nothing was too large")
	}
}

// A hub that stops blames nobody.
func TestStopping(t *testing.T) {
	c, parties, _ := small(t)
	ctx, stop := context.WithCancel(t.Context())
	parties[0] = instead(parties[0], dispute.Descend, func(ctx context.Context, _ [32]byte, _ []byte) ([]byte, error) {
		stop()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if r, err := court.Conduct(ctx, rules, c, parties); !errors.Is(err, context.Canceled) || r.Settled {
		t.Fatalf("ruling %+v, %v", r, err)
	}
}

func TestCaseIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*court.Case){
		"program":  func(c *court.Case) { c.Program = c.Program[1:] },
		"inputs":   func(c *court.Case) { c.Inputs = nil },
		"outputs":  func(c *court.Case) { c.Claims[0].Outputs = nil },
		"keys":     func(c *court.Case) { c.Claims[0].Key = c.Claims[1].Key },
		"supplier": func(c *court.Case) { c.Supplier = 2 },
	} {
		c, parties, _ := small(t)
		spoil(&c)
		if _, err := court.Conduct(t.Context(), rules, c, parties); err == nil {
			t.Errorf("bad %s: no error", name)
		}
	}
}
