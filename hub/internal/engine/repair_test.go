package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// A job that goes back waits for verdicts that are being written: after the
// withdrawal they would be about other inputs.
func TestWithdrawalWaitsForCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHall(t, job.Trust{Epsilon: "0.000001"}, 1, 1)
		h.job.writes.Add(1)
		done := make(chan struct{})
		go func() {
			h.withdrawRound(h.job)
			close(done)
		}()
		synctest.Wait()
		h.mu.Lock()
		open := h.job.round != nil
		h.mu.Unlock()
		select {
		case <-done:
			t.Error("it does not wait")
		default:
		}
		if open {
			t.Error("further results are judged meanwhile")
		}
		h.job.writes.Done()
		<-done
	})
}

// Whoever was caught is no evidence any more, with any device, and strangers are
// not remembered before they have delivered.
func TestCaughtCountsForNothing(t *testing.T) {
	h := newHall(t, job.Trust{Epsilon: "0.000001"}, 2, 1)
	h.plans(t)
	if n := h.repute.Len(); n > 0 {
		t.Errorf("%d strangers are remembered", n)
	}
	liar := h.members[0].id
	h.repute.Catch(reputation.Device{Volunteer: liar, Class: "wasm"}, time.Unix(1, 0))
	s := h.job.round.shards[0]
	both := []Result{{Volunteer: liar, Class: "cpu", Output: job.Hash{1}, Alone: true}, {Volunteer: volunteer.ID{9}, Output: job.Hash{1}, Alone: true, Risk: 1e-9}}
	if v := h.weigh(h.job, s, both[:1], nil); v.Accepted {
		t.Error("a liar's word was accepted")
	}
	if v := h.weigh(h.job, s, both, nil); !v.Accepted {
		t.Error("a liar's word keeps a good one from being accepted")
	}
	s.lonely = true
	if v := h.weigh(h.job, s, both[:1], nil); v.Audit == 0 {
		t.Error("nobody decides where only a liar is left")
	}
}
