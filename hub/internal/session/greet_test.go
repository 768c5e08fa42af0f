package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

func TestWelcome(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p, q := d.call("p"), d.call("q")
		p.send(p.hello())
		w := next[protocol.Welcome](p)
		if w.Version != protocol.Version || w.Hub != "desk" || !w.Now.Equal(time.Now()) {
			t.Errorf("welcome is %+v", w)
		}
		q.send(q.hello())
		if again := next[protocol.Welcome](q); again.Nonce == w.Nonce {
			t.Error("two connections share a nonce: a consent could be replayed")
		}
	})
}

func TestHelloIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*protocol.Hello)
		code   protocol.Code
	}{
		"only newer versions": {func(h *protocol.Hello) { h.MinVersion, h.MaxVersion = protocol.Version+1, protocol.Version+2 }, protocol.CodeVersion},
		"only older versions": {func(h *protocol.Hello) { h.MinVersion, h.MaxVersion = 0, protocol.Version-1 }, protocol.CodeVersion},
		"no devices":          {func(h *protocol.Hello) { h.Devices = nil }, protocol.CodeMalformed},
		"device without lane": {func(h *protocol.Hello) { h.Devices[0].Lane = "" }, protocol.CodeMalformed},
		"lane too long":       {func(h *protocol.Hello) { h.Devices[0].Lane = strings.Repeat("x", 25) }, protocol.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				p := d.call("p")
				h := p.hello()
				c.change(&h)
				p.send(h)
				p.dismissed(c.code)
				if n := d.volunteers(); n != 0 {
					t.Errorf("%d volunteers are here, want none", n)
				}
			})
		})
	}
}

func TestLongestLaneIsWelcome(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.call("p")
		h := p.hello()
		h.Devices[0].Lane = strings.Repeat("x", 24)
		p.send(h)
		next[protocol.Welcome](p)
	})
}

func TestNothingComesBeforeHello(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.call("p")
		p.send(protocol.Want{Count: 1})
		p.dismissed(protocol.CodeUnexpected)

		q := d.call("q")
		must(t, q.frames.SendFrame(t.Context(), []byte{byte(protocol.TypeHello), 0xff}))
		q.dismissed(protocol.CodeMalformed)
	})
}

// Whoever connects and says nothing is let go exactly when the time is over.
func TestSilentPeerIsLetGo(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		start := time.Now()
		d.call("p").dismissed(protocol.CodeUnexpected)
		if took := time.Since(start); took != helloTimeout {
			t.Errorf("it was let go after %v, want %v", took, helloTimeout)
		}
	})
}

// The times for hello and consent do not bound the session.
func TestQuietVolunteerStays(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.agreed("p")
		time.Sleep(100 * helloTimeout)
		p.alive()
	})
}
