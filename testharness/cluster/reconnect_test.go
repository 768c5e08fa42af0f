package cluster

import (
	"bytes"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// A volunteer that lost its connection is leased the same shard again before
// its first result arrives. The lease that was sealed first is the one that
// counts; the other is revoked, and nothing is lost in between.
func TestSealedLeaseOutlivesItsSuccessor(t *testing.T) {
	config := Config(t.TempDir())
	config.BackupAfter, config.LeaseTime = time.Hour, time.Hour // only what is said here can help
	x := Start(t, config)
	id := x.Submit(ChainFile("successor", 1, 1, 2))
	ann, bob := join(t, x, "ann"), join(t, x, "bob")
	first := ann.lease()
	out := ann.outputs(first)
	ann.send(protocol.Goodbye{Reason: "the network is gone"})
	ann.ended()

	ann = join(t, x, "ann")
	second := ann.lease()
	ann.send(ann.seal(first, out))
	if r := expect[protocol.Revoke](ann); !bytes.Equal(r.Token, second.Token) {
		t.Fatalf("revoked %x, want the second lease", r.Token)
	}
	ann.send(ann.seal(second, out)) // crossed the revocation
	if r := expect[protocol.Revoke](ann); !bytes.Equal(r.Token, second.Token) {
		t.Fatalf("revoked %x, want the second lease", r.Token)
	}

	b := bob.lease()
	bob.send(bob.seal(b, out))
	if o := expect[protocol.Open](ann); !bytes.Equal(o.Token, first.Token) {
		t.Fatalf("opened %x, want the first lease", o.Token)
	}
	expect[protocol.Open](bob)
	ann.send(ann.result(first, out))
	ann.verdict(protocol.StatusPending)
	bob.send(bob.result(b, out))
	bob.verdict(protocol.StatusAccepted)
	ann.verdict(protocol.StatusAccepted)
	x.Done(id, "successor", 1, 1, 2)
}

// A result whose seal the hub has forgotten is refused, and does not keep the
// shard from being leased again.
func TestResultAfterALostSeal(t *testing.T) {
	config := Config(t.TempDir())
	config.BackupAfter, config.LeaseTime = time.Hour, time.Hour
	x := Start(t, config)
	id := x.Submit(ChainFile("lost seal", 1, 1, 2))
	ann, bob := join(t, x, "ann"), join(t, x, "bob")
	l := ann.lease()
	out := ann.outputs(l)
	ann.send(ann.seal(l, out))
	ann.send(protocol.Goodbye{Reason: "the network is gone"})
	ann.ended()

	ann = join(t, x, "ann")
	ann.send(ann.result(l, out))
	ann.refused(protocol.CodeBadSeal, l.Token)
	again, b := ann.lease(), bob.lease()
	ann.send(ann.seal(again, out))
	bob.send(bob.seal(b, out))
	expect[protocol.Open](ann)
	expect[protocol.Open](bob)
	ann.send(ann.result(again, out))
	ann.verdict(protocol.StatusPending)
	bob.send(bob.result(b, out))
	bob.verdict(protocol.StatusAccepted)
	ann.verdict(protocol.StatusAccepted)
	x.Done(id, "lost seal", 1, 1, 2)
}
