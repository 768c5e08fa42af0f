package protocol

import (
	"errors"
	"fmt"
)

// ErrClosed reports that the connection is over: closed here, or cleanly by
// the peer.
var ErrClosed = errors.New("protocol: connection closed")

// FrameError reports a frame from the peer that is not a message. The
// connection is unharmed: answer with Reply and go on receiving.
type FrameError struct {
	Code   Code   // CodeMalformed, CodeUnknownType or CodeTooLarge
	Frame  Type   // first byte of the frame; 0 when there was none
	Detail string // which field, and what is wrong with it
}

// Error implements error.
func (e *FrameError) Error() string {
	return fmt.Sprintf("protocol: %v frame (%v): %s", e.Frame, e.Code, e.Detail)
}

// Reply returns the message that tells the peer.
func (e *FrameError) Reply() Error {
	return Error{Code: e.Code, Message: clip(e.Frame.String()+": "+e.Detail, MaxText)}
}

// Error makes a received Error usable as a Go error.
func (e Error) Error() string {
	return fmt.Sprintf("protocol: peer says %v: %s", e.Code, e.Message)
}

// Clip shortens s to at most MaxText bytes, so that a reason of any length
// fits into a message.
func Clip(s string) string { return clip(s, MaxText) }

func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && s[max]&0xC0 == 0x80 { // not inside a UTF-8 sequence
		max--
	}
	return s[:max]
}
