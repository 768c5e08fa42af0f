package session_test

import (
	"crypto/ed25519"
	"reflect"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/cluster"
)

func TestNoLeaseWithoutConsent(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.submit(1)
		p := d.greeted("p")
		p.send(protocol.Want{Count: 1})
		p.refused(protocol.CodeConsentRequired)
		p.send(cluster.Consent(p.key, p.nonce, time.Now()))
		if c := next[protocol.Consented](p); !c.Expires.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("it counts until %v, want an hour from %v", c.Expires, time.Now())
		}
		p.send(protocol.Want{Count: 1})
		next[protocol.Lease](p)
	})
}

func TestConsentIsChecked(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p, q := d.greeted("p"), d.greeted("q")
		now := time.Now()
		good := protocol.Consent{Origin: "desk", Runs: "shards", Issued: now, Expires: now.Add(time.Hour)}
		sign := func(change func(*protocol.Consent)) protocol.Consent {
			c := good
			change(&c)
			return protocol.SignConsent(p.key, p.nonce, c)
		}
		altered := sign(func(*protocol.Consent) {})
		altered.Expires = altered.Expires.Add(time.Millisecond)
		for name, c := range map[string]struct {
			consent protocol.Consent
			code    protocol.Code
		}{
			"another's key":          {protocol.SignConsent(q.key, p.nonce, good), protocol.CodeBadSignature},
			"another nonce":          {protocol.SignConsent(p.key, q.nonce, good), protocol.CodeBadSignature},
			"changed after signing":  {altered, protocol.CodeBadSignature},
			"no origin":              {sign(func(c *protocol.Consent) { c.Origin = "" }), protocol.CodeConsentInvalid},
			"says not what runs":     {sign(func(c *protocol.Consent) { c.Runs = "" }), protocol.CodeConsentInvalid},
			"issued in the future":   {sign(func(c *protocol.Consent) { c.Issued = now.Add(5*time.Minute + time.Millisecond) }), protocol.CodeConsentInvalid},
			"expires at this moment": {sign(func(c *protocol.Consent) { c.Expires = now }), protocol.CodeConsentInvalid},
		} {
			p.send(c.consent)
			if e := next[protocol.Error](p); e.Code != c.code || e.Fatal {
				t.Errorf("%s: %+v, want code %v and not fatal", name, e, c.code)
			}
			p.send(protocol.Want{Count: 1})
			p.refused(protocol.CodeConsentRequired)
		}
		p.send(sign(func(c *protocol.Consent) { c.Issued = now.Add(5 * time.Minute) })) // clocks may differ so much
		next[protocol.Consented](p)
	})
}

// A key is public, and anybody may say hello with it. Before the consent that
// proves it nobody has joined: nothing is stored, shown, done or counted.
func TestHelloAloneIsNobody(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.greeted("p")
		for _, m := range []protocol.Message{
			protocol.Want{Count: 1},
			protocol.Seal{},
			p.result([]byte("token"), nil),
			protocol.Return{Tokens: [][]byte{{1}}},
			protocol.GetBlob{},
			protocol.Unfit{Lanes: []protocol.Lane{{Lane: "cpu"}}},
			protocol.Response{Token: []byte("token")},
		} {
			p.send(m)
			p.refused(protocol.CodeConsentRequired)
		}
		for _, m := range []protocol.Message{p.hello(), protocol.Welcome{}} { // never to be said here
			p.send(m)
			p.refused(protocol.CodeUnexpected)
		}
		p.send(protocol.Error{Code: protocol.CodeUnknownType, Message: "no matter"})
		if n := d.volunteers(); n != 0 {
			t.Errorf("%d volunteers are here, want none", n)
		}
		if list := d.known(); len(list) != 0 {
			t.Errorf("the hub knows %+v, want nobody", list)
		}
		p.agree()
		if n := d.volunteers(); n != 1 {
			t.Errorf("%d volunteers are here, want 1", n)
		}
		if list := d.known(); len(list) != 1 || !list[0].Connected || list[0].Agent != "desk/1" {
			t.Errorf("the hub knows %+v, want one that is here", list)
		}
	})
}

// Nor does it change what is known of whose key it is.
func TestImpostor(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.agreed("p")
		before := d.known()
		time.Sleep(time.Second)
		impostor := d.call("p")
		h := impostor.hello()
		h.Agent, h.Devices[0].Lane = "impostor/1", "webgpu"
		impostor.send(h)
		nonce := next[protocol.Welcome](impostor).Nonce
		stranger := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		impostor.send(cluster.Consent(stranger, nonce, time.Now()))
		impostor.refused(protocol.CodeBadSignature)
		if after := d.known(); !reflect.DeepEqual(after, before) {
			t.Errorf("the hub knows %+v, want %+v as before", after, before)
		}
		p.alive()
	})
}

// Whoever shows no consent is let go when the time since the welcome is over,
// whatever else is said meanwhile.
func TestNoConsentForLong(t *testing.T) {
	for name, chat := range map[string]protocol.Message{
		"silent":  nil,
		"wants":   protocol.Want{Count: 1},
		"reports": protocol.Error{Code: protocol.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				p := d.call("p")
				time.Sleep(helloTimeout / 2) // the time for hello is another
				p.send(p.hello())
				next[protocol.Welcome](p)
				start := time.Now()
				for range 5 {
					time.Sleep(helloTimeout / 6)
					if chat == nil {
						continue
					}
					p.send(chat)
					if chat.Type() != protocol.TypeError {
						p.refused(protocol.CodeConsentRequired)
					}
				}
				p.dismissed(protocol.CodeUnexpected)
				if took := time.Since(start); took != helloTimeout {
					t.Errorf("it was let go after %v, want %v", took, helloTimeout)
				}
			})
		})
	}
}

// Each refusal before the consent is a fault.
func TestFaultsBeforeConsent(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.greeted("p")
		for range faults {
			p.send(protocol.Want{Count: 1})
			p.refused(protocol.CodeConsentRequired)
		}
		p.send(protocol.Want{Count: 1})
		p.dismissed(protocol.CodeConsentRequired)
	})
}

// The engine may be gone by the time of the consent.
func TestConsentToAStoppedHub(t *testing.T) {
	atDesk(t, func(_ *testing.T, d *desk) {
		p := d.greeted("p")
		d.stopEngine()
		p.send(cluster.Consent(p.key, p.nonce, time.Now()))
		p.dismissed(protocol.CodeClosing)
	})
}

// A consent ends: at its own end, or when the hub wants it renewed.
func TestConsentExpires(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		p := d.greeted("p")
		p.send(protocol.SignConsent(p.key, p.nonce, protocol.Consent{
			Origin: "desk", Runs: "shards", Issued: time.Now(), Expires: time.Now().Add(100 * maxConsent),
		}))
		if c := next[protocol.Consented](p); !c.Expires.Equal(time.Now().Add(maxConsent)) {
			t.Errorf("it counts until %v, want %v from %v", c.Expires, maxConsent, time.Now())
		}
		time.Sleep(maxConsent - time.Millisecond)
		p.send(protocol.Want{Count: 1})
		p.alive() // no refusal came before its answer
		time.Sleep(time.Millisecond)
		p.send(protocol.Want{Count: 1})
		p.refused(protocol.CodeConsentRequired)
		d.submit(1) // nor does what was asked for while it counted
		p.alive()
		p.send(cluster.Consent(p.key, p.nonce, time.Now()))
		next[protocol.Consented](p)
		next[protocol.Lease](p) // it is still wanted
	})
}
