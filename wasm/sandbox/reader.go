package sandbox

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// reader reads the binary format. The first fault stays: what is read after it
// is zero, so that callers ask for the error where it matters.
type reader struct {
	data []byte
	pos  int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &ModuleError{Reason: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) more() bool { return r.err == nil && r.pos < len(r.data) }

func (r *reader) byte() byte {
	if r.err != nil || r.pos >= len(r.data) {
		r.fail("it ends in the middle of something")
		return 0
	}
	b := r.data[r.pos]
	r.pos++
	return b
}

func (r *reader) bytes(n uint32) []byte {
	if r.err != nil || uint64(n) > uint64(len(r.data)-r.pos) {
		r.fail("a length of %d leads beyond its end", n)
		return nil
	}
	b := r.data[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return b
}

// unsigned reads a LEB128 number of at most width bits.
func (r *reader) unsigned(width uint) uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := r.byte()
		if left := width - shift; left < 7 && b>>left != 0 {
			r.fail("a number has more than %d bits", width)
			return 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a LEB128 number of width bits, sign included.
func (r *reader) signed(width uint) int64 {
	var v int64
	for shift := uint(0); ; shift += 7 {
		b := r.byte()
		if left := width - shift; left < 7 {
			// What is above the sign must repeat it, and nothing may follow.
			above := int8(b<<1) >> left
			if b >= 0x80 || above != 0 && above != -1 {
				r.fail("a number has more than %d bits", width)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

func (r *reader) u32() uint32 { return uint32(r.unsigned(32)) }

// count reads how many of something follow.
func (r *reader) count(what string, most int) int {
	n := r.u32()
	if r.err == nil && uint64(n) > uint64(most) {
		r.fail("it has %d %s, of at most %d", n, what, most)
	}
	if r.err == nil && uint64(n) > uint64(len(r.data)-r.pos) { // each takes a byte at least
		r.fail("it ends before the last of %d %s", n, what)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

func (r *reader) name() string {
	b := r.bytes(r.u32())
	if len(b) > maxName {
		r.fail("a name of %d bytes is too long", len(b))
	}
	if !utf8.Valid(b) {
		r.fail("a name is not UTF-8")
	}
	return string(b)
}

func appendUnsigned(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, name string) []byte {
	return append(appendUnsigned(b, uint64(len(name))), name...)
}
