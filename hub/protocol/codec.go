package protocol

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// Encode returns m's frame. It fails when a field is over its limit, naming
// the field. Messages are passed by value, never as pointers.
func Encode(m Message) ([]byte, error) { return AppendEncode(nil, m) }

// AppendEncode appends m's frame to dst.
func AppendEncode(dst []byte, m Message) ([]byte, error) {
	c := coder{frame: m.Type(), buf: append(dst, byte(m.Type()))}
	c.message(m)
	if n := len(c.buf) - len(dst); c.err == nil && n > FrameLimit(c.frame) {
		c.failf(CodeTooLarge, "frame has %d bytes, limit %d", n, FrameLimit(c.frame))
	}
	if c.err != nil {
		return dst, c.err
	}
	return c.buf, nil
}

// Decode reads one whole frame. There is exactly one frame for each message:
// anything else, truncated, trailing, over-long or of unknown type, is a
// *FrameError. The message's byte slices alias frame.
func Decode(frame []byte) (Message, error) {
	if len(frame) == 0 {
		return nil, &FrameError{Code: CodeMalformed, Detail: "empty frame"}
	}
	c := coder{frame: Type(frame[0]), buf: frame[1:], reading: true}
	zero := blank(c.frame)
	switch limit := FrameLimit(c.frame); {
	case zero == nil:
		c.failf(CodeUnknownType, "unknown type")
	case len(frame) > limit:
		c.failf(CodeTooLarge, "frame has %d bytes, limit %d", len(frame), limit)
	}
	if c.err != nil {
		return nil, c.err
	}
	m := c.message(zero)
	if c.err == nil && len(c.buf) > 0 {
		c.failf(CodeMalformed, "%d bytes after the last field", len(c.buf))
	}
	if c.err != nil {
		return nil, c.err
	}
	return m, nil
}

// coder writes fields to buf, or reads them from it: the same description of
// a message serves both directions, so they cannot drift apart. The first
// error sticks and later fields are skipped.
type coder struct {
	reading bool
	frame   Type
	buf     []byte // reading: what is left; writing: what has been written
	err     error
}

func (c *coder) failf(code Code, format string, args ...any) {
	if c.err == nil {
		c.err = &FrameError{Code: code, Frame: c.frame, Detail: fmt.Sprintf(format, args...)}
	}
}

// uint is a varint: 7 bits a byte, low bits first, shortest form only.
func (c *coder) uint(field string, v *uint64) {
	switch {
	case c.err != nil:
	case c.reading:
		n := 0
		*v, n = binary.Uvarint(c.buf)
		if n <= 0 || n > 1 && c.buf[n-1] == 0 {
			c.failf(CodeMalformed, "%s: bad varint", field)
			return
		}
		c.buf = c.buf[n:]
	default:
		c.buf = binary.AppendUvarint(c.buf, *v)
	}
}

// small is a varint that fits max.
func (c *coder) small(field string, v *uint64, max uint64) {
	c.uint(field, v)
	if c.err == nil && *v > max {
		c.failf(CodeMalformed, "%s: %d is over %d", field, *v, max)
	}
}

// int is zigzag: 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
func (c *coder) int(field string, v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63)
	c.uint(field, &u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *coder) bool(field string, v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	c.small(field, &u, 1)
	*v = u == 1
}

// time is milliseconds since 1970, UTC.
func (c *coder) time(field string, v *time.Time) {
	ms := v.UnixMilli()
	c.int(field, &ms)
	if c.reading && c.err == nil {
		*v = time.UnixMilli(ms).UTC()
		if v.UnixMilli() != ms {
			c.failf(CodeMalformed, "%s: time out of range", field)
		}
	}
}

// fixed is exactly len(v) bytes.
func (c *coder) fixed(field string, v []byte) {
	switch {
	case c.err != nil:
	case !c.reading:
		c.buf = append(c.buf, v...)
	case len(c.buf) < len(v):
		c.failf(CodeMalformed, "%s: %d bytes left, want %d", field, len(c.buf), len(v))
	default:
		copy(v, c.buf)
		c.buf = c.buf[len(v):]
	}
}

// bytes is a length and that many bytes.
func (c *coder) bytes(field string, v *[]byte, max int) {
	n := c.length(field, len(*v), max)
	switch {
	case c.err != nil:
	case !c.reading:
		c.buf = append(c.buf, *v...)
	case n > len(c.buf):
		c.failf(CodeMalformed, "%s: %d bytes left, want %d", field, len(c.buf), n)
	default:
		*v = c.buf[:n:n]
		c.buf = c.buf[n:]
	}
}

// text is bytes that are UTF-8.
func (c *coder) text(field string, v *string, max int) {
	var b []byte
	if !c.reading {
		b = []byte(*v)
	}
	c.bytes(field, &b, max)
	if c.err == nil && !utf8.Valid(b) {
		c.failf(CodeMalformed, "%s: not UTF-8", field)
	}
	if c.reading && c.err == nil {
		*v = string(b)
	}
}

// length codes the number of things that follow.
func (c *coder) length(field string, n, max int) int {
	u := uint64(n)
	c.uint(field, &u)
	if c.err == nil && u > uint64(max) {
		c.failf(CodeTooLarge, "%s: length %d, limit %d", field, u, max)
	}
	if c.err != nil || u > math.MaxInt32 {
		return 0
	}
	return int(u)
}

// list codes a slice whose elements code themselves; every element takes at
// least one byte, which bounds what a short frame can make us allocate.
func list[E any](c *coder, field string, v *[]E, max int, element func(*E)) {
	n := c.length(field, len(*v), max)
	if c.reading && c.err == nil {
		if n > len(c.buf) {
			c.failf(CodeMalformed, "%s: %d elements in %d bytes", field, n, len(c.buf))
			return
		}
		if n > 0 {
			*v = make([]E, n)
		}
	}
	for i := 0; i < len(*v) && c.err == nil; i++ {
		element(&(*v)[i])
	}
}
