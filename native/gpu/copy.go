package gpu

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/gogpu/gputypes"
	"github.com/gogpu/wgpu/hal"

	"github.com/shoal-compute/shoal/webgpu/gpu"
)

const (
	stageSize  = 1 << 20  // bytes of the usual staging buffer
	stageMost  = 16 << 20 // and of the largest
	stagingMax = 64 << 20 // staging that may wait for the hardware
)

// staging are buffers that data lies in until the hardware has copied it.
type staging struct {
	open  *stage
	free  []*stage
	bytes int64 // of all of them
}

type stage struct {
	raw        hal.Buffer
	size, used int64
}

// Write copies data to the start of mem. The copy runs with the next
// submission.
func (m *machine) Write(mem gpu.Memory, data []byte) error {
	return m.do(func() error {
		return m.write(mem.(*memory), data, gputypes.BufferUsageStorage)
	})
}

// write copies data to the start of mem and leaves it ready for use.
func (m *machine) write(mem *memory, data []byte, use gputypes.BufferUsage) error {
	if int64(len(data)) > mem.size {
		return fmt.Errorf("native/gpu: write: %d bytes to a memory of %d", len(data), mem.size)
	}
	for at := int64(0); at < int64(len(data)); {
		n := min(int64(len(data))-at, stageMost)
		s, err := m.stage(n)
		if err != nil {
			return err
		}
		b, err := m.record()
		if err != nil {
			return err
		}
		from := s.used
		if err := m.fill(s, data[at:at+n]); err != nil {
			return err
		}
		move(b.encoder, mem.raw, use, gputypes.BufferUsageCopyDst)
		b.encoder.CopyBufferToBuffer(s.raw, mem.raw, []hal.BufferCopy{{
			SrcOffset: uint64(from), DstOffset: uint64(at), Size: uint64((n + 3) &^ 3),
		}})
		move(b.encoder, mem.raw, gputypes.BufferUsageCopyDst, use)
		at += n
	}
	return nil
}

// move states that what touched the buffer before comes before what will.
func move(e hal.CommandEncoder, raw hal.Buffer, before, after gputypes.BufferUsage) {
	if after == gputypes.BufferUsageCopyDst {
		before |= gputypes.BufferUsageCopyDst // a copy may follow a copy
	}
	e.TransitionBuffers([]hal.BufferBarrier{{
		Buffer: raw,
		Usage:  hal.BufferUsageTransition{OldUsage: before, NewUsage: after},
	}})
}

// stage returns a staging buffer with room for n bytes.
func (m *machine) stage(n int64) (*stage, error) {
	s := &m.staging
	if s.open != nil && s.open.size-s.open.used >= n {
		return s.open, nil
	}
	s.retire(&m.batches)
	if s.bytes > stagingMax {
		if err := m.wait(); err != nil {
			return nil, err
		}
		s.trim(m.device)
	}
	for i, one := range s.free {
		if one.size >= n {
			s.free = append(s.free[:i], s.free[i+1:]...)
			s.open = one
			return one, nil
		}
	}
	size := int64(stageSize)
	for size < n {
		size *= 2
	}
	raw, err := m.device.CreateBuffer(&hal.BufferDescriptor{
		Size: uint64(size), Usage: gputypes.BufferUsageMapWrite | gputypes.BufferUsageCopySrc,
	})
	if err != nil {
		return nil, m.room(err)
	}
	s.bytes += size
	s.open = &stage{raw: raw, size: size}
	return s.open, nil
}

// retire makes the open buffer free once its copies have run.
func (s *staging) retire(b *batches) {
	one := s.open
	if one == nil {
		return
	}
	s.open = nil
	b.after(func() {
		one.used = 0
		s.free = append(s.free, one)
	})
}

// trim gives back the buffers that are free.
func (s *staging) trim(d hal.Device) {
	for _, one := range s.free {
		d.DestroyBuffer(one.raw)
		s.bytes -= one.size
	}
	s.free = nil
}

func (s *staging) destroy(d hal.Device) {
	if s.open != nil {
		s.free = append(s.free, s.open)
		s.open = nil
	}
	s.trim(d)
}

// fill puts data into s and moves its end.
func (m *machine) fill(s *stage, data []byte) error {
	err := m.mapped(s.raw, s.used, int64(len(data)), func(b []byte) { copy(b, data) })
	s.used += (int64(len(data)) + 15) &^ 15
	return err
}

// mapped shows n bytes of a buffer to f.
func (m *machine) mapped(raw hal.Buffer, offset, n int64, f func([]byte)) error {
	at, err := m.device.MapBuffer(raw, uint64(offset), uint64(n))
	if err != nil {
		return m.lose(fmt.Errorf("map memory: %w", err))
	}
	f(unsafe.Slice((*byte)(at.Ptr), n))
	if err := m.device.UnmapBuffer(raw); err != nil {
		return m.lose(fmt.Errorf("unmap memory: %w", err))
	}
	return nil
}

// Read waits for everything queued and copies the start of mem to dst.
func (m *machine) Read(ctx context.Context, mem gpu.Memory, dst []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.do(func() error { return m.read(mem.(*memory), dst) })
}

func (m *machine) read(mem *memory, dst []byte) error {
	if int64(len(dst)) > mem.size {
		return fmt.Errorf("native/gpu: read: %d bytes of a memory of %d", len(dst), mem.size)
	}
	if len(dst) == 0 {
		return m.wait()
	}
	back, err := m.back(int64(len(dst)))
	if err != nil {
		return err
	}
	for at := int64(0); at < int64(len(dst)); {
		n := min(int64(len(dst))-at, back.size)
		b, err := m.record()
		if err != nil {
			return err
		}
		move(b.encoder, mem.raw, gputypes.BufferUsageStorage|gputypes.BufferUsageCopyDst, gputypes.BufferUsageCopySrc)
		b.encoder.CopyBufferToBuffer(mem.raw, back.raw, []hal.BufferCopy{{
			SrcOffset: uint64(at), Size: uint64((n + 3) &^ 3),
		}})
		move(b.encoder, back.raw, gputypes.BufferUsageCopyDst, gputypes.BufferUsageMapRead)
		if err := m.wait(); err != nil {
			return err
		}
		if err := m.mapped(back.raw, 0, n, func(b []byte) { copy(dst[at:], b) }); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// back returns the buffer that results come back in, for n bytes where that
// is not too much: one buffer is enough, for a read ends before the next.
func (m *machine) back(n int64) (*memory, error) {
	n = min(n, stageMost)
	if m.readback != nil && m.readback.size >= n {
		return m.readback, nil
	}
	size := int64(1 << 16)
	for size < n {
		size *= 2
	}
	if m.readback != nil {
		m.readback.Release()
		m.readback = nil
	}
	back, err := m.alloc(size, gputypes.BufferUsageMapRead|gputypes.BufferUsageCopyDst)
	if err != nil {
		return nil, err
	}
	m.readback = back
	return back, nil
}

// Wait waits for everything queued.
func (m *machine) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return m.do(m.wait)
}
