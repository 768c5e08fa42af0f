package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Verify verifies one run: Load, Check, Close.
func Verify(ctx context.Context, s *Split, dev device.Device, key freivalds.Key, inputs, outputs, witness [][]byte) (err error) {
	v, err := Load(s, dev)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	return v.Check(ctx, key, 1, inputs, outputs, witness)
}

// Verifier verifies runs of one program on one trusted device. Calls may not
// overlap.
type Verifier struct {
	split *Split
	dev   device.Device
	exe   device.Executable // nil if there is nothing to compute
	rooms rooms
	spent Spent
}

// Spent is where the time of checks went.
type Spent struct {
	Compute  time.Duration // uploads, and the run of the verifier's program
	Products time.Duration // checks of products, their operands read back
	Compare  time.Duration // outputs read back and compared
}

// Spent is the time of all checks so far.
func (v *Verifier) Spent() Spent { return v.spent }

// Load makes a verifier ready.
func Load(s *Split, dev device.Device) (*Verifier, error) {
	v := &Verifier{split: s, dev: dev}
	if s.verifier == nil {
		return v, nil
	}
	var err error
	if v.exe, err = dev.Load(s.verifier); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return v, nil
}

// Close releases what the verifier holds. The device stays the caller's.
func (v *Verifier) Close() error {
	if v.exe == nil {
		return nil
	}
	return v.exe.Close()
}

// Check returns nil if outputs are what the program makes of inputs, a
// *ProductError or an *OutputError if something claimed is wrong, and any other
// error if it could not be told. key must have been drawn after outputs and
// witness were fixed; a wrong claim passes with probability at most
// freivalds.Prime^-trials.
func (v *Verifier) Check(ctx context.Context, key freivalds.Key, trials int, inputs, outputs, witness [][]byte) error {
	checker, err := freivalds.New(key, trials)
	if err != nil {
		return err
	}
	r := &run{Split: v.split, rooms: &v.rooms, inputs: inputs, outputs: outputs, witness: witness}
	if err := r.sizes(); err != nil {
		return err
	}
	defer r.release()
	start := time.Now()
	if v.exe != nil {
		if err := r.compute(ctx, v.dev, v.exe); err != nil {
			return err
		}
	}
	computed := time.Now()
	v.spent.Compute += computed.Sub(start)
	if err := r.check(ctx, checker); err != nil {
		return err
	}
	checked := time.Now()
	v.spent.Products += checked.Sub(computed)
	err = r.compare()
	v.spent.Compare += time.Since(checked)
	return err
}

// run is one verification.
type run struct {
	*Split
	inputs, outputs, witness [][]byte

	rooms    *rooms
	computed []device.Buffer // outputs of the verifier's program
}

// rooms are buffers to read values into, kept between checks.
type rooms [][]byte

// take finds or makes room for n bytes.
func (r *rooms) take(n int) []byte {
	i := slices.IndexFunc(*r, func(b []byte) bool { return cap(b) >= n })
	if i < 0 {
		return make([]byte, n)
	}
	b := (*r)[i][:n]
	*r = slices.Delete(*r, i, i+1)
	return b
}

func (r *rooms) give(b []byte) { *r = append(*r, b) }

// sizes reports claims that are not even of the right size.
func (r *run) sizes() error {
	p := r.program
	if err := fit("input", r.inputs, p.Inputs()); err != nil {
		return err
	}
	if err := fit("output", r.outputs, p.Outputs()); err != nil {
		return err
	}
	return fit("witness", r.witness, r.prover.Outputs()[len(p.Outputs()):])
}

func fit(what string, data [][]byte, ports []program.Port) error {
	if len(data) != len(ports) {
		return fmt.Errorf("witness: %d tensors of %s, want %d", len(data), what, len(ports))
	}
	for i, port := range ports {
		if len(data[i]) != port.Type.Bytes() {
			return fmt.Errorf("witness: %s %s has %d bytes, want %d", what, port.Name, len(data[i]), port.Type.Bytes())
		}
	}
	return nil
}

// accumulators are what is claimed of a product.
func (r *run) accumulators(p Product) []byte {
	if p.output >= 0 {
		return r.outputs[p.output]
	}
	return r.witness[p.part]
}

