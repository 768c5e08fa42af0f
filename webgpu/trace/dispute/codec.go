package dispute

import (
	"encoding/binary"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/trace"
)

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendDigests(b []byte, v []trace.Digest) []byte {
	for i := range v {
		b = append(b, v[i][:]...)
	}
	return b
}

// decoder reads what the append functions write. Every number of items is held
// against the bytes left, so that memory follows from the message's size.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...)
	}
}

func (d *decoder) take(n int, what string) []byte {
	if d.err == nil && n > len(d.data) {
		d.fail("cut short at a %s", what)
	}
	if d.err != nil {
		return nil
	}
	v := d.data[:n:n]
	d.data = d.data[n:]
	return v
}

func (d *decoder) byte(what string) byte {
	if b := d.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) count(what string, limit int) int {
	if d.err != nil {
		return 0
	}
	v, n := binary.Uvarint(d.data)
	if n <= 0 || n > 1 && d.data[n-1] == 0 || v > uint64(limit) {
		d.fail("bad number of %s", what)
		return 0
	}
	d.data = d.data[n:]
	return int(v)
}

// items is a count of things of at least size bytes each.
func (d *decoder) items(what string, limit, size int) int {
	n := d.count(what, limit)
	if d.err == nil && n > len(d.data)/size {
		d.fail("%d %s do not fit %d bytes", n, what, len(d.data))
	}
	if d.err != nil {
		return 0
	}
	return n
}

func (d *decoder) bytes(what string) []byte { return d.take(d.count(what, 1<<31-1), what) }

func (d *decoder) digests(n int) []trace.Digest {
	b := d.take(n*len(trace.Digest{}), "digest")
	if d.err != nil {
		return nil
	}
	v := make([]trace.Digest, n)
	for i := range v {
		copy(v[i][:], b[i*len(v[i]):])
	}
	return v
}

func (d *decoder) end() error {
	if d.err == nil && len(d.data) > 0 {
		d.fail("%d bytes follow", len(d.data))
	}
	return d.err
}
