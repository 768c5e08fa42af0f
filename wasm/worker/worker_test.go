package worker_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func TestComputesAndDelivers(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		if want, got := (protocol.Want{Count: 2}), expect[protocol.Want](s); got != want {
			s.Errorf("got %+v, want %+v: one shard to compute and one in hand", got, want)
		}
		first, second := s.lease(shard(1, 2, 3, 4), false), s.lease(shard(0, 0, 0, -1), false)
		s.result(first, 11, 22, 33, 44)
		s.result(second, 10, 20, 30, 39)
		s.accepted(first, 5)
		s.say(protocol.Verdict{Token: second.Token, Status: protocol.StatusPending})
		s.say(protocol.Verdict{Token: second.Token, Status: protocol.StatusRejected, Credit: -2, Reason: "outvoted"})
		if got := s.seen(worker.Judged); len(got) != 3 || got[0].Shard != 1 || got[2].Shard != 2 || got[2].Reason != "outvoted" {
			s.Errorf("got judgements %+v", got)
		}
		stats := s.worker.Stats()
		if stats.Credit != 3 || stats.Computed != 2 || stats.Accepted != 1 || stats.Rejected != 1 || stats.Waiting != 0 {
			s.Errorf("got %+v", stats)
		}
		if d := stats.Devices[0]; d.Computed != 2 || d.Ops != 2*sum.Cost().Ops || d.Lane != "reference" || d.Job != "" {
			s.Errorf("got %+v", d)
		}
	})
}

func TestAsksForTheNextLeaseWhileComputing(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		first := s.lease(shard(1, 1, 1, 1), false)
		second := s.lease(shard(2, 2, 2, 2), false)
		<-g.entered
		s.quiet() // two in hand are enough
		g.open <- struct{}{}
		if got := expect[protocol.Result](s); string(got.Token) != string(first.Token) {
			s.Fatalf("got a result for %s", got.Token)
		}
		if got, want := expect[protocol.Want](s), (protocol.Want{Count: 1}); got != want {
			s.Errorf("got %+v, want %+v", got, want)
		}
		g.open <- struct{}{}
		s.result(second, 12, 22, 32, 42)
	})
}

func TestSealedResultWaitsToBeOpened(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 2, 3, 4), true)
		outputs := sha256.Sum256(job.EncodeOutputs([][]byte{vector(11, 22, 33, 44)}))
		want := protocol.SealOf(outputs, s.worker.ID(), l.Nonce)
		if got := await[protocol.Seal](s); got.Seal != want || string(got.Token) != string(l.Token) {
			s.Fatalf("got %+v, want seal %x", got, want)
		}
		expect[protocol.Want](s)
		s.quiet()
		s.say(protocol.Open{Token: l.Token})
		s.result(l, 11, 22, 33, 44)
	})
}

func TestRevokedSealIsForgotten(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 2, 3, 4), true)
		await[protocol.Seal](s)
		s.say(protocol.Revoke{Token: l.Token, Reason: "cancelled"})
		s.say(protocol.Open{Token: l.Token})
		if got := await[protocol.Error](s); got.Code != protocol.CodeBadLease || string(got.Ref) != string(l.Token) {
			s.Errorf("got %+v", got)
		}
		if n := s.worker.Stats().Waiting; n != 0 {
			s.Errorf("%d results are still kept", n)
		}
	})
}

func TestRevokedShardIsNotComputedFurther(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 1, 1, 1), false)
		<-g.entered
		s.say(protocol.Revoke{Token: l.Token})
		next := s.lease(shard(2, 2, 2, 2), false)
		<-g.entered // the first one ended
		g.open <- struct{}{}
		s.result(next, 12, 22, 32, 42)
	})
}

