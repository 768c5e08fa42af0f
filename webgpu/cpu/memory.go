package cpu

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// alignment of every buffer: a cache line, and the widest vector.
const alignment = 64

// memory hands out aligned buffers and reuses released ones: the next step of
// a training run needs the same sizes again. It keeps no more bytes idle than
// were once in use together.
type memory struct {
	mu    sync.Mutex       // guards what follows
	idle  map[int][][]byte // by size class
	bytes int              // idle
	used  int
	peak  int // of used
}

// capacity is the size class of a buffer of n bytes: room for what kernels
// may read beyond the end, rounded so that near sizes share a class.
func capacity(n int) int {
	n += clang.Slack
	step := 256
	for step < n/16 {
		step *= 2
	}
	return (n + step - 1) / step * step
}

// aligned allocates n bytes on the heap, where they never move.
func aligned(n int) []byte {
	raw := make([]byte, n+alignment)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (alignment - 1)
	return raw[skip : skip+n : skip+n]
}

// get returns a buffer of size bytes with any content.
func (m *memory) get(size int) *buffer {
	class := capacity(size)
	m.mu.Lock()
	list := m.idle[class]
	var room []byte
	if n := len(list); n > 0 {
		room = list[n-1]
		m.idle[class] = list[:n-1]
		m.bytes -= class
	}
	m.used += class
	m.peak = max(m.peak, m.used)
	m.mu.Unlock()
	if room == nil {
		room = aligned(class)
	}
	return &buffer{memory: m, room: room, data: room[:size]}
}

func (m *memory) put(room []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= len(room)
	if m.bytes+len(room) > m.peak {
		return
	}
	if m.idle == nil {
		m.idle = map[int][][]byte{}
	}
	m.idle[len(room)] = append(m.idle[len(room)], room)
	m.bytes += len(room)
}

func (m *memory) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle, m.bytes, m.peak = nil, 0, 0
}

// buffer is one tensor. Its content does not change once it left Upload or
// Run.
type buffer struct {
	memory *memory
	data   []byte

	mu    sync.Mutex // guards what follows
	room  []byte     // nil once released
	known *values
}

// values is what is known about the elements of a buffer.
type values struct {
	dtype kernel.DType
	kernel.Interval
}

var _ device.Buffer = (*buffer)(nil)

func (b *buffer) Size() int { return len(b.data) }

func (b *buffer) Read(dst []byte) error {
	if len(dst) != len(b.data) {
		return fmt.Errorf("cpu: read %d bytes of a buffer of %d", len(dst), len(b.data))
	}
	copy(dst, b.data)
	return nil
}

func (b *buffer) Release() {
	b.mu.Lock()
	room := b.room
	b.room = nil
	b.mu.Unlock()
	if room != nil {
		b.memory.put(room)
	}
}

func (b *buffer) released() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.room == nil
}