// compute runs the verifier's program. A device refuses inputs outside their
// ranges, and accumulators there are wrong.
func (r *run) compute(ctx context.Context, dev device.Device, exe device.Executable) error {
	data := slices.Clone(r.inputs)
	for _, p := range r.products {
		data = append(data, r.accumulators(p))
	}
	in := make([]device.Buffer, len(data))
	defer func() {
		for _, b := range in {
			if b != nil {
				b.Release()
			}
		}
	}()
	for i := range data {
		b, err := dev.Upload(data[i])
		if err != nil {
			return fmt.Errorf("witness: %w", err)
		}
		in[i] = b
	}
	computed, err := exe.Run(ctx, in)
	if err != nil {
		if wrong := r.outside(); wrong != nil {
			return wrong
		}
		return fmt.Errorf("witness: %w", err)
	}
	r.computed = computed
	return nil
}

// outside finds the first accumulators that hold what no product of their
// operands' ranges can.
func (r *run) outside() error {
	ports := r.verifier.Inputs()[len(r.inputs):]
	for i, p := range r.products {
		if err := device.CheckRanges(ports[i:i+1], [][]byte{r.accumulators(p)}); err != nil {
			return r.wrong(p, err)
		}
	}
	return nil
}

func (r *run) release() {
	for _, b := range r.computed {
		b.Release()
	}
}

// check checks every product, with operands that are inputs or recomputed.
func (r *run) check(ctx context.Context, checker *freivalds.Checker) error {
	last := map[int]int{} // the last product that reads a value
	for i, p := range r.products {
		last[p.a], last[p.b] = i, i
	}
	held := map[int][]byte{}
	operand := func(v int) (data []byte, err error) {
		if v < len(r.inputs) {
			return r.inputs[v], nil
		}
		if _, ok := held[v]; !ok {
			held[v], err = r.read(v)
		}
		return held[v], err
	}
	for i, p := range r.products {
		if err := ctx.Err(); err != nil {
			return err
		}
		a, err := operand(p.a)
		if err != nil {
			return err
		}
		b, err := operand(p.b)
		if err != nil {
			return err
		}
		err = checker.Check(freivalds.Product{Layout: p.Layout, A: a, B: b, C: r.accumulators(p)})
		var wrong *freivalds.WrongError
		if errors.As(err, &wrong) {
			return r.wrong(p, err)
		}
		if err != nil {
			return fmt.Errorf("witness: op %d: %w", p.Op, err)
		}
		for _, v := range []int{p.a, p.b} {
			if data, ok := held[v]; ok && last[v] == i {
				r.rooms.give(data)
				delete(held, v)
			}
		}
	}
	return nil
}

func (r *run) wrong(p Product, err error) error {
	return &ProductError{Op: p.Op, Name: r.program.Nodes()[p.Op].Def.Name, Err: err}
}

// read copies a recomputed value from the device, into room that is the
// caller's to give back.
func (r *run) read(v int) ([]byte, error) {
	b := r.computed[r.made[v]]
	data := r.rooms.take(b.Size())
	if err := b.Read(data); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return data, nil
}

// compare compares the outputs that were recomputed with those claimed; the
// others are products.
func (r *run) compare() error {
	for i, o := range r.program.Outputs() {
		if _, ok := r.made[o.Value]; !ok {
			continue
		}
		want, err := r.read(o.Value)
		if err != nil {
			return err
		}
		at := differ(want, r.outputs[i])
		r.rooms.give(want)
		if at >= 0 {
			op := maker(r.program, o.Value)
			return &OutputError{Output: o.Name, Op: op, Name: r.program.Nodes()[op].Def.Name, Byte: at}
		}
	}
	return nil
}

// differ is the first place where a and b, of one length, differ, or -1.
func differ(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	i := 0
	for a[i] == b[i] {
		i++
	}
	return i
}

// maker is the op that makes a value, which is no input.
func maker(p *program.Program, value int) int {
	return slices.IndexFunc(p.Nodes(), func(n program.Node) bool { return value < n.Out+len(n.Outputs) })
}
