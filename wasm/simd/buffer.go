package simd

import (
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// buffer is a tensor in the module's memory. Nobody writes to it once it
// exists, so what was learnt of its values stays true.
type buffer struct {
	dev   *simd
	size  int
	block block
	freed bool
	known map[kernel.DType]kernel.Interval // values all lie within
}

var _ device.Buffer = (*buffer)(nil)

// newBuffer takes memory for size bytes. dev.mu is held.
func (d *simd) newBuffer(size int) (*buffer, error) {
	b, err := d.heap.alloc(uint64(size) + clang.Slack)
	if err != nil {
		return nil, err
	}
	return &buffer{dev: d, size: size, block: b, known: map[kernel.DType]kernel.Interval{}}, nil
}

func (b *buffer) Size() int { return b.size }

func (b *buffer) Read(dst []byte) error {
	if len(dst) != b.size {
		return fmt.Errorf("simd: read %d bytes of a buffer of %d", len(dst), b.size)
	}
	b.dev.mu.Lock()
	defer b.dev.mu.Unlock()
	if err := b.usable(); err != nil {
		return err
	}
	return b.dev.inst.Read(uint32(b.block.ptr), dst)
}

// usable reports why the buffer cannot be used. dev.mu is held.
func (b *buffer) usable() error {
	if b.freed {
		return errReleased
	}
	return b.dev.usable()
}

func (b *buffer) Release() {
	b.dev.mu.Lock()
	defer b.dev.mu.Unlock()
	if !b.freed {
		b.freed = true
		b.dev.heap.release(b.block)
	}
}
