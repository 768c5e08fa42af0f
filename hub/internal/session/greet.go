package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// greet exchanges hello and welcome.
func (s *session) greet(ctx context.Context) error {
	timed, cancel := context.WithTimeout(ctx, s.config.HelloTimeout)
	defer cancel()
	m, err := s.conn.Receive(timed)
	if frame := (*protocol.FrameError)(nil); errors.As(err, &frame) {
		return fatal(frame.Code, "hello: %s", frame.Detail)
	}
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return fatal(protocol.CodeUnexpected, "no hello for %v", s.config.HelloTimeout)
		}
		return err
	}
	hello, ok := m.(protocol.Hello)
	if !ok {
		return fatal(protocol.CodeUnexpected, "%v before hello", m.Type())
	}
	if hello.MinVersion > protocol.Version || hello.MaxVersion < protocol.Version {
		return fatal(protocol.CodeVersion, "this hub speaks version %d, not %d to %d", protocol.Version, hello.MinVersion, hello.MaxVersion)
	}
	devices, err := devicesOf(hello)
	if err != nil {
		return fatal(protocol.CodeMalformed, "hello: %v", err)
	}
	if _, err := io.ReadFull(s.config.Rand, s.nonce[:]); err != nil {
		return err
	}
	s.id, s.agent, s.devices = hello.Volunteer, hello.Agent, devices
	s.log = s.log.With("volunteer", s.id.Short())
	return s.send(ctx, protocol.Welcome{Version: protocol.Version, Nonce: s.nonce, Hub: s.config.Name, Now: s.config.Now()})
}

// await waits for the first consent that counts. It says CodeUnexpected when
// none comes: a volunteer that is merely slow connects again, where
// CodeConsentRequired would have it ask its person.
func (s *session) await(ctx context.Context) error {
	timed, cancel := context.WithTimeout(ctx, s.config.HelloTimeout)
	defer cancel()
	for s.member == nil {
		m, err := s.conn.Receive(timed)
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return fatal(protocol.CodeUnexpected, "no consent for %v", s.config.HelloTimeout)
		}
		if err := s.take(ctx, m, err); err != nil {
			return err
		}
	}
	return nil
}

// actUnproved acts on a message of a peer that has not proved yet whose key it
// named: it may show a consent, or go.
func (s *session) actUnproved(ctx context.Context, m protocol.Message) error {
	switch m := m.(type) {
	case protocol.Consent:
		return s.consent(ctx, m)
	case protocol.Goodbye:
		return errEnd
	case protocol.Error:
		s.log.Debug("peer reports", "code", m.Code, "fatal", m.Fatal)
		if m.Fatal {
			return errEnd
		}
		return nil
	case protocol.Want, protocol.Seal, protocol.Result, protocol.Return, protocol.GetBlob, protocol.Unfit, protocol.Response:
		return s.refuse(ctx, protocol.CodeConsentRequired, nil, "%v before a consent that counts", m.Type())
	}
	return s.refuse(ctx, protocol.CodeUnexpected, nil, "%v has no place here", m.Type())
}

// consent checks a record and lets leases begin. The first one that counts
// proves the key: the volunteer joins.
func (s *session) consent(ctx context.Context, m protocol.Consent) error {
	now := s.config.Now()
	switch {
	case !protocol.VerifyConsent(s.id, s.nonce, m):
		return s.refuse(ctx, protocol.CodeBadSignature, nil, "consent: the signature does not cover this record and this connection's nonce")
	case m.Origin == "" || m.Runs == "":
		return s.refuse(ctx, protocol.CodeConsentInvalid, nil, "consent: origin and runs must say where it was given and to what")
	case m.Issued.After(now.Add(clockSkew)):
		return s.refuse(ctx, protocol.CodeConsentInvalid, nil, "consent: issued in the future")
	case !m.Expires.After(now):
		return s.refuse(ctx, protocol.CodeConsentInvalid, nil, "consent: expired")
	}
	if s.member == nil {
		if err := s.join(ctx); err != nil {
			return err
		}
	}
	s.agreed = m.Expires
	if latest := now.Add(s.config.MaxConsent); latest.Before(s.agreed) {
		s.agreed = latest
	}
	if err := s.send(ctx, protocol.Consented{Expires: s.agreed}); err != nil {
		return err
	}
	s.member.Consent(s.agreed)
	return nil
}

func (s *session) join(ctx context.Context) error {
	member, err := s.config.Engine.Join(ctx, s.id, s.agent, block(s.conn), s.devices)
	if errors.Is(err, engine.ErrStopping) {
		return fatal(protocol.CodeClosing, "the hub is going; connect again later")
	}
	if err != nil {
		return errors.Join(err, s.send(ctx, protocol.Error{Code: protocol.CodeInternal, Message: "the hub has failed", Fatal: true}))
	}
	s.member = member
	return nil
}

// block is the network block the peer is in, if its transport knows.
func block(conn protocol.Conn) string {
	peer, ok := conn.(interface{ RemoteAddr() string })
	if !ok {
		return ""
	}
	at, err := netip.ParseAddrPort(peer.RemoteAddr())
	if err != nil {
		return ""
	}
	return engine.Block(at.Addr())
}

func devicesOf(hello protocol.Hello) ([]engine.Device, error) {
	if len(hello.Devices) == 0 {
		return nil, errors.New("no devices")
	}
	devices := make([]engine.Device, len(hello.Devices))
	for i, d := range hello.Devices {
		if d.Lane == "" || len(d.Lane) > maxLane {
			return nil, fmt.Errorf("device %d: lane name of %d bytes, want 1 to %d", i, len(d.Lane), maxLane)
		}
		devices[i] = engine.Device{
			Lane: d.Lane, Detail: d.Detail,
			Threads: int(min(d.Threads, 1<<20)), Memory: int64(min(d.Memory, 1<<60)),
		}
	}
	return devices, nil
}
