package simd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/webgpu/clang"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// executable is a plan with its steps. In the module's memory it owns one
// block, the head:
//
//	4 words    zero, for fill steps; the element size, for range steps;
//	           the least and greatest value that a range step found
//	params     of all steps of the plan
//	steps      written before every run, since buffers move
type executable struct {
	dev    *simd
	plan   *plan.Plan
	steps  []step
	head   block
	image  []byte   // of the head
	params []uint64 // by step of the plan: offset in the head
	list   uint64   // offset of the steps in the head

	scratch, shared uint64 // offsets in the arena; values come first
	arena           uint64 // bytes of arena a run needs
	closed          bool
}

const headBytes = 16 // before params

func (d *simd) Load(p *program.Program) (device.Executable, error) {
	e := &executable{dev: d, plan: plan.New(p)}
	e.sizeArena()
	if err := e.fits(); err != nil {
		return nil, err
	}
	var err error
	if e.steps, err = stepsOf(e.plan, d.pieceUnits); err != nil {
		return nil, err
	}
	e.layOut()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(); err != nil {
		return nil, err
	}
	e.head, err = d.heap.alloc(uint64(len(e.image)))
	if err != nil {
		return nil, err
	}
	d.loaded[e] = true
	return e, nil
}

// sizeArena places what the steps share behind the plan's values.
func (e *executable) sizeArena() {
	var scratch, shared uint64
	for i := range e.plan.Steps {
		n := clang.NeedsOf(e.plan.Steps[i].Instance)
		scratch, shared = max(scratch, uint64(n.Scratch)), max(shared, uint64(n.Shared))
	}
	e.scratch = roundUp(uint64(e.plan.Arena)+clang.Slack, align)
	e.shared = roundUp(e.scratch+scratch, align)
	e.arena = e.shared + shared + clang.Slack
}

// layOut fills in the head's image but for the steps.
func (e *executable) layOut() {
	image := make([]byte, headBytes)
	for i := range e.plan.Steps {
		e.params = append(e.params, uint64(len(image)))
		for _, v := range e.plan.Steps[i].Params {
			image = binary.LittleEndian.AppendUint32(image, uint32(v))
		}
	}
	e.list = uint64(len(image))
	e.image = append(image, make([]byte, (len(e.steps)+1)*stepBytes)...)
}

// fits refuses what can never run: tensors and arena alone are more than the
// device may use.
func (e *executable) fits() error {
	need := e.arena
	for _, ports := range [][]program.Port{e.plan.Program.Inputs(), e.plan.Program.Outputs()} {
		for _, p := range ports {
			need += roundUp(uint64(p.Type.Bytes())+clang.Slack, align)
		}
	}
	if room := uint64(e.dev.caps.Memory) - heapBase; need > room {
		return fmt.Errorf("simd: the program needs %d bytes, the device may use %d", need, room)
	}
	return nil
}

func (e *executable) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	d := e.dev
	d.running.Lock()
	defer d.running.Unlock()
	in, err := e.accept(inputs)
	if err != nil {
		return nil, err
	}
	out, err := e.prepare(in)
	if err != nil {
		return nil, err
	}
	if err := e.work(ctx); err != nil {
		for _, b := range out {
			b.Release()
		}
		return nil, err
	}
	bufs := make([]device.Buffer, len(out))
	for i, b := range out {
		bufs[i] = b
	}
	return bufs, nil
}

