package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// faults is how many refused messages in a row a session bears.
const faults = 32

// Wrong messages cost an error each; only more than faults of them in a row
// end the session.
func TestFaults(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.agreed("p")
		for range faults {
			p.send(protocol.Welcome{}) // only a hub says that
			p.refused(protocol.CodeUnexpected)
		}
		p.send(protocol.Want{}) // a right one makes up for them
		for range faults {
			p.send(p.hello()) // said already
			p.refused(protocol.CodeUnexpected)
		}
		p.send(protocol.Welcome{})
		p.dismissed(protocol.CodeUnexpected)
	})
}

func TestMalformedFrames(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		for _, c := range []struct {
			frame []byte
			code  protocol.Code
		}{
			{[]byte{}, protocol.CodeMalformed},
			{[]byte{byte(protocol.TypeWant)}, protocol.CodeMalformed},
			{[]byte{0xee}, protocol.CodeUnknownType},
		} {
			must(t, p.frames.SendFrame(t.Context(), c.frame))
			p.refused(c.code)
		}
		p.alive()
		for range faults {
			must(t, p.frames.SendFrame(t.Context(), nil))
			p.refused(protocol.CodeMalformed)
		}
		must(t, p.frames.SendFrame(t.Context(), nil))
		p.dismissed(protocol.CodeMalformed)
	})
}

func TestUnfitLanes(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		for range 8 {
			p.send(protocol.Unfit{Lanes: []protocol.Lane{{Lane: "webgl", Detail: "driver 1", Reason: "wrong sums"}}})
		}
		p.alive()
		list, err := d.engine.Volunteers(t.Context(), 10)
		must(t, err)
		if len(list) != 1 || len(list[0].Unfit) != 1 || list[0].Unfit[0].Lane != "webgl" || list[0].Unfit[0].Reason != "wrong sums" {
			t.Errorf("the hub shows %+v", list)
		}
		p.send(protocol.Unfit{})
		p.refused(protocol.CodeUnexpected)
	})
}

func TestAnswerNobodyAskedFor(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		token := []byte("token")
		p.send(protocol.Response{Token: token, Answer: []byte("42")})
		if e := p.refused(protocol.CodeUnexpected); !bytes.Equal(e.Ref, token) {
			t.Errorf("the error is about %q, want %q", e.Ref, token)
		}
	})
}

func TestErrorOfTheVolunteer(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		p.send(protocol.Error{Code: protocol.CodeInternal, Message: "no matter"})
		p.alive()
		p.send(protocol.Error{Code: protocol.CodeInternal, Message: "the end", Fatal: true})
		p.hungUp()
		if n := d.volunteers(); n != 0 {
			t.Errorf("%d volunteers are here, want none", n)
		}
		q := d.greeted("q")
		q.send(protocol.Error{Code: protocol.CodeVersion, Message: "not mine", Fatal: true})
		q.hungUp()
	})
}

func TestGoodbye(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		for _, p := range []*peer{d.agreed("p"), d.greeted("q")} {
			p.send(protocol.Goodbye{Reason: "enough"})
			p.hungUp()
		}
	})
}

// farewell is how long a last word may take, when the peer may still listen.
const farewell = time.Second

// A peer that asks and does not listen is let go when a message to it has
// waited for as long as that may take, and not a moment before.
func TestDeafPeerIsLetGo(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		for range 17 { // one answer more than a pipe holds
			p.send(protocol.GetBlob{})
		}
		if n := d.volunteers(); n != 1 {
			t.Fatalf("%d volunteers are here, want 1", n)
		}
		time.Sleep(sendTimeout - time.Millisecond)
		if n := d.volunteers(); n != 1 {
			t.Errorf("it was let go before %v", sendTimeout)
		}
		time.Sleep(2 * farewell) // two timers of one moment go off in any order
		if n := d.volunteers(); n != 0 {
			t.Errorf("it is still here after %v", sendTimeout+farewell)
		}
	})
}

// A hub that goes says so, to those who have been welcomed and to those who
// have not.
func TestHubGoes(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p, q := d.agreed("p"), d.call("q")
		synctest.Wait()
		d.end()
		for _, peer := range []*peer{p, q} {
			if g := next[protocol.Goodbye](peer); g.Reason == "" {
				t.Error("it goes without a reason")
			}
			peer.hungUp()
		}
		d.endSessions()
		synctest.Wait()
		d.conns = t.Context()
		d.call("late").hungUp()
	})
}

// status receives until nothing comes any more and returns the last status:
// what a volunteer is shown.
func (p *peer) status() (volunteers int, credit int64) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*statusEvery)
	defer cancel()
	var shown struct {
		Volunteers int
		Credit     int64
	}
	for {
		m, err := p.conn.Receive(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return shown.Volunteers, shown.Credit
		}
		s, ok := m.(protocol.StatusUpdate)
		if !ok {
			p.t.Fatalf("the hub says %T %+v (%v), want a status", m, m, err)
		}
		must(p.t, json.Unmarshal(s.JSON, &shown))
	}
}

// A status comes when something has changed, and only then.
func TestStatus(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(1)
		start := time.Now()
		p := d.agreed("p")
		if m, err := p.conn.Receive(t.Context()); err != nil || m.Type() != protocol.TypeStatusUpdate || !time.Now().Equal(start) {
			t.Errorf("the first status is %T %+v (%v) after %v, want it at once", m, m, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*statusEvery)
		defer cancel()
		if m, err := p.conn.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while nothing changes the hub says %T %+v (%v)", m, m, err)
		}
		q, l, outputs := d.leased("q")
		if n, _ := p.status(); n != 2 {
			t.Errorf("it shows %d volunteers, want 2", n)
		}
		q.send(q.result(l.Token, outputs))
		paid := next[protocol.Verdict](q).Credit
		if _, credit := q.status(); credit != paid || paid == 0 {
			t.Errorf("it shows %d credits of one's own, want %d", credit, paid)
		}
		if _, credit := p.status(); credit != 0 {
			t.Errorf("it shows %d credits to somebody else", credit)
		}
	})
}