func TestPauseHandsBackAndStartAsksAgain(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		sealedLease := s.lease(shard(5, 5, 5, 5), true)
		<-g.entered
		g.open <- struct{}{}
		await[protocol.Seal](s)
		expect[protocol.Want](s)
		s.lease(shard(1, 1, 1, 1), false)
		<-g.entered
		s.worker.Pause()
		if got := expect[protocol.Return](s); len(got.Tokens) != 1 || string(got.Tokens[0]) != "lease-2" {
			s.Fatalf("got %+v", got)
		}
		if got, want := expect[protocol.Want](s), (protocol.Want{}); got != want {
			s.Errorf("got %+v, want the withdrawal %+v", got, want)
		}
		late := s.lease(shard(1, 1, 1, 1), false) // crossed the withdrawal
		if got := expect[protocol.Return](s); string(got.Tokens[0]) != string(late.Token) {
			s.Errorf("got %+v", got)
		}
		s.say(protocol.Open{Token: sealedLease.Token}) // sealed results survive a pause
		s.result(sealedLease, 15, 25, 35, 45)
		if got := s.worker.Stats().State; got != worker.StatePaused {
			s.Errorf("got state %s", got)
		}
		s.worker.Start()
		if got, want := expect[protocol.Want](s), (protocol.Want{Count: 2}); got != want {
			s.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestFinishDeliversWhatHasBegun(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		begun := s.lease(shard(1, 1, 1, 1), false)
		<-g.entered
		waiting := s.lease(shard(2, 2, 2, 2), false)
		synctest.Wait()
		s.worker.Finish()
		if got := expect[protocol.Return](s); len(got.Tokens) != 1 || string(got.Tokens[0]) != string(waiting.Token) {
			s.Fatalf("got %+v", got)
		}
		g.open <- struct{}{}
		s.result(begun, 11, 21, 31, 41)
		s.quiet()
		s.accepted(begun, 1)
		await[protocol.Goodbye](s)
		if err := <-s.ended; err != nil {
			s.Errorf("Run: %v", err)
		}
	})
}

func TestFinishDoesNotWaitForeverForAVerdict(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 1, 1, 1), false)
		s.result(l, 11, 21, 31, 41)
		s.worker.Finish()
		await[protocol.Goodbye](s)
		if err := <-s.ended; err != nil {
			s.Errorf("Run: %v", err)
		}
	})
}

func TestStopSaysGoodbye(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		s.lease(shard(1, 1, 1, 1), false)
		<-g.entered
		s.worker.Stop()
		expect[protocol.Goodbye](s)
		if _, err := s.conn.Receive(s.Context()); !errors.Is(err, protocol.ErrClosed) {
			s.Errorf("after the goodbye: got %v, want %v", err, protocol.ErrClosed)
		}
		if err := <-s.ended; err != nil {
			s.Errorf("Run: %v", err)
		}
	})
}

func TestEndOfContextSaysGoodbye(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		s.cancel()
		expect[protocol.Goodbye](s)
		if err := <-s.ended; !errors.Is(err, context.Canceled) {
			s.Errorf("Run: got %v, want %v", err, context.Canceled)
		}
	})
}

func TestGoodbyeDoesNotWaitForADeafHub(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		for range 64 { // more than the pipe holds, and nobody reads the answers
			s.say(protocol.Open{Token: []byte("unknown")})
		}
		s.worker.Stop()
		if err := <-s.ended; err != nil {
			s.Errorf("Run: %v", err)
		}
	})
}

func TestHubThatTalksAndDoesNotListenIsLeft(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		var err error
		for i := 0; err == nil && i < 10_000; i++ {
			err = s.conn.Send(s.Context(), protocol.Open{Token: []byte("unknown")})
		}
		if !errors.Is(err, protocol.ErrClosed) {
			s.Fatalf("after ten thousand questions: got %v, want %v", err, protocol.ErrClosed)
		}
		s.accept()
	})
}

func TestResultSurvivesTheConnection(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 1, 1, 1), false)
		<-g.entered
		s.conn.Close()
		s.seen(worker.Disconnected)
		g.open <- struct{}{} // computed while the hub is away
		s.seen(worker.Computed)
		s.accept()
		s.result(l, 11, 21, 31, 41)
		if got, want := expect[protocol.Want](s), (protocol.Want{Count: 2}); got != want {
			s.Errorf("got %+v, want %+v: wants do not survive", got, want)
		}
		s.conn.Close() // before the verdict: it is said again
		s.accept()
		s.result(l, 11, 21, 31, 41)
		s.accepted(l, 1)
		s.seen(worker.Judged)
		s.conn.Close()
		s.accept()
		expect[protocol.Want](s)
		s.quiet()
	})
}

