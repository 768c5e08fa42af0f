package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/witness"
)

// bench measures one shard on one lane.
type bench struct {
	program  *program.Program
	inputs   [][]byte
	features string
	rounds   int
}

// measure makes a row: a witness of every product first, then one of the
// products that the speeds seen so far show to be worth it.
func measure(ctx context.Context, c nn.Config, batch int, b bench) (row, error) {
	m, err := nn.New(c)
	if err != nil {
		return row{}, err
	}
	if b.program, err = m.Gradient(batch, nn.Adam, 1); err != nil {
		return row{}, err
	}
	b.inputs = shard(m, b.program)
	r := row{Width: c.Dim, Layers: c.Layers, Tokens: batch * c.Context, Rerun: math.MaxInt64}
	for _, p := range m.Params() {
		r.Parameters += int64(p.Len())
	}
	for _, o := range b.program.Outputs() {
		r.Outputs += int64(o.Type.Bytes())
	}
	all, err := b.measure(ctx, &r, nil)
	if err != nil {
		return row{}, err
	}
	r.All = all
	r.Chosen, err = b.measure(ctx, &r, r.rates().Worth)
	return r, err
}

// measure measures one way to verify and, in turn with it, running the shard
// again, whose shortest time it leaves in r.
func (b bench) measure(ctx context.Context, r *row, choose func(ops.Layout) bool) (w way, err error) {
	split, err := witness.New(b.program, choose)
	if err != nil {
		return way{}, err
	}
	w.Price, w.Products = split.Price(), int64(len(split.Products()))
	outputs, parts, err := b.prove(ctx, split, &w)
	if err != nil {
		return way{}, err
	}
	debug.FreeOSMemory()

	profile := &cpu.Profile{}
	dev, err := cpu.New(cpu.Config{Threads: 1, Features: b.features, Profile: profile})
	if err != nil {
		return way{}, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	r.Lane = strings.TrimPrefix(dev.Caps().Detail, "amd64 ")
	exe, err := dev.Load(b.program)
	if err != nil {
		return way{}, err
	}
	defer func() { err = errors.Join(err, exe.Close()) }()
	verifier, err := witness.Load(split, dev)
	if err != nil {
		return way{}, err
	}
	defer func() { err = errors.Join(err, verifier.Close()) }()

	// The shortest times count, since the machine may be busy with other
	// things. The first round warms up.
	w.Verify = math.MaxInt64
	for i := range b.rounds + 1 {
		profile.Reset()
		start := time.Now()
		if err := b.rerun(ctx, dev, exe, outputs); err != nil {
			return way{}, err
		}
		if took := time.Since(start); i > 0 && took < r.Rerun {
			r.Rerun = took
			r.Contract, r.Other = kernels(profile)
		}
		before := verifier.Spent().Products
		start = time.Now()
		if err := verifier.Check(ctx, freivalds.NewKey(), 1, b.inputs, outputs, parts); err != nil {
			return way{}, err
		}
		if took := time.Since(start); i > 0 && took < w.Verify {
			w.Verify, w.Check = took, verifier.Spent().Products-before
		}
	}
	return w, nil
}

// prove runs the prover's program on a device of its own, whose memory is
// given back before anything else is measured, and keeps what it claims.
func (b bench) prove(ctx context.Context, split *witness.Split, w *way) (outputs, parts [][]byte, err error) {
	dev, err := cpu.New(cpu.Config{Threads: 1, Features: b.features})
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	exe, err := dev.Load(split.Prover())
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, exe.Close()) }()
	all := make([][]byte, len(split.Prover().Outputs()))
	for i, o := range split.Prover().Outputs() {
		all[i] = make([]byte, o.Type.Bytes())
	}
	w.Prover = math.MaxInt64
	for i := range b.rounds/2 + 2 {
		start := time.Now()
		err := execute(ctx, dev, exe, b.inputs, func(i int, out device.Buffer) error { return out.Read(all[i]) })
		if err != nil {
			return nil, nil, err
		}
		if took := time.Since(start); i > 0 {
			w.Prover = min(w.Prover, took)
		}
	}
	return split.Divide(all)
}

// rerun verifies a claim by computing it again.
func (b bench) rerun(ctx context.Context, dev device.Device, exe device.Executable, claimed [][]byte) error {
	var room []byte
	return execute(ctx, dev, exe, b.inputs, func(i int, out device.Buffer) error {
		room = slices.Grow(room[:0], out.Size())[:out.Size()]
		if err := out.Read(room); err != nil {
			return err
		}
		if !bytes.Equal(room, claimed[i]) {
			return fmt.Errorf("output %s is wrong", b.program.Outputs()[i].Name)
		}
		return nil
	})
}

// execute uploads inputs, runs exe and hands its outputs to use.
func execute(ctx context.Context, dev device.Device, exe device.Executable, inputs [][]byte, use func(i int, out device.Buffer) error) error {
	in := make([]device.Buffer, len(inputs))
	for i := range inputs {
		b, err := dev.Upload(inputs[i])
		if err != nil {
			return err
		}
		defer b.Release()
		in[i] = b
	}
	out, err := exe.Run(ctx, in)
	if err != nil {
		return err
	}
	for i, b := range out {
		err = errors.Join(err, use(i, b))
		b.Release()
	}
	return err
}

// kernels divides the time of a run into contractions and everything else.
func kernels(p *cpu.Profile) (contractions, others time.Duration) {
	for _, k := range p.Kernels() {
		if strings.Contains(k.Kernel, "matmul") {
			contractions += k.Time
		} else {
			others += k.Time
		}
	}
	return contractions, others
}

// shard makes the inputs of a first step: initial weights, random text.
func shard(m *nn.Model, p *program.Program) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	weights := m.Init(1)
	inputs := make([][]byte, len(p.Inputs()))
	for i, port := range p.Inputs() {
		if port.Type.DType != kernel.I32 {
			panic("cost: a decoder's inputs are int32")
		}
		data := make([]byte, port.Type.Bytes())
		for j := range port.Type.Len() {
			v := int32(port.Type.Range.Lo + rng.Int64N(port.Type.Range.Hi-port.Type.Range.Lo+1))
			if i < len(weights) {
				v = weights[i][j]
			}
			binary.LittleEndian.PutUint32(data[4*j:], uint32(v))
		}
		inputs[i] = data
		if i < len(weights) {
			weights[i] = nil // may be collected
		}
	}
	return inputs
}
