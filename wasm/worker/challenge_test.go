package worker_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

// challenge asks about shard(v...), which the worker need not know.
func (s *stage) challenge(n byte, q dispute.Question, payload []byte) protocol.Challenge {
	s.Helper()
	m := protocol.Challenge{Token: []byte("forgotten"), Case: [32]byte{n}, Question: q.Encode(), Payload: payload}
	s.say(m)
	return m
}

// refusal takes the refusal of m.
func (s *stage) refusal(m protocol.Challenge, want string) {
	s.Helper()
	r := await[protocol.Response](s)
	if r.Case != m.Case || string(r.Token) != string(m.Token) || len(r.Answer) > 0 || !strings.Contains(r.Refusal, want) {
		s.Fatalf("got %+v, want a refusal with %q", r, want)
	}
}

// response takes the answer to m.
func (s *stage) response(m protocol.Challenge) dispute.Answer {
	s.Helper()
	r := await[protocol.Response](s)
	if r.Case != m.Case || string(r.Token) != string(m.Token) || r.Refusal != "" {
		s.Fatalf("got %+v, want an answer", r)
	}
	a, err := dispute.DecodeAnswer(r.Answer)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

var (
	commit = dispute.Question{Kind: dispute.Commit, Size: 1}
	reveal = dispute.Question{Kind: dispute.Reveal, Size: 1}
	supply = dispute.Question{Kind: dispute.Supply, Size: 1}
)

func payload(v ...int32) []byte { return job.EncodeShard(shard(v...)) }

// A worker whose result differs from an impostor's plays the whole dispute, and
// needs the shard once.
func TestChallenge(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		impostor := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))
		ours, theirs := s.worker.ID(), impostor.Public().(ed25519.PublicKey)
		in := [][]byte{weights, vector(1, 2, 3, 4)}
		c := dispute.Case{Program: sum, Inputs: []trace.Digest{trace.DigestOf(in[0]), trace.DigestOf(in[1])}}
		right, wrong := vector(11, 22, 33, 44), vector(11, 22, 33, 45)
		c.Claims[0] = dispute.Claim{Key: ours[:], Outputs: []trace.Digest{trace.DigestOf(right)}}
		c.Claims[1] = dispute.Claim{Key: theirs, Outputs: []trace.Digest{trace.DigestOf(wrong)}}
		r, err := dispute.NewReferee(c, 0)
		if err != nil {
			s.Fatal(err)
		}
		lie, err := trace.New(sum, append([]trace.Digest{c.Inputs[0], c.Inputs[1]}, c.Claims[1].Outputs...))
		if err != nil {
			s.Fatal(err)
		}
		shard := payload(1, 2, 3, 4)
		for len(r.Questions()) > 0 {
			for _, q := range r.Questions() {
				if q.Party == 1 {
					a, err := (&dispute.Player{Trace: lie, Key: impostor}).Answer(s.Context(), r.ID(), q)
					if err != nil {
						s.Fatal(err)
					}
					if err := r.Answer(1, a); err != nil {
						s.Fatal(err)
					}
					continue
				}
				m := protocol.Challenge{Token: []byte("forgotten"), Case: r.ID(), Question: q.Encode(), Payload: shard}
				shard = nil
				s.say(m)
				if err := r.Answer(0, s.response(m)); err != nil {
					s.Fatal(err)
				}
			}
		}
		if err := r.Judge(s.Context(), reference.Interpret); err != nil {
			s.Fatal(err)
		}
		if v, _ := r.Verdict(); v.Op != 0 || v.Faults[0] != nil || v.Faults[1] == nil {
			s.Errorf("verdict %+v", v)
		}
	})
}

func TestChallengesRefused(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		s.refusal(s.challenge(1, commit, nil), "not known here")
		m := protocol.Challenge{Token: []byte("t"), Question: commit.Encode(), Payload: payload(1, 2, 3, 4), Device: 1}
		s.say(m)
		s.refusal(m, "no device 1")
		m.Device, m.Question = 0, []byte("?")
		s.say(m)
		s.refusal(m, "damaged")
		s.refusal(s.challenge(2, commit, []byte("damaged")), "shard")
		s.refusal(s.challenge(2, reveal, nil), "not known here") // nothing of a refused case is kept
		dear := shard(1, 2, 3, 4)
		dear.Cost++
		s.refusal(s.challenge(3, commit, job.EncodeShard(dear)), "claims a cost")
		absent := shard(1, 2, 3, 4)
		absent.Inputs[0].Blob = job.Hash{1}
		s.refusal(s.challenge(3, commit, job.EncodeShard(absent)), "blob")

		first := s.challenge(4, commit, payload(1, 2, 3, 4))
		<-g.entered
		s.refusal(s.challenge(4, commit, nil), "still being answered")
		time.Sleep(time.Second) // of the test's own clock: the others are asked later
		for n := byte(5); n < 8; n++ {
			s.challenge(n, commit, payload(1, 2, 3, 4))
		}
		s.refusal(s.challenge(8, commit, payload(1, 2, 3, 4)), "busy with 4")
		for range 4 {
			g.open <- struct{}{}
		}
		s.response(first)
		for range 3 {
			if r := await[protocol.Response](s); r.Refusal != "" {
				s.Errorf("refused: %s", r.Refusal)
			}
		}
		s.challenge(8, commit, payload(1, 2, 3, 4)) // in the place of the one that was asked least lately
		g.open <- struct{}{}
		await[protocol.Response](s)
		s.refusal(s.challenge(4, reveal, nil), "not known here")
		s.response(s.challenge(8, reveal, nil))
	})
}

// A pause ends what is being answered, and refuses what comes.
func TestChallengeWhilePaused(t *testing.T) {
	var g *gate
	perform(t, withGate(&g), func(s *stage) {
		s.accept()
		m := s.challenge(1, commit, payload(1, 2, 3, 4))
		<-g.entered
		s.worker.Pause()
		s.refusal(m, "paused")
		s.refusal(s.challenge(2, commit, payload(1, 2, 3, 4)), "paused")
		s.worker.Start()
		m = s.challenge(1, commit, payload(1, 2, 3, 4))
		g.open <- struct{}{}
		s.response(m)
		m = s.challenge(1, supply, nil)
		a := s.response(m)
		if len(a.Values) != 2 || string(a.Values[0]) != string(weights) {
			s.Errorf("supplied %x", a.Values)
		}
	})
}

// A trace outlives its connection, and not ten minutes without a question.
func TestTraceIsKeptForAWhile(t *testing.T) {
	perform(t, nil, func(s *stage) {
		s.accept()
		s.response(s.challenge(1, commit, payload(1, 2, 3, 4)))
		s.conn.Close()
		s.accept()
		s.response(s.challenge(1, reveal, nil))
		time.Sleep(9 * time.Minute) // of the test's own clock
		s.response(s.challenge(1, reveal, nil))
		time.Sleep(11 * time.Minute)
		s.refusal(s.challenge(1, reveal, nil), "not known here")
	})
}