func TestSealIsSaidAgainAfterReconnect(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 1, 1, 1), true)
		before := await[protocol.Seal](s)
		s.conn.Close()
		s.accept()
		if after := await[protocol.Seal](s); after.Seal != before.Seal {
			s.Errorf("got seal %x, before it was %x", after.Seal, before.Seal)
		}
		s.say(protocol.Open{Token: l.Token})
		s.result(l, 11, 21, 31, 41)
	})
}

func TestShardThatCannotRunIsHandedBack(t *testing.T) {
	change := func(f func(*job.Shard)) job.Shard {
		s := shard(1, 2, 3, 4)
		f(&s)
		return s
	}
	junk := []byte("not a program")
	lying := job.Sum([]byte("something else"))
	blobs := memory{job.Sum(junk): junk, lying: []byte("not what the name says")}
	for h, data := range store {
		blobs[h] = data
	}
	tests := []struct {
		name  string
		shard job.Shard
		want  string
	}{
		{"program that does not decode", change(func(s *job.Shard) { s.Program = job.Sum(junk) }), "program"},
		{"program that is nowhere", change(func(s *job.Shard) { s.Program = job.Hash{1} }), "not exist"},
		{"blob with another hash", change(func(s *job.Shard) { s.Inputs[0].Blob = lying }), "the bytes are those of"},
		{"too few inputs", change(func(s *job.Shard) { s.Inputs = s.Inputs[:1] }), "1 inputs"},
		{"input of the wrong size", change(func(s *job.Shard) { s.Inputs[1].Data = vector(1) }), "4 bytes"},
		{"wrong cost", change(func(s *job.Shard) { s.Cost++ }), "cost"},
		{"input out of range", change(func(s *job.Shard) { s.Inputs[1].Data = vector(0, 0, 0, 1001) }), "1001"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			perform(t, func(c *worker.Config) { c.Blobs = blobs }, func(s *stage) {
				s.accept()
				expect[protocol.Want](s)
				l := s.lease(test.shard, false)
				got := await[protocol.Return](s)
				if string(got.Tokens[0]) != string(l.Token) || !strings.Contains(got.Reason, test.want) {
					s.Fatalf("got %s %q, want a reason with %q", got.Tokens[0], got.Reason, test.want)
				}
				if got, want := expect[protocol.Want](s), (protocol.Want{Count: 1}); got != want {
					s.Errorf("got %+v, want %+v", got, want)
				}
				good := s.lease(shard(1, 1, 1, 1), false)
				s.result(good, 11, 21, 31, 41)
			})
		})
	}
}

func TestLeaseThatMakesNoSenseIsHandedBack(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		s.say(protocol.Lease{Token: []byte("a"), Device: 1, Deadline: time.Now().Add(time.Minute)})
		if got := expect[protocol.Return](s); got.Reason != "no such device" {
			s.Errorf("got %+v", got)
		}
		s.say(protocol.Lease{Token: []byte("b"), Payload: []byte{9}, Deadline: time.Now().Add(time.Minute)})
		if got := expect[protocol.Return](s); !strings.Contains(got.Reason, "malformed") {
			s.Errorf("got %+v", got)
		}
		expect[protocol.Want](s)
		s.say(protocol.Lease{Token: []byte("c"), Payload: job.EncodeShard(shard(1, 1, 1, 1)), Deadline: time.Now().Add(-time.Minute)})
		if got := expect[protocol.Return](s); !strings.Contains(got.Reason, "expired") {
			s.Errorf("got %+v", got)
		}
	})
}

func TestProgramTooLargeForTheDevice(t *testing.T) {
	perform(t, func(c *worker.Config) { c.MaxMemory = sum.Cost().PeakBytes - 1 }, func(s *stage) {
		s.accept()
		s.lease(shard(1, 1, 1, 1), false)
		if got := await[protocol.Return](s); !strings.Contains(got.Reason, "program needs") {
			s.Errorf("got %+v", got)
		}
	})
}

// broken is a device that never runs anything.
type broken struct{ device.Device }

