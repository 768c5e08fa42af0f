// Package session speaks with one connected volunteer.
//
// It owns the order of the conversation and everything that is checked before
// the engine hears of it: versions, the consent record and its signature,
// whose a lease is, a result's signature. Keys are public: the engine does not
// hear of a volunteer at all before a consent proves that its key is its own.
// It refuses to know what becomes of results, and how frames travel.
//
// Each session has two goroutines: one receives and acts, the other sends what
// the engine has to say. Handle owns both and returns when both have ended. A
// frame that is wrong costs its sender an error frame; only too many of them,
// a broken connection or a peer that does not listen end the session.
package session

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// Config is what sessions need. Every field is required.
type Config struct {
	Engine *engine.Engine
	Signer *lease.Signer
	Blobs  job.Blobs
	Name   string // the hub's name, for people

	MaxConsent   time.Duration // a consent counts no longer than this
	HelloTimeout time.Duration // a peer that has not said hello by then is let go, and so is one that shows no consent for so long after the welcome
	SendTimeout  time.Duration // a peer that does not take a message for so long is let go
	StatusEvery  time.Duration // between status updates

	Log  *slog.Logger
	Now  func() time.Time
	Rand io.Reader
}

// Limits of one session.
const (
	maxFaults = 32 // refused messages in a row before the session ends
	maxUnfits = 8  // a machine has few lanes, and each fails once or twice
	clockSkew = 5 * time.Minute
	maxLane   = 24 // bytes; it goes into every token
)

// session is one connection. The receiving goroutine owns what is not said to
// be shared.
type session struct {
	config Config
	conn   protocol.Conn
	log    *slog.Logger

	nonce   [32]byte
	id      volunteer.ID // as hello says; proved by the first consent
	agent   string
	devices []engine.Device
	member  *engine.Member // nil before the first consent that counts
	agreed  time.Time      // end of the consent
	faults  int
	unfits  int // unfit messages

	status chan []byte // cap 1: the newest status, shared
}

// errEnd ends a session in good order.
var errEnd = errors.New("session: over")

// handle speaks with one peer until either side ends it, and closes conn.
func (h *Hub) handle(ctx context.Context, conn protocol.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	s := &session{config: h.config, conn: conn, log: h.config.Log, status: make(chan []byte, 1)}
	var sender sync.WaitGroup
	defer func() {
		if s.member != nil {
			h.remove(s)
			s.member.Leave()
		}
		cancel()
		conn.Close() // unblocks the sender
		sender.Wait()
	}()
	if err := s.greet(ctx); err != nil {
		return s.farewell(ctx, err)
	}
	if err := s.await(ctx); err != nil {
		return s.farewell(ctx, err)
	}
	h.add(s)
	sender.Go(func() {
		if err := s.deliver(ctx); err != nil {
			s.log.Debug("session lost", "err", err)
		}
		cancel() // unblocks the receiver
	})
	return s.farewell(ctx, s.receive(ctx))
}

// farewell sends what ends the session, if anything does, and returns err
// unless it was an orderly end.
func (s *session) farewell(ctx context.Context, err error) error {
	var fatal *protocol.Error
	switch {
	case errors.Is(err, errEnd), errors.Is(err, protocol.ErrClosed):
		return nil
	case errors.As(err, &fatal):
		_ = s.send(ctx, *fatal) // the connection ends either way
		return nil
	case errors.Is(err, context.Canceled):
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.send(ctx, protocol.Goodbye{Reason: "the hub is going; connect again later"})
		return nil
	}
	return err
}

func (s *session) send(ctx context.Context, m protocol.Message) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.SendTimeout)
	defer cancel()
	return s.conn.Send(ctx, m)
}

// refuse answers a message that was wrong.
func (s *session) refuse(ctx context.Context, code protocol.Code, ref []byte, format string, args ...any) error {
	e := protocol.Error{Code: code, Message: protocol.Clip(fmt.Sprintf(format, args...)), Ref: ref}
	if len(ref) > protocol.MaxToken {
		e.Ref = nil
	}
	if s.faults++; s.faults > maxFaults {
		e.Fatal = true
		return &e
	}
	return s.send(ctx, e)
}

func fatal(code protocol.Code, format string, args ...any) error {
	return &protocol.Error{Code: code, Message: protocol.Clip(fmt.Sprintf(format, args...)), Fatal: true}
}

// receive acts on messages until the session ends.
func (s *session) receive(ctx context.Context) error {
	for {
		m, err := s.conn.Receive(ctx)
		if err := s.take(ctx, m, err); err != nil {
			return err
		}
	}
}

