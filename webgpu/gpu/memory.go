package gpu

import (
	"errors"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// granule is what sizes of memory are multiples of, in bytes, and align what
// the bound part of one is: code that reads vectors sees the last element.
const (
	granule = 256
	align   = 16
)

func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }

// memory allocates on the machine and keeps what is given back: the next run
// needs the same sizes again. It keeps no more bytes idle than were once in use
// together.
type memory struct {
	machine Machine
	limit   int64 // bytes allocated in all
	largest int64 // bytes of one memory
	typed   bool

	mu    sync.Mutex // guards what follows
	idle  map[shape][]Memory
	dead  []Memory // to be released by whoever holds the machine next
	used  int64    // bytes in use
	spare int64    // bytes idle
	peak  int64    // of used
}

// shape is a kind of memory: those of equal shape are interchangeable.
type shape struct {
	dtype kernel.DType
	bytes int64
}

// block is memory in use.
type block struct {
	Memory
	shape
}

// kind is the type that memory for elements of t has: machines that are not
// typed have one.
func (m *memory) kind(t kernel.DType) kernel.DType {
	if m.typed {
		return t
	}
	return kernel.I32
}

// class is the bytes that memory for size bytes has. Near sizes share a class.
func (m *memory) class(size int64) int64 {
	step := int64(granule)
	for step < size/32 {
		step *= 2
	}
	if c := max(roundUp(size, step), granule); c <= m.largest {
		return c
	}
	return roundUp(size, granule)
}

// get returns memory for size bytes of elements of t, with any content. The
// machine is held.
func (m *memory) get(t kernel.DType, size int64) (block, error) {
	s := shape{m.kind(t), m.class(size)}
	m.mu.Lock()
	if list := m.idle[s]; len(list) > 0 {
		last := len(list) - 1
		b := block{list[last], s}
		list[last] = nil
		m.idle[s] = list[:last]
		m.spare -= s.bytes
		m.take(s.bytes)
		m.mu.Unlock()
		return b, nil
	}
	m.mu.Unlock()
	return m.alloc(s)
}

// alloc makes new memory, giving idle memory back if there is no room. The
// machine is held.
func (m *memory) alloc(s shape) (block, error) {
	if s.bytes > m.largest {
		return block{}, fmt.Errorf("%d bytes are more than the %d of one memory: %w", s.bytes, m.largest, device.ErrMemory)
	}
	m.mu.Lock()
	full, over := m.used+m.spare+s.bytes > m.limit, m.used+s.bytes > m.limit
	used := m.used
	m.mu.Unlock()
	if full {
		m.drop()
	}
	if over {
		return block{}, fmt.Errorf("%d bytes besides %d in use are more than the %d allowed: %w", s.bytes, used, m.limit, device.ErrMemory)
	}
	mem, err := m.machine.Alloc(s.dtype, int(s.bytes)/s.dtype.Size())
	if errors.Is(err, device.ErrMemory) && !errors.Is(err, device.ErrLost) {
		m.drop()
		mem, err = m.machine.Alloc(s.dtype, int(s.bytes)/s.dtype.Size())
	}
	if err != nil {
		return block{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take(s.bytes)
	return block{mem, s}, nil
}

// take counts bytes in use. mu is held.
func (m *memory) take(bytes int64) {
	m.used += bytes
	m.peak = max(m.peak, m.used)
}

// put takes b back. Work queued before may still use it, and none queued later
// will be done earlier. Broken memory is not used again.
func (m *memory) put(b block, broken bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= b.bytes
	if broken || m.spare+b.bytes > m.peak {
		m.dead = append(m.dead, b.Memory)
		return
	}
	if m.idle == nil {
		m.idle = map[shape][]Memory{}
	}
	m.idle[b.shape] = append(m.idle[b.shape], b.Memory)
	m.spare += b.bytes
}

// sweep releases what is dead. The machine is held.
func (m *memory) sweep() {
	m.mu.Lock()
	dead := m.dead
	m.dead = nil
	m.mu.Unlock()
	for _, x := range dead {
		x.Release()
	}
}

// drop releases what is idle. The machine is held.
func (m *memory) drop() {
	m.mu.Lock()
	for _, list := range m.idle {
		m.dead = append(m.dead, list...)
	}
	m.idle, m.spare = nil, 0
	m.mu.Unlock()
	m.sweep()
}