func (broken) Load(*program.Program) (device.Executable, error) {
	return nil, errors.New("broken: driver lost")
}

func TestDeviceThatKeepsFailingRests(t *testing.T) {
	perform(t, func(c *worker.Config) { c.Devices = []device.Device{broken{reference.New()}}; c.InHand = 1 }, func(s *stage) {
		s.accept()
		for range 3 {
			if got, want := expect[protocol.Want](s), (protocol.Want{Count: 1}); got != want {
				s.Fatalf("got %+v, want %+v", got, want)
			}
			s.lease(shard(1, 1, 1, 1), false)
			if got := expect[protocol.Return](s); got.Reason != "broken: driver lost" {
				s.Fatalf("got %+v", got)
			}
		}
		start := time.Now()
		expect[protocol.Want](s)
		if rested := time.Since(start); rested < 20*time.Second {
			s.Errorf("it asked again after %v", rested)
		}
	})
}

func TestWeightsAreFetchedOnce(t *testing.T) {
	source := &counting{BlobSource: store, asked: map[job.Hash]int{}}
	devices := []device.Device{reference.New(), reference.New()}
	perform(t, func(c *worker.Config) { c.Blobs, c.Devices = source, devices }, func(s *stage) {
		s.accept()
		for i := range int32(6) {
			l := s.lease(shard(i, 0, 0, 0), false)
			s.result(l, 10+i, 20, 30, 40)
			s.accepted(l, 1)
		}
		for h, n := range source.asked {
			if n != 1 {
				s.Errorf("blob %v was fetched %d times", h, n)
			}
		}
	})
}

func TestBlobsOverTheConnection(t *testing.T) {
	perform(t, func(c *worker.Config) { c.Blobs = nil }, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		l := s.lease(shard(1, 1, 1, 1), false)
		got := expect[protocol.GetBlob](s)
		s.conn.Close() // the question outlives the connection
		s.accept()
		if again := expect[protocol.GetBlob](s); again != got {
			s.Fatalf("got %x, want %x", again.Hash, got.Hash)
		}
		s.say(protocol.Blob{Hash: got.Hash, Data: store[got.Hash]})
		got = await[protocol.GetBlob](s)
		s.say(protocol.Blob{Hash: got.Hash, Data: store[got.Hash]})
		s.result(l, 11, 21, 31, 41)

		missing := shard(1, 1, 1, 1)
		missing.Inputs[0].Blob = job.Hash{9}
		s.lease(missing, false)
		got = await[protocol.GetBlob](s)
		s.say(protocol.Error{Code: protocol.CodeNotFound, Ref: got.Hash[:]})
		if got := await[protocol.Return](s); !strings.Contains(got.Reason, "does not have it") {
			s.Errorf("got %+v", got)
		}
	})
}

// flaky fails the first time.
type flaky struct {
	worker.BlobSource
	failed bool
}

func (f *flaky) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	if !f.failed {
		f.failed = true
		return nil, errors.New("flaky: connection reset")
	}
	return f.BlobSource.Get(ctx, h)
}

func TestFetchIsTriedAgain(t *testing.T) {
	perform(t, func(c *worker.Config) { c.Blobs = &flaky{BlobSource: store} }, func(s *stage) {
		s.accept()
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
	})
}

func TestRefusedResultIsForgotten(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		l := s.lease(shard(1, 1, 1, 1), false)
		s.result(l, 11, 21, 31, 41)
		s.say(protocol.Error{Code: protocol.CodeBusy, Ref: l.Token})
		s.result(l, 11, 21, 31, 41) // later
		s.say(protocol.Error{Code: protocol.CodeLeaseExpired, Ref: l.Token})
		if got := s.seen(worker.Refused); len(got) != 2 || got[1].Shard != l.Shard {
			s.Errorf("got %+v", got)
		}
		if n := s.worker.Stats().Waiting; n != 0 {
			s.Errorf("%d results are still kept", n)
		}
	})
}

func TestSealNobodyOpensIsForgotten(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		s.lease(shard(1, 1, 1, 1), true)
		await[protocol.Seal](s)
		time.Sleep(12 * time.Minute) // of the test's own clock
		if n := s.worker.Stats().Waiting; n != 0 {
			s.Errorf("%d results are still kept", n)
		}
	})
}

