package cuda

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// pipeline is a compiled kernel.
type pipeline struct {
	function uintptr
	lanes    int
	shared   int
	bindings int
}

// Options of compiling, as cuModuleLoadDataEx numbers them, and attributes of
// functions.
const (
	jitErrorLog     = 5
	jitErrorLogSize = 6

	functionShared   = 8 // bytes of shared memory that launches ask for
	functionCarveout = 9 // percent of the first cache that is shared memory

	staticShared = 48 << 10 // what may be asked for without saying so before
)

// Compile implements gpu.Machine. The driver keeps what it compiled on disk,
// so only the first start on a machine is slow.
func (m *machine) Compile(ctx context.Context, code *launch.Code) (gpu.Pipeline, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := m.lib
	p := &pipeline{lanes: code.Lanes, shared: code.Shared, bindings: len(code.Bindings)}
	text := append([]byte(code.Text), 0)
	entry := append([]byte(code.Entry), 0)
	clear(m.log)
	err := m.do("compile "+code.Key, func() error {
		var module uintptr
		options := []int32{jitErrorLog, jitErrorLogSize}
		values := []uintptr{uintptr(unsafe.Pointer(&m.log[0])), uintptr(len(m.log))}
		if err := l.do(l.cuModuleLoad, uintptr(unsafe.Pointer(&module)), uintptr(unsafe.Pointer(&text[0])),
			uintptr(len(options)), uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0]))); err != nil {
			said, _, _ := bytes.Cut(m.log, []byte{0})
			return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
		}
		m.modules = append(m.modules, module)
		if err := l.do(l.cuModuleGetFunction, uintptr(unsafe.Pointer(&p.function)), module, uintptr(unsafe.Pointer(&entry[0]))); err != nil {
			return err
		}
		if p.shared <= staticShared {
			return nil
		}
		if err := l.do(l.cuFuncSetAttribute, p.function, functionShared, uintptr(p.shared)); err != nil {
			return err
		}
		return l.do(l.cuFuncSetAttribute, p.function, functionCarveout, 100)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// arguments are those of one launch in memory that the driver reads during the
// call: addresses of bindings, then parameters, as the printed entry declares
// them.
type arguments struct {
	data  []byte
	size  uintptr
	extra [5]uintptr
}

// Marks in the list of extra arguments.
const (
	launchEnd    = 0
	launchBuffer = 1
	launchSize   = 2
)

// Run implements gpu.Machine.
func (m *machine) Run(ctx context.Context, list []gpu.Dispatch) error {
	return m.do("run", func() error {
		for i := range list {
			if i%64 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := m.launch(&list[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *machine) launch(d *gpu.Dispatch) error {
	l, p := m.lib, d.Pipeline.(*pipeline)
	for _, c := range d.Clear {
		x := c.(*memory)
		size := x.bytes
		for _, b := range d.Bound { // memory may be larger than what is used of it
			if b.Memory == c && b.Offset == 0 {
				size = min(size, b.Size)
			}
		}
		if err := l.do(l.cuMemset, uintptr(x.address), 0, uintptr(size/4), m.stream); err != nil {
			return err
		}
	}
	a := &m.args
	a.data = a.data[:0]
	for _, b := range d.Bound {
		a.data = binary.LittleEndian.AppendUint64(a.data, b.Memory.(*memory).address+uint64(b.Offset))
	}
	for _, v := range d.Constants.(constants)[d.Index] {
		a.data = binary.LittleEndian.AppendUint32(a.data, uint32(v))
	}
	a.size = uintptr(len(a.data))
	// The machine and its data are on the heap, which does not move.
	a.extra = [5]uintptr{launchBuffer, uintptr(unsafe.Pointer(&a.data[0])), launchSize, uintptr(unsafe.Pointer(&a.size)), launchEnd}
	return l.do(l.cuLaunchKernel, p.function, uintptr(d.Groups), 1, 1, uintptr(p.lanes), 1, 1,
		uintptr(p.shared), m.stream, 0, uintptr(unsafe.Pointer(&a.extra[0])))
}
