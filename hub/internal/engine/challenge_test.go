package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// A volunteer is part of one dispute at a time, and others do not wait for it.
func TestHearings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hearings
		a, b, c, d := volunteer.ID{1}, volunteer.ID{2}, volunteer.ID{3}, volunteer.ID{4}
		leave, err := h.enter(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		other, err := h.enter(t.Context(), c, d)
		if err != nil {
			t.Fatal(err)
		}
		entered := make(chan func(), 2)
		for _, pair := range [][2]volunteer.ID{{b, c}, {a, d}} {
			go func() {
				leave, err := h.enter(t.Context(), pair[0], pair[1])
				if err != nil {
					t.Error(err)
				}
				entered <- leave
			}()
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		if len(entered) > 0 {
			t.Fatal("one entered whose opponent is still in a dispute")
		}
		other()
		(<-entered)()
		(<-entered)()
		if len(h.over) > 0 {
			t.Errorf("%d are still in a dispute", len(h.over))
		}
		leave, _ = h.enter(t.Context(), a, b)
		defer leave()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.enter(ctx, c, a); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestAsk(t *testing.T) {
	type outcome struct {
		answer string
		err    error
	}
	n := ChallengeNotice{Token: []byte("token"), Case: [32]byte{1}}
	for name, c := range map[string]struct {
		then func(t *testing.T, m *Member)
		want string
	}{
		"answered": {func(t *testing.T, m *Member) {
			for _, other := range []struct {
				token string
				id    [32]byte
			}{{"token", [32]byte{2}}, {"other", n.Case}} {
				if err := m.Respond([]byte(other.token), other.id, nil, ""); !errors.Is(err, ErrUnasked) {
					t.Errorf("a response to something else: %v", err)
				}
			}
			if err := m.Respond(n.Token, n.Case, []byte("answer"), ""); err != nil {
				t.Error(err)
			}
			if err := m.Respond(n.Token, n.Case, []byte("again"), ""); !errors.Is(err, ErrUnasked) {
				t.Errorf("a second response: %v", err)
			}
		}, ""},
		"refused": {func(t *testing.T, m *Member) {
			if err := m.Respond(n.Token, n.Case, nil, "paused"); err != nil {
				t.Error(err)
			}
		}, "refused: paused"},
		"not understood": {func(_ *testing.T, m *Member) { m.CannotRespond() }, "refused: its software knows no disputes"},
		"gone": {func(_ *testing.T, m *Member) {
			m.engine.mu.Lock()
			defer m.engine.mu.Unlock()
			m.hush()
		}, court.ErrGone.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			m := &Member{engine: &Engine{}, notices: make(chan Notice, 1)}
			done := make(chan outcome, 1)
			go func() {
				answer, err := m.ask(t.Context(), n)
				done <- outcome{string(answer), err}
			}()
			<-m.Notices()
			c.then(t, m)
			got := <-done
			if c.want == "" && (got.err != nil || got.answer != "answer") || c.want != "" && (got.err == nil || got.err.Error() != c.want) {
				t.Errorf("got %+v, want %q", got, c.want)
			}
			if len(m.asked) > 0 {
				t.Error("the question still waits")
			}
		})
	}
	m := &Member{engine: &Engine{}, notices: make(chan Notice, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.ask(ctx, n); !errors.Is(err, context.Canceled) || len(m.asked) > 0 {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A party that contradicts itself at once loses at no op.
func TestLostWithoutAnOp(t *testing.T) {
	f := Fault{Text: "returned another output than its own trace has"}
	for want, d := range map[string]Dispute{
		"lost a dispute: " + f.Text:                  {Op: -1},
		"lost a dispute at op 3 (matmul): " + f.Text: {Op: 3, Name: "matmul"},
	} {
		if got := d.lost(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