func TestTooManyWaitingResultsStopTheWants(t *testing.T) {
	perform(t, func(c *worker.Config) { c.MaxWaiting, c.InHand = 1, 1 }, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		l := s.lease(shard(1, 1, 1, 1), true)
		expect[protocol.Seal](s)
		s.quiet()
		s.say(protocol.Revoke{Token: l.Token})
		expect[protocol.Want](s)
	})
}

func TestFullOfSealedResultsOneIsHandedBack(t *testing.T) {
	one := func(c *worker.Config) { c.WaitingBytes, c.InHand = 2*18, 1 } // a sum's outputs have 18 bytes
	perform(t, one, func(s *stage) {
		s.accept()
		first := s.lease(shard(1, 1, 1, 1), true)
		await[protocol.Seal](s)
		time.Sleep(time.Second) // of the test's own clock: the second deadline is later
		second := s.lease(shard(2, 2, 2, 2), true)
		await[protocol.Seal](s)
		if got := expect[protocol.Return](s); len(got.Tokens) != 1 || string(got.Tokens[0]) != string(first.Token) {
			s.Fatalf("got back %s, want %s alone", got.Tokens, first.Token)
		}
		expect[protocol.Want](s)
		s.say(protocol.Open{Token: second.Token})
		s.result(second, 12, 22, 32, 42)
	})
}

func TestUnknownMessageIsAnsweredAndTheConnectionKept(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		s.say(protocol.Hello{})
		if got := expect[protocol.Error](s); got.Code != protocol.CodeUnexpected {
			s.Errorf("got %+v", got)
		}
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
	})
}

func TestMalformedFrameIsAnsweredAndTheConnectionKept(t *testing.T) {
	var hub protocol.Frames
	overPipe := func(c *worker.Config) {
		ours, theirs := protocol.FramePipe()
		hub, c.Dial, c.Conn = ours, nil, protocol.NewConn(theirs)
	}
	perform(t, overPipe, func(s *stage) {
		s.conns <- protocol.NewConn(hub)
		s.accept()
		expect[protocol.Want](s)
		if err := hub.SendFrame(s.Context(), []byte{99}); err != nil {
			s.Fatal(err)
		}
		if got := expect[protocol.Error](s); got.Code != protocol.CodeUnknownType {
			s.Errorf("got %+v", got)
		}
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
		s.conn.Close()
		if err := <-s.ended; !errors.Is(err, protocol.ErrClosed) {
			s.Errorf("Run over one connection: got %v, want %v", err, protocol.ErrClosed)
		}
	})
}

func TestGivesUpOnAHubThatIsNotThere(t *testing.T) {
	perform(t, func(c *worker.Config) { c.GiveUp, c.Backoff = 5, nil }, func(s *stage) {
		s.accept()
		gone := errors.New("connection refused")
		s.unreachable(gone)
		s.conn.Close()
		start := time.Now()
		err := <-s.ended
		if !errors.Is(err, worker.ErrUnreachable) || !errors.Is(err, gone) {
			s.Errorf("Run: got %v, want %v and %v", err, worker.ErrUnreachable, gone)
		}
		if took := time.Since(start); took < 3*time.Second || took > time.Minute {
			s.Errorf("it gave up after %v", took)
		}
	})
}

func TestHubThatDoesNotAnswerIsLeft(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.conn = <-s.conns
		expect[protocol.Hello](s)
		if m, err := s.conn.Receive(s.Context()); !errors.Is(err, protocol.ErrClosed) {
			s.Fatalf("got %+v, %v, want %v", m, err, protocol.ErrClosed)
		}
		s.accept()
		expect[protocol.Want](s)
	})
}

func TestConsentThatRanOutEndsRun(t *testing.T) {
	perform(t, func(c *worker.Config) { c.Consent.Expires = time.Now().Add(-time.Second) }, func(s *stage) {
		s.conn = <-s.conns
		expect[protocol.Hello](s)
		s.say(protocol.Welcome{Version: protocol.Version})
		if err := <-s.ended; !errors.Is(err, worker.ErrConsent) {
			s.Errorf("Run: got %v, want %v", err, worker.ErrConsent)
		}
	})
}

