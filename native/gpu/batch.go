package gpu

import (
	"fmt"

	"github.com/gogpu/wgpu/hal"
)

// batch is what is submitted at once: an encoder with copies and dispatches.
type batch struct {
	encoder hal.CommandEncoder
	buffer  hal.CommandBuffer
	index   uint64   // of the submission
	after   []func() // run once the hardware is done with it
}

// batches are the submissions under way, oldest first, and the one being
// recorded.
type batches struct {
	open   *batch
	flight []*batch
	free   []hal.CommandEncoder
}

// maxFlight bounds the submissions under way. Beyond it, submitting waits.
const maxFlight = 64

// record returns the batch being recorded and starts one where there is none.
func (m *machine) record() (*batch, error) {
	b := &m.batches
	if b.open != nil {
		return b.open, nil
	}
	var encoder hal.CommandEncoder
	if n := len(b.free); n > 0 {
		encoder, b.free = b.free[n-1], b.free[:n-1]
	} else {
		var err error
		if encoder, err = m.device.CreateCommandEncoder(&hal.CommandEncoderDescriptor{}); err != nil {
			return nil, m.room(err)
		}
		// Vulkan's encoders are made for one use unless told otherwise.
		if pooled, ok := encoder.(interface{ SetPoolManaged(bool) }); ok {
			pooled.SetPoolManaged(true)
		}
	}
	if err := encoder.BeginEncoding(""); err != nil {
		encoder.Destroy()
		return nil, m.room(err)
	}
	b.open = &batch{encoder: encoder}
	return b.open, nil
}

// submit hands the batch being recorded to the hardware. What fails here
// leaves half a submission behind: the machine is lost.
func (m *machine) submit() error {
	b := &m.batches
	one := b.open
	if one == nil {
		return nil
	}
	b.open = nil
	var err error
	if one.buffer, err = one.encoder.EndEncoding(); err != nil {
		return m.lose(fmt.Errorf("end of a command buffer: %w", err))
	}
	if one.index, err = m.queue.Submit([]hal.CommandBuffer{one.buffer}); err != nil {
		return m.lose(err)
	}
	b.flight = append(b.flight, one)
	if len(b.flight) > maxFlight {
		return m.wait()
	}
	b.finish(m.queue.PollCompleted())
	return nil
}

// finish retires the batches up to index.
func (b *batches) finish(index uint64) {
	done := 0
	for _, one := range b.flight {
		if one.index > index {
			break
		}
		done++
		one.encoder.ResetAll([]hal.CommandBuffer{one.buffer})
		b.free = append(b.free, one.encoder)
		for _, f := range one.after {
			f()
		}
	}
	b.flight = append(b.flight[:0], b.flight[done:]...)
}

// after runs f once everything queued so far is done.
func (b *batches) after(f func()) {
	switch n := len(b.flight); {
	case b.open != nil:
		b.open.after = append(b.open.after, f)
	case n > 0:
		b.flight[n-1].after = append(b.flight[n-1].after, f)
	default:
		f()
	}
}

// wait submits what is recorded and waits for everything.
func (m *machine) wait() error {
	if err := m.submit(); err != nil {
		return err
	}
	if len(m.batches.flight) == 0 {
		return nil
	}
	if err := m.device.WaitIdle(); err != nil {
		return m.lose(err)
	}
	m.batches.finish(^uint64(0))
	return nil
}

// destroy ends the encoders of a machine that waits for nothing.
func (b *batches) destroy() {
	for _, e := range b.free {
		e.Destroy()
	}
	b.free = nil
}
