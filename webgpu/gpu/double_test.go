package gpu

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// double is a machine in Go: it runs the steps of doublePrinter by the
// reference interpreter. It proves what package gpu promises a machine, and
// fails the test on what no machine has to bear. It queues everything and does
// it only when waited for; fresh memory is full of rubbish.
type double struct {
	t     *testing.T
	info  Info
	rand  *rand.Rand
	queue []func()
	busy  bool // somebody is inside
	open  int  // memories and constants not released
	bytes int64
	runs  []int // dispatches of every Run
	order []string

	fault func(what string) error // before every call, if set
	late  error                   // returned by the next wait
	ran   func(list []Dispatch)   // after every Run, if set
}

func newDouble(t *testing.T, change func(*Info)) *double {
	m := &double{t: t, rand: rand.New(rand.NewPCG(1, 2)), info: Info{
		Lane: "double", Adapter: "interpreter", Driver: "go", Software: true,
		Memory: 1 << 30, Buffer: 1 << 28,
		Limits: launch.Limits{Bindings: 1 << 20, Binding: 1 << 20, Lanes: 64, Shared: 1 << 14, Side: 1 << 16, Targets: 4},
	}}
	if change != nil {
		change(&m.info)
	}
	return m
}

// device is a device over m that is closed with the test, leaving nothing.
func (m *double) device(c Config) *gpu {
	m.t.Helper()
	c.Machine = m
	if c.Printer == nil {
		c.Printer = &doublePrinter{binding: m.info.Limits.Binding}
	}
	d, err := newDevice(c)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			m.t.Errorf("close: %v", err)
		}
	})
	return d
}

func (m *double) enter(what string) (leave func(), err error) {
	if m.busy {
		m.t.Errorf("%s while another call is going on", what)
	}
	m.busy = true
	m.order = append(m.order, what)
	if m.fault != nil {
		err = m.fault(what)
	}
	return func() { m.busy = false }, err
}

func (m *double) Info() Info { return m.info }

type doubleMemory struct {
	m        *double
	dtype    kernel.DType
	data     []byte
	released bool
}

func (x *doubleMemory) Release() {
	leave, _ := x.m.enter("release")
	defer leave()
	if x.released {
		x.m.t.Error("memory is released twice")
	}
	x.released = true
	x.m.open--
	x.m.bytes -= int64(len(x.data))
}

func (m *double) Alloc(t kernel.DType, elems int) (Memory, error) {
	leave, err := m.enter("alloc")
	defer leave()
	if err != nil {
		return nil, err
	}
	x := &doubleMemory{m: m, dtype: t, data: make([]byte, elems*t.Size())}
	for i := range x.data {
		x.data[i] = byte(m.rand.Uint32())
	}
	m.open++
	if m.bytes += int64(len(x.data)); m.bytes > m.info.Memory {
		m.t.Errorf("%d bytes are allocated, the machine allows %d", m.bytes, m.info.Memory)
	}
	if int64(len(x.data)) > m.info.Buffer {
		m.t.Errorf("%d bytes are allocated at once, the machine allows %d", len(x.data), m.info.Buffer)
	}
	return x, nil
}

type doubleConstants struct {
	*double
	params [][]int32
}

func (c doubleConstants) Release() { c.open-- }

func (m *double) Constants(params [][]int32) (Constants, error) {
	leave, err := m.enter("constants")
	defer leave()
	if err != nil {
		return nil, err
	}
	m.open++
	return doubleConstants{m, params}, nil
}

func (m *double) Compile(_ context.Context, code *launch.Code) (Pipeline, error) {
	leave, err := m.enter("compile " + code.Key)
	defer leave()
	return code, err
}

// memory looks at what is handed over.
func (m *double) memory(x Memory) *doubleMemory {
	d, ok := x.(*doubleMemory)
	if !ok || d.released {
		m.t.Errorf("memory %v is used after its release", x)
		return &doubleMemory{m: m, data: make([]byte, 1<<20)}
	}
	return d
}

func (m *double) Write(x Memory, data []byte) error {
	leave, err := m.enter("write")
	defer leave()
	if err != nil {
		return err
	}
	to, data := m.memory(x), append([]byte(nil), data...)
	if len(data) > len(to.data) {
		m.t.Errorf("%d bytes are written to memory of %d", len(data), len(to.data))
	}
	m.queue = append(m.queue, func() { copy(to.data, data) })
	return nil
}

func (m *double) Run(_ context.Context, list []Dispatch) error {
	leave, err := m.enter("run")
	defer leave()
	if err != nil {
		return err
	}
	m.runs = append(m.runs, len(list))
	for _, d := range list {
		m.dispatch(d)
	}
	if m.ran != nil {
		m.ran(list)
	}
	return nil
}

// dispatch queues d, keeping nothing of it but its memories.
func (m *double) dispatch(d Dispatch) {
	code := d.Pipeline.(*launch.Code)
	params := d.Constants.(doubleConstants).params[d.Index]
	if len(d.Bound) != len(code.Bindings) {
		m.t.Errorf("%s is bound to %d memories, has %d bindings", code.Key, len(d.Bound), len(code.Bindings))
		return
	}
	var parts [][]byte
	written := map[*doubleMemory]bool{}
	for i, b := range d.Bound {
		x := m.memory(b.Memory)
		if b.Offset%m.info.Limits.Binding != 0 || b.Size%align != 0 || b.Size <= 0 || b.Size > m.info.Limits.Binding || b.Offset+b.Size > int64(len(x.data)) {
			m.t.Errorf("%s: binding %d is %d bytes at %d of %d", code.Key, i, b.Size, b.Offset, len(x.data))
			return
		}
		if w, seen := written[x]; seen && w != code.Bindings[i].Write {
			m.t.Errorf("%s reads and writes one memory", code.Key)
		}
		written[x] = code.Bindings[i].Write
		if m.info.Typed && x.dtype != code.Bindings[i].DType {
			m.t.Errorf("%s: binding %d is memory of %s, want %s", code.Key, i, x.dtype, code.Bindings[i].DType)
		}
		parts = append(parts, x.data[b.Offset:b.Offset+b.Size])
	}
	var clears [][]byte
	for _, x := range d.Clear {
		clears = append(clears, m.memory(x).data)
	}
	m.queue = append(m.queue, func() {
		for _, data := range clears {
			clear(data)
		}
		if err := perform(code, params, parts); err != nil {
			m.t.Error(err)
		}
	})
}

func (m *double) Read(ctx context.Context, x Memory, dst []byte) error {
	if err := m.wait("read"); err != nil {
		return err
	}
	copy(dst, m.memory(x).data)
	return ctx.Err()
}

func (m *double) Wait(ctx context.Context) error {
	if err := m.wait("wait"); err != nil {
		return err
	}
	return ctx.Err()
}

func (m *double) wait(what string) error {
	leave, err := m.enter(what)
	defer leave()
	if err != nil {
		return err
	}
	for _, f := range m.queue {
		f()
	}
	m.queue = nil
	late := m.late
	m.late = nil
	return late
}

func (m *double) Close() error {
	leave, _ := m.enter("close")
	defer leave()
	return nil
}
