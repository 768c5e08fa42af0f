package gpu

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// buffer is one tensor. Its content does not change once it left Upload or
// Run.
//
// On typed machines an upload stays on the host until its first use tells the
// type of its elements.
type buffer struct {
	dev     *gpu
	size    int
	extents extents

	// Guarded by dev.mu.
	content
	released bool
	batch    *batch // what wrote the blocks
}

var _ device.Buffer = (*buffer)(nil)

var errReleased = errors.New("gpu: the buffer was released")

// Upload implements device.Device.
func (d *gpu) Upload(data []byte) (device.Buffer, error) {
	b := &buffer{dev: d, size: len(data), extents: extentsOf(data)}
	if d.info.Typed {
		b.host = append([]byte{}, data...)
		return b, d.ended()
	}
	if err := d.acquire(context.Background()); err != nil {
		return nil, err
	}
	defer d.release()
	if err := d.retry(func() error { return b.write(kernel.I32, data) }); err != nil {
		return nil, err
	}
	return b, nil
}

// write puts data into new memory of b for elements of t. The machine is held.
func (b *buffer) write(t kernel.DType, data []byte) error {
	d := b.dev
	k, err := d.memory.get(t, int64(len(data)))
	if err != nil {
		return d.failed(fmt.Sprintf("upload of %d bytes", len(data)), err)
	}
	batch := d.current()
	if err := d.machine.Write(k.Memory, data); err != nil {
		d.spoiled(err)
		d.memory.put(k, true)
		return d.failed(fmt.Sprintf("upload of %d bytes", len(data)), err)
	}
	d.traffic.written.Add(int64(len(data)))
	d.mu.Lock()
	defer d.mu.Unlock()
	if b.released {
		d.memory.put(k, false)
		return errReleased
	}
	b.blocks[k.dtype], b.batch, b.host = k, batch, nil
	return nil
}

// content is where the bytes of a buffer are: on the host, or in a memory.
type content struct {
	host   []byte
	blocks [kernel.I32 + 1]block // by type; on machines that are not typed only I32
}

// usable tells where b's bytes are, or what keeps it from being used.
func (b *buffer) usable() (content, error) {
	b.dev.mu.Lock()
	defer b.dev.mu.Unlock()
	if b.released {
		return content{}, errReleased
	}
	if b.batch != nil && b.batch.err != nil {
		return content{}, fmt.Errorf("gpu: the buffer was lost: %w", b.batch.err)
	}
	return b.content, nil
}

// on returns the memory that holds b as elements of t, moving it there first if
// need be. The machine is held.
func (b *buffer) on(ctx context.Context, t kernel.DType) (Memory, error) {
	t = b.dev.memory.kind(t)
	c, err := b.usable()
	if err != nil {
		return nil, err
	}
	if m := c.blocks[t].Memory; m != nil {
		return m, nil
	}
	data := c.host
	if data == nil { // it is there as another type
		data = make([]byte, b.size)
		if err := b.fetch(ctx, c, data); err != nil {
			return nil, err
		}
	}
	if err := b.write(t, data); err != nil {
		return nil, err
	}
	if c, err = b.usable(); err != nil {
		return nil, err
	}
	return c.blocks[t].Memory, nil
}

// check reports values outside the range that port declares.
func (b *buffer) check(port program.Port) error {
	t := port.Type
	if have := b.extents[t.DType]; !t.DType.Range().Fits(t.Range) && !have.Fits(t.Range) {
		return fmt.Errorf("gpu: input %s holds values in %v, outside %v", port.Name, have, t.Range)
	}
	return nil
}

func (b *buffer) Size() int { return b.size }

// Read implements device.Buffer.
func (b *buffer) Read(dst []byte) error {
	if len(dst) != b.size {
		return fmt.Errorf("gpu: read %d bytes of a buffer of %d", len(dst), b.size)
	}
	if len(dst) == 0 {
		return nil
	}
	d := b.dev
	if err := d.acquire(context.Background()); err != nil {
		return err
	}
	defer d.release()
	c, err := b.usable()
	if err != nil {
		return err
	}
	if c.host != nil {
		copy(dst, c.host)
		return nil
	}
	return b.fetch(context.Background(), c, dst)
}

// fetch waits for the machine and copies c, which is not on the host, from it.
// The machine is held.
func (b *buffer) fetch(ctx context.Context, c content, dst []byte) error {
	d := b.dev
	for _, k := range c.blocks {
		if k.Memory == nil {
			continue
		}
		err := d.machine.Read(ctx, k.Memory, dst)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			d.spoiled(err)
			return d.failed(fmt.Sprintf("read of %d bytes", len(dst)), err)
		}
		d.traffic.read.Add(int64(len(dst)))
		d.settled()
		d.pace.idle()
		return nil
	}
	return errReleased
}

// Release implements device.Buffer.
func (b *buffer) Release() {
	d := b.dev
	d.mu.Lock()
	blocks, broken := b.blocks, b.batch != nil && b.batch.err != nil
	b.released, b.content = true, content{}
	d.mu.Unlock()
	for _, k := range blocks {
		if k.Memory != nil {
			d.memory.put(k, broken)
		}
	}
}
