package court_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// planted is a device that gets one op of one program wrong, whether it runs
// the program as a whole or, for a trace, in parts: one element of one of the
// op's outputs is another, and everything after it is computed from that.
//
// It runs programs op by op on a good device.
type planted struct {
	device.Device // the good one
	whole         *program.Program
	op            atomic.Int64 // the op that goes wrong; -1 for none

	mu     sync.Mutex
	loaded map[string]device.Executable // programs of one op, by what they do
}

func newPlanted(t testing.TB, whole *program.Program) *planted {
	t.Helper()
	dev, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := &planted{Device: dev, whole: whole, loaded: map[string]device.Executable{}}
	p.op.Store(-1)
	t.Cleanup(func() {
		for _, e := range p.loaded {
			e.Close()
		}
		dev.Close()
	})
	return p
}

func (d *planted) Load(p *program.Program) (device.Executable, error) {
	return &stepper{d, p, d.numbers(p)}, nil
}

// numbers says which op of the whole program each op of p is, -1 where that
// cannot be seen: a trace names the values of its parts by number.
func (d *planted) numbers(p *program.Program) []int {
	list := make([]int, len(p.Nodes()))
	if p.ID() == d.whole.ID() {
		for i := range list {
			list[i] = i
		}
		return list
	}
	made := map[int]int{} // the whole's value by the part's
	for _, o := range p.Outputs() {
		if v, err := strconv.Atoi(strings.TrimPrefix(o.Name, "v")); err == nil {
			made[o.Value] = v
		}
	}
	first := map[int]int{} // the whole's op by its first output
	for op, n := range d.whole.Nodes() {
		first[n.Out] = op
	}
	for i, n := range p.Nodes() {
		list[i] = -1
		if v, ok := made[n.Out]; ok {
			list[i] = first[v]
		}
	}
	return list
}

// stepper runs a program one op at a time.
type stepper struct {
	dev     *planted
	p       *program.Program
	numbers []int
}

func (s *stepper) Close() error { return nil }

func (s *stepper) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	values := make([]device.Buffer, s.p.Values())
	kept := map[device.Buffer]bool{}
	defer func() {
		for _, b := range values[len(inputs):] {
			if b != nil && !kept[b] {
				b.Release()
			}
		}
	}()
	copy(values, inputs)
	for i, n := range s.p.Nodes() {
		exe, err := s.dev.single(s.p, i)
		if err != nil {
			return nil, err
		}
		in := make([]device.Buffer, len(n.In))
		for k, v := range n.In {
			in[k] = values[v]
		}
		out, err := exe.Run(ctx, in)
		if err != nil {
			return nil, err
		}
		copy(values[n.Out:], out)
		if s.numbers[i] >= 0 && int64(s.numbers[i]) == s.dev.op.Load() {
			if err := s.dev.spoil(values, n); err != nil {
				return nil, err
			}
		}
		for _, v := range n.In { // a page's worth of memory is enough for a part
			if v >= len(inputs) && s.p.LastUse(v) == i && values[v] != nil {
				values[v].Release()
				values[v] = nil
			}
		}
	}
	outputs := make([]device.Buffer, len(s.p.Outputs()))
	for i, o := range s.p.Outputs() {
		outputs[i] = values[o.Value]
		kept[outputs[i]] = true
	}
	return outputs, nil
}

// single is the op as a program of its own, loaded.
func (d *planted) single(p *program.Program, op int) (device.Executable, error) {
	n := p.Nodes()[op]
	key := fmt.Sprint(n.Def.Name, n.Attrs)
	for _, v := range n.In {
		key += fmt.Sprint(p.Type(v))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.loaded[key]; e != nil {
		return e, nil
	}
	var b program.Builder
	in := make([]program.Value, len(n.In))
	for i, v := range n.In {
		in[i] = b.Input(fmt.Sprint("i", i), p.Type(v))
	}
	for i, v := range b.Apply(n.Def, in, n.Attrs...) {
		b.Output(fmt.Sprint("o", i), v)
	}
	one, err := b.Build()
	if err != nil {
		return nil, err
	}
	e, err := d.Device.Load(one)
	if err == nil {
		d.loaded[key] = e
	}
	return e, err
}

// spoil changes an element in the middle of one output, within its range.
func (d *planted) spoil(values []device.Buffer, n program.Node) error {
	j := plantable(n)
	old := values[n.Out+j]
	data := make([]byte, old.Size())
	if err := old.Read(data); err != nil {
		return err
	}
	bump(data, n.Outputs[j])
	b, err := d.Upload(data)
	if err != nil {
		return err
	}
	old.Release()
	values[n.Out+j] = b
	return nil
}

// plantable is an output of the op that can have another value, or -1: what a
// program proves constant could not be computed with if it were not.
func plantable(n program.Node) int {
	for j, t := range n.Outputs {
		if t.Range.Lo < t.Range.Hi {
			return j
		}
	}
	return -1
}

func bump(data []byte, ty ops.Type) {
	size := ty.DType.Size()
	at := len(data) / size / 2 * size
	var v int64
	for i := range size {
		v |= int64(data[at+i]) << (8 * i)
	}
	shift := 64 - 8*size
	v = v << shift >> shift
	if v < ty.Range.Hi {
		v++
	} else {
		v--
	}
	for i := range size {
		data[at+i] = byte(v >> (8 * i))
	}
}