func TestRefusalsThatEndRun(t *testing.T) {
	tests := []struct {
		code protocol.Code
		want error
	}{
		{protocol.CodeConsentRequired, worker.ErrConsent},
		{protocol.CodeConsentInvalid, worker.ErrConsent},
		{protocol.CodeVersion, worker.ErrRefused},
		{protocol.CodeDenied, worker.ErrRefused},
	}
	for _, test := range tests {
		t.Run(test.code.String(), func(t *testing.T) {
			perform(t, nil, func(s *stage) {
				s.conn = <-s.conns
				expect[protocol.Hello](s)
				s.say(protocol.Error{Code: test.code, Message: "no", Fatal: true})
				err := <-s.ended
				var said protocol.Error
				if !errors.Is(err, test.want) || !errors.As(err, &said) || said.Code != test.code {
					s.Errorf("Run: got %v, want %v", err, test.want)
				}
			})
		})
	}
}

func TestConsentIsShownAgainBeforeTheHubForgetsIt(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		expect[protocol.Want](s)
		s.say(protocol.Consented{Expires: time.Now().Add(10 * time.Minute)}) // not the hour that was agreed to
		start := time.Now()
		again := expect[protocol.Consent](s)
		if after := time.Since(start); after < 8*time.Minute || after > 10*time.Minute {
			s.Errorf("the consent came again after %v", after)
		}
		if !protocol.VerifyConsent(s.worker.ID(), [32]byte{7}, again) {
			s.Error("its signature does not verify")
		}
		s.say(protocol.Consented{Expires: again.Expires})
		s.quiet()
	})
}

func TestOneDeniedDeviceOfTwoDoesNotEndRun(t *testing.T) {
	two := func(c *worker.Config) { c.Devices = []device.Device{reference.New(), reference.New()} }
	perform(t, two, func(s *stage) {
		s.accept()
		s.say(protocol.Error{Code: protocol.CodeDenied, Message: "device 0 is not served"})
		s.result(s.lease(shard(1, 1, 1, 1), false), 11, 21, 31, 41)
	})
}

func TestErrorDuringHandshakeConnectsAgain(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.conn = <-s.conns
		expect[protocol.Hello](s)
		s.say(protocol.Error{Code: protocol.CodeBusy, Message: "full"})
		s.accept()
		expect[protocol.Want](s)
	})
}

func TestStartPausedAsksForNothing(t *testing.T) {
	perform(t, func(c *worker.Config) { c.StartPaused = true }, func(s *stage) {
		s.accept()
		s.quiet()
		s.worker.Start()
		expect[protocol.Want](s)
	})
}

func TestProgressBecomesAnEvent(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		s.say(protocol.StatusUpdate{JSON: []byte(`{"step":1}`)})
		if got := s.seen(worker.Progress); len(got) != 1 || string(got[0].JSON) != `{"step":1}` {
			s.Errorf("got %+v", got)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	a, b := protocol.Pipe()
	defer a.Close()
	defer b.Close()
	good := worker.Config{
		Conn:    a,
		Devices: []device.Device{reference.New()},
		Key:     testKey,
		Consent: protocol.Consent{Origin: "test"},
	}
	tests := []struct {
		want   string
		change func(*worker.Config)
	}{
		{"Dial and Conn", func(c *worker.Config) { c.Conn = nil }},
		{"Devices", func(c *worker.Config) { c.Devices = nil }},
		{"Key", func(c *worker.Config) { c.Key = nil }},
		{"Consent.Origin", func(c *worker.Config) { c.Consent.Origin = "" }},
		{"InHand", func(c *worker.Config) { c.InHand = 17 }},
		{"CacheBytes", func(c *worker.Config) { c.CacheBytes = -1 }},
	}
	for _, test := range tests {
		cfg := good
		test.change(&cfg)
		if _, err := worker.New(cfg); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one that names %s", err, test.want)
		}
	}
	if _, err := worker.New(good); err != nil {
		t.Errorf("a good config: %v", err)
	}
}