// accept checks the inputs' number, sizes and values.
func (e *executable) accept(inputs []device.Buffer) ([]*buffer, error) {
	ports := e.plan.Program.Inputs()
	if len(inputs) != len(ports) {
		return nil, fmt.Errorf("simd: %d inputs, want %d", len(inputs), len(ports))
	}
	in := make([]*buffer, len(inputs))
	for i, x := range inputs {
		b, ok := x.(*buffer)
		if !ok || b.dev != e.dev {
			return nil, fmt.Errorf("simd: input %s belongs to another device", ports[i].Name)
		}
		if b.size != ports[i].Type.Bytes() {
			return nil, fmt.Errorf("simd: input %s has %d bytes, want %d", ports[i].Name, b.size, ports[i].Type.Bytes())
		}
		in[i] = b
	}
	e.dev.mu.Lock()
	defer e.dev.mu.Unlock()
	if e.closed {
		return nil, errors.New("simd: the executable is closed")
	}
	for i, b := range in {
		if err := b.usable(); err != nil {
			return nil, err
		}
		if err := e.checkRange(ports[i], b); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// checkRange checks that a buffer holds values its port allows, in the module
// and once for each buffer. mu is held.
func (e *executable) checkRange(p program.Port, b *buffer) error {
	t := p.Type
	if t.DType.Range().Fits(t.Range) {
		return nil
	}
	got, ok := b.known[t.DType]
	if !ok || !got.Fits(t.Range) {
		var err error
		if got, err = e.measure(t.DType, t.Len(), b); err != nil {
			return err
		}
		b.known[t.DType] = got
	}
	if got.Fits(t.Range) {
		return nil
	}
	data := make([]byte, b.size) // the message names the element
	if err := e.dev.inst.Read(uint32(b.block.ptr), data); err != nil {
		return err
	}
	return device.CheckRanges([]program.Port{p}, [][]byte{data})
}

// measure finds the least and greatest value of a buffer. mu is held.
func (e *executable) measure(t kernel.DType, n int, b *buffer) (kernel.Interval, error) {
	inst, at := e.dev.inst, e.head.ptr
	binary.LittleEndian.PutUint32(e.image[4:], uint32(t.Size()))
	a := args{kernel: stepRange, rows: n, params: at + 4, bufs: []uint64{b.block.ptr, at + 8}}
	a.put(e.image[e.list:])
	if err := inst.Write(uint32(at), e.image[:e.list+uint64(stepBytes)]); err != nil {
		return kernel.Interval{}, err
	}
	if err := e.dev.call(uint32(at+e.list), 1); err != nil {
		return kernel.Interval{}, err
	}
	var found [8]byte
	if err := inst.Read(uint32(at+8), found[:]); err != nil {
		return kernel.Interval{}, err
	}
	word := func(i int) int64 { return int64(int32(binary.LittleEndian.Uint32(found[i:]))) }
	return kernel.Interval{Lo: word(0), Hi: word(4)}, nil
}

// prepare takes memory for the outputs, makes the arena large enough, and
// writes the steps.
func (e *executable) prepare(in []*buffer) (out []*buffer, err error) {
	d := e.dev
	d.mu.Lock()
	defer d.mu.Unlock()
	defer func() {
		if err != nil {
			for _, b := range out {
				d.heap.release(b.block)
				b.freed = true
			}
		}
	}()
	if err := d.reserve(e.arena); err != nil {
		return nil, err
	}
	for _, p := range e.plan.Program.Outputs() {
		b, err := d.newBuffer(p.Type.Bytes())
		if err != nil {
			return out, err
		}
		b.known[p.Type.DType] = p.Type.Range
		out = append(out, b)
	}
	e.writeSteps(in, out)
	return out, d.inst.Write(uint32(e.head.ptr), e.image)
}

// reserve makes the arena hold size bytes. mu and running are held.
func (d *simd) reserve(size uint64) error {
	if d.arena.size >= size {
		return nil
	}
	if d.arena.size > 0 {
		d.heap.release(d.arena)
		d.arena = block{}
	}
	b, err := d.heap.alloc(size)
	if err != nil {
		return err
	}
	d.arena = b
	return nil
}

// writeSteps fills in the list of steps with where everything is now.
func (e *executable) writeSteps(in, out []*buffer) {
	arena, head := e.dev.arena.ptr, e.head.ptr
	at := func(s plan.Slot) uint64 {
		switch s.Place {
		case plan.Input:
			return in[s.Index].block.ptr
		case plan.Output:
			return out[s.Index].block.ptr
		}
		return arena + uint64(s.Offset)
	}
	var bufs []uint64
	for i, st := range e.steps {
		s := &e.plan.Steps[st.of]
		b := e.image[e.list+uint64(i*stepBytes):]
		if st.fill >= 0 {
			slot := s.Bufs[st.fill]
			a := args{kernel: stepFill, rows: slot.Size, params: head, bufs: []uint64{at(slot)}}
			a.put(b)
			continue
		}
		bufs = bufs[:0]
		for _, slot := range s.Bufs {
			bufs = append(bufs, at(slot))
		}
		a := args{
			kernel: st.kernel, rows: s.Rows, cols: s.Cols, row0: st.row0, row1: st.row1, phase: st.phase,
			params: head + e.params[st.of], scratch: arena + e.scratch, shared: arena + e.shared, bufs: bufs,
		}
		if clang.NeedsOf(s.Instance).Flat {
			a.rows, a.cols = s.Rows*s.Cols, 1
		}
		a.put(b)
	}
}

// work runs the steps, a few milliseconds a call.
func (e *executable) work(ctx context.Context) error {
	d := e.dev
	for done := 0; done < len(e.steps); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, units := d.pace.take(e.steps[done:])
		d.mu.Lock()
		start := time.Now()
		err := d.call(uint32(e.head.ptr+e.list+uint64(done*stepBytes)), uint32(n))
		d.pace.took(units, time.Since(start))
		d.mu.Unlock()
		if err != nil {
			return err
		}
		done += n
	}
	return ctx.Err()
}

// Close frees the executable's memory, and the arena if no executable that is
// left needs all of it.
func (e *executable) Close() error {
	d := e.dev
	d.running.Lock()
	defer d.running.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	d.heap.release(e.head)
	delete(d.loaded, e)
	var need uint64
	for other := range d.loaded {
		need = max(need, other.arena)
	}
	if d.arena.size > roundUp(need, align) {
		d.heap.release(d.arena)
		d.arena = block{}
	}
	return nil
}