// take acts on what was received, and counts what was wrong with it.
func (s *session) take(ctx context.Context, m protocol.Message, err error) error {
	if frame := (*protocol.FrameError)(nil); errors.As(err, &frame) {
		return s.refuse(ctx, frame.Code, nil, "%s", frame.Detail)
	}
	if err != nil {
		return err
	}
	faults := s.faults
	err = s.act(ctx, m)
	if s.faults == faults {
		s.faults = 0
	}
	return err
}

func (s *session) act(ctx context.Context, m protocol.Message) error {
	s.log.Debug("received", "message", m.Type())
	if s.member == nil {
		return s.actUnproved(ctx, m)
	}
	switch m := m.(type) {
	case protocol.Consent:
		return s.consent(ctx, m)
	case protocol.Want:
		return s.want(ctx, m)
	case protocol.Seal:
		return s.seal(ctx, m)
	case protocol.Result:
		return s.result(ctx, m)
	case protocol.Return:
		s.member.Return(m.Tokens)
		return nil
	case protocol.GetBlob:
		return s.blob(ctx, m)
	case protocol.Unfit:
		return s.unfit(ctx, m)
	case protocol.Response:
		return s.response(ctx, m)
	case protocol.Goodbye:
		return errEnd
	case protocol.Error:
		s.log.Debug("volunteer reports", "code", m.Code, "fatal", m.Fatal)
		if m.Fatal {
			return errEnd
		}
		if m.Code == protocol.CodeUnknownType {
			s.member.CannotRespond() // challenges are all that older volunteers may not know
		}
		return nil
	}
	return s.refuse(ctx, protocol.CodeUnexpected, nil, "%v has no place here", m.Type())
}

// unfit notes lanes that failed on the volunteer's machine. What they are
// called is the volunteer's word: it is shown and logged, and nothing else.
func (s *session) unfit(ctx context.Context, m protocol.Unfit) error {
	if s.unfits++; s.unfits > maxUnfits {
		return s.refuse(ctx, protocol.CodeUnexpected, nil, "unfit: said %d times", s.unfits)
	}
	lanes := make([]engine.Unfit, len(m.Lanes))
	for i, l := range m.Lanes {
		lanes[i] = engine.Unfit{Lane: l.Lane, Detail: l.Detail, Reason: l.Reason}
		s.log.Info("lane failed on a volunteer's machine", "lane", l.Lane, "detail", l.Detail, "reason", l.Reason)
	}
	s.member.Unfit(lanes)
	return nil
}

// response hands on an answer. What was not asked for is refused; it may be one
// that comes too late.
func (s *session) response(ctx context.Context, m protocol.Response) error {
	if err := s.member.Respond(m.Token, m.Case, m.Answer, m.Refusal); err != nil {
		return s.refuse(ctx, protocol.CodeUnexpected, m.Token, "response: %v", err)
	}
	return nil
}

func (s *session) want(ctx context.Context, m protocol.Want) error {
	switch {
	case !s.agreed.After(s.config.Now()):
		return s.refuse(ctx, protocol.CodeConsentRequired, nil, "want: the consent has expired")
	case m.Device >= uint64(len(s.devices)):
		return s.refuse(ctx, protocol.CodeUnexpected, nil, "want: device %d of %d", m.Device, len(s.devices))
	}
	err := s.member.Want(int(m.Device), int(min(m.Count, 1<<16)))
	if errors.Is(err, engine.ErrDenied) {
		return s.refuse(ctx, protocol.CodeDenied, nil, "want: device %d has returned a wrong result and is not served any more", m.Device)
	}
	return err
}

// lease verifies a token and that it is this volunteer's.
func (s *session) lease(token []byte) (lease.Lease, error) {
	l, err := s.config.Signer.Verify(token)
	if err != nil {
		return l, err
	}
	if l.Volunteer != s.id {
		return l, fmt.Errorf("%w: it is another volunteer's", engine.ErrBadLease)
	}
	return l, nil
}

func (s *session) seal(ctx context.Context, m protocol.Seal) error {
	l, err := s.lease(m.Token)
	if err == nil {
		err = s.member.Seal(ctx, l, m.Token, m.Seal)
	}
	if errors.Is(err, engine.ErrSettled) {
		return s.send(ctx, protocol.Revoke{Token: m.Token, Reason: "the shard is settled"})
	}
	if errors.Is(err, engine.ErrSuperseded) {
		return s.send(ctx, protocol.Revoke{Token: m.Token, Reason: "another lease of yours for this shard is sealed"})
	}
	return s.answer(ctx, m.Token, err)
}

func (s *session) result(ctx context.Context, m protocol.Result) error {
	l, err := s.lease(m.Token)
	if err != nil {
		return s.answer(ctx, m.Token, err)
	}
	output := sha256.Sum256(m.Outputs)
	if !ed25519.Verify(s.id[:], protocol.ResultBytes(m.Token, output), m.Signature[:]) {
		return s.refuse(ctx, protocol.CodeBadSignature, m.Token, "result: the signature does not cover this lease and these outputs")
	}
	v, err := s.member.Result(ctx, engine.Delivery{
		Lease: l, Token: m.Token, Outputs: m.Outputs, Output: output,
		Seal: protocol.SealOf(output, s.id, l.Nonce), Signature: m.Signature, Millis: m.Millis,
	})
	if err != nil {
		return s.answer(ctx, m.Token, err)
	}
	return s.send(ctx, verdict(v))
}

// answer tells the peer what was wrong with a lease it named. Faults that are
// the hub's own end the session, so that nothing is believed to be durable
// that is not.
func (s *session) answer(ctx context.Context, token []byte, err error) error {
	code := protocol.CodeInternal
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lease.ErrForged), errors.Is(err, engine.ErrBadLease), errors.Is(err, engine.ErrSuperseded):
		code = protocol.CodeBadLease
	case errors.Is(err, engine.ErrLeaseExpired):
		code = protocol.CodeLeaseExpired
	case errors.Is(err, engine.ErrDuplicate):
		code = protocol.CodeDuplicate
	case errors.Is(err, engine.ErrBadSeal):
		code = protocol.CodeBadSeal
	case errors.Is(err, engine.ErrBadResult):
		code = protocol.CodeBadResult
	case errors.Is(err, engine.ErrDenied):
		code = protocol.CodeDenied
	case errors.Is(err, engine.ErrStopping):
		return fatal(protocol.CodeClosing, "the hub is going; connect again later")
	default:
		return errors.Join(err, s.send(ctx, protocol.Error{Code: code, Message: "the hub has failed", Fatal: true, Ref: token}))
	}
	return s.refuse(ctx, code, token, "%v", err)
}

func verdict(v engine.VerdictNotice) protocol.Verdict {
	m := protocol.Verdict{Token: v.Token, Credit: int64(v.Credit), Reason: protocol.Clip(v.Reason)}
	switch {
	case v.Surplus():
		m.Status = protocol.StatusSurplus
	case v.Standing == trust.Confirmed:
		m.Status = protocol.StatusAccepted
	case v.Standing == trust.Refuted:
		m.Status = protocol.StatusRejected
	default:
		m.Status = protocol.StatusPending
	}
	return m
}

// blob answers a request for a blob. Its own goroutine does nothing else
// meanwhile, which bounds what one volunteer makes the hub hold in memory.
func (s *session) blob(ctx context.Context, m protocol.GetBlob) error {
	data, err := s.config.Blobs.Get(ctx, m.Hash)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return s.send(ctx, protocol.Error{Code: protocol.CodeNotFound, Message: "no such blob", Ref: m.Hash[:]})
	}
	err = s.send(ctx, protocol.Blob{Hash: m.Hash, Data: data})
	if frame := (*protocol.FrameError)(nil); errors.As(err, &frame) {
		return s.refuse(ctx, protocol.CodeTooLarge, m.Hash[:], "blob of %d bytes; fetch it over HTTP", len(data))
	}
	return err
}

// deliver sends what the engine has to say, and the status now and then.
func (s *session) deliver(ctx context.Context) error {
	notices := s.member.Notices()
	var shown []byte // the last status sent
	for {
		var m protocol.Message
		select {
		case n, ok := <-notices:
			if !ok {
				return errors.New("session: the volunteer has left, or does not keep up")
			}
			m = message(n)
		case data := <-s.status:
			if bytes.Equal(data, shown) {
				continue
			}
			shown = data
			m = protocol.StatusUpdate{JSON: data}
		case <-ctx.Done():
			return nil
		}
		if m.Type() != protocol.TypeStatusUpdate {
			s.log.Debug("sends", "message", m.Type())
		}
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
}

func message(n engine.Notice) protocol.Message {
	switch n := n.(type) {
	case engine.LeaseNotice:
		return protocol.Lease{
			Token: n.Token, Nonce: n.Nonce, Job: n.Job, Shard: uint64(n.Shard), Device: uint64(n.Device),
			Deadline: n.Deadline, Sealed: n.Sealed, Payload: n.Payload,
		}
	case engine.OpenNotice:
		return protocol.Open{Token: n.Token}
	case engine.RevokeNotice:
		return protocol.Revoke{Token: n.Token, Reason: protocol.Clip(n.Reason)}
	case engine.VerdictNotice:
		return verdict(n)
	case engine.ChallengeNotice:
		return protocol.Challenge{
			Token: n.Token, Device: uint64(n.Device), Case: n.Case, Question: n.Question, Payload: n.Payload,
		}
	}
	panic(fmt.Sprintf("session: notice %T", n)) // a new one was forgotten here
}
