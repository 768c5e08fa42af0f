package witness

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func processor(t *testing.T) device.Device {
	t.Helper()
	d, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// gradient is the program of a training step's shard.
func gradient(t *testing.T, c nn.Config) *program.Program {
	t.Helper()
	m, err := nn.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Gradient(2, nn.Adam, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func models() map[string]nn.Config {
	return map[string]nn.Config{
		"decoder": {Arch: nn.Decoder, Vocab: 17, Dim: 24, Layers: 2, Heads: 3, Context: 6},
		"swiglu":  {Arch: nn.Decoder, Vocab: 9, Dim: 16, Layers: 1, Heads: 2, Context: 5, FF: nn.SwiGLU},
		"mlp":     {Arch: nn.MLP, Widths: []int{20, 18, 5}},
		"cnn":     {Arch: nn.CNN, Input: []int{6, 6, 2}, Channels: []int{5, 4}, Classes: 3},
	}
}

// claim is a run of the prover's program.
type claim struct {
	split                    *Split
	inputs, outputs, witness [][]byte
}

func prove(t *testing.T, dev device.Device, p *program.Program, choose func(ops.Layout) bool, seed uint64) claim {
	t.Helper()
	s, err := New(p, choose)
	if err != nil {
		t.Fatal(err)
	}
	c := claim{split: s, inputs: devicetest.RandomInputs(p, seed)}
	all, err := device.Run(t.Context(), dev, s.Prover(), c.inputs)
	if err != nil {
		t.Fatal(err)
	}
	if c.outputs, c.witness, err = s.Divide(all); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c claim) verify(t *testing.T, dev device.Device) error {
	t.Helper()
	return Verify(t.Context(), c.split, dev, freivalds.NewKey(), c.inputs, c.outputs, c.witness)
}

// changed is data with one element changed a little or a lot.
func changed(rng *rand.Rand, data []byte, size int) []byte {
	data = slices.Clone(data)
	at := rng.IntN(len(data)/size) * size
	switch rng.IntN(4) {
	case 0:
		at = 0
	case 1:
		at = len(data) - size
	}
	bit := rng.IntN(8 * size)
	data[at+bit/8] ^= 1 << (bit % 8)
	return data
}

// The prover's program returns the same bytes as the program, the verifier's
// proves the same ranges, and what an honest prover says is accepted.
func TestHonest(t *testing.T) {
	dev := processor(t)
	for name, config := range models() {
		t.Run(name, func(t *testing.T) {
			p := gradient(t, config)
			c := prove(t, dev, p, nil, 1)
			want, err := device.Run(t.Context(), reference.New(), p, c.inputs)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range p.Outputs() {
				if !bytes.Equal(c.outputs[i], want[i]) {
					t.Errorf("output %s of the prover's program differs from the program's", o.Name)
				}
				if got := c.split.prover.Outputs()[i]; got.Type.Range != o.Type.Range || got.Name != o.Name {
					t.Errorf("output %s %v became %s %v", o.Name, o.Type, got.Name, got.Type)
				}
			}
			contractions := 0
			for _, n := range p.Nodes() {
				if n.Def.Kernel.Contract != nil {
					contractions++
				}
			}
			if got := len(c.split.Products()); got != contractions {
				t.Errorf("%d products of %d contractions", got, contractions)
			}
			for _, n := range c.split.verifier.Nodes() {
				if n.Def.Kernel.Contract != nil {
					t.Error("the verifier contracts")
				}
			}
			if err := c.verify(t, dev); err != nil {
				t.Error(err)
			}
			if err := c.verify(t, reference.New()); err != nil {
				t.Errorf("on the reference: %v", err)
			}
		})
	}
}

// One changed element anywhere, in every tensor that is claimed, is found, and
// the error names it.
func TestPlanted(t *testing.T) {
	dev := processor(t)
	for name, config := range models() {
		t.Run(name, func(t *testing.T) {
			c := prove(t, dev, gradient(t, config), nil, 2)
			v, err := Load(c.split, dev)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			rng := rand.New(rand.NewPCG(3, 0))
			planted := 0
			for _, p := range c.split.Products() {
				for range 6 {
					witness := slices.Clone(c.witness)
					witness[p.part] = changed(rng, witness[p.part], 4)
					err := v.Check(t.Context(), freivalds.NewKey(), 1, c.inputs, c.outputs, witness)
					var wrong *ProductError
					if !errors.As(err, &wrong) || wrong.Op != p.Op {
						t.Fatalf("wrong accumulators of op %d: %v", p.Op, err)
					}
					planted++
				}
			}
			for i, o := range c.split.Program().Outputs() {
				for range 6 {
					outputs := slices.Clone(c.outputs)
					outputs[i] = changed(rng, outputs[i], o.Type.DType.Size())
					err := v.Check(t.Context(), freivalds.NewKey(), 1, c.inputs, outputs, c.witness)
					var wrong *OutputError
					if !errors.As(err, &wrong) || wrong.Output != o.Name || c.outputs[i][wrong.Byte] == outputs[i][wrong.Byte] {
						t.Fatalf("wrong output %s: %v", o.Name, err)
					}
					planted++
				}
			}
			if err := v.Check(t.Context(), freivalds.NewKey(), 1, c.inputs, c.outputs, c.witness); err != nil {
				t.Errorf("the honest claim after %d planted ones: %v", planted, err)
			}
			t.Logf("%d planted errors found", planted)
		})
	}
}

// A prover that goes on honestly from one wrong accumulator contradicts itself
// nowhere else, and is found at that op.
func TestConsistentLie(t *testing.T) {
	dev := processor(t)
	p := gradient(t, models()["decoder"])
	c := prove(t, dev, p, nil, 4)
	rng := rand.New(rand.NewPCG(5, 0))
	for i, product := range c.split.Products() {
		// The prover's program with this one product taken out: it makes
		// everything else from whatever accumulators it is given.
		seen := -1
		lie, err := New(c.split.Prover(), func(ops.Layout) bool { seen++; return seen == i })
		if err != nil {
			t.Fatal(err)
		}
		if lie.Products()[0].output != len(p.Outputs())+product.part {
			t.Fatalf("took product %d out instead of op %d", lie.Products()[0].Op, product.Op)
		}
		acc := changed(rng, c.witness[product.part], 4)
		binary.LittleEndian.PutUint32(acc[len(acc)-4:], 77) // within every range
		made, err := device.Run(t.Context(), dev, lie.verifier, append(slices.Clone(c.inputs), acc))
		if err != nil {
			acc = slices.Clone(c.witness[product.part]) // the bit left the range: a smaller lie
			acc[0] ^= 1
			if made, err = device.Run(t.Context(), dev, lie.verifier, append(slices.Clone(c.inputs), acc)); err != nil {
				t.Fatal(err)
			}
		}
		all := make([][]byte, len(lie.Program().Outputs()))
		for j, o := range lie.Program().Outputs() {
			if all[j] = acc; j != lie.Products()[0].output {
				all[j] = made[lie.made[o.Value]]
			}
		}
		outputs, witness, err := c.split.Divide(all)
		if err != nil {
			t.Fatal(err)
		}
		err = Verify(t.Context(), c.split, dev, freivalds.NewKey(), c.inputs, outputs, witness)
		var wrong *ProductError
		if !errors.As(err, &wrong) || wrong.Op != product.Op {
			t.Errorf("a consistent lie from op %d on: %v", product.Op, err)
		}
	}
}

// Any program can be split, and any of its contractions.
func TestRandomPrograms(t *testing.T) {
	dev := processor(t)
	products := 0
	for seed := range uint64(60) {
		p := devicetest.RandomProgram(seed, 14)
		choose := func(l ops.Layout) bool { return (seed+uint64(l.N))%3 > 0 }
		c := prove(t, dev, p, choose, seed)
		want, err := device.Run(t.Context(), dev, p, c.inputs)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range p.Outputs() {
			if !bytes.Equal(c.outputs[i], want[i]) {
				t.Errorf("program %d: output %s differs", seed, o.Name)
			}
		}
		if err := c.verify(t, dev); err != nil {
			t.Errorf("program %d: %v", seed, err)
		}
		products += len(c.split.Products())
		rng := rand.New(rand.NewPCG(seed, 6))
		for i, o := range p.Outputs() {
			lie := c
			lie.outputs = slices.Clone(c.outputs)
			lie.outputs[i] = changed(rng, c.outputs[i], o.Type.DType.Size())
			if err := lie.verify(t, dev); err == nil {
				t.Errorf("program %d: a wrong output %s passed", seed, o.Name)
			}
		}
		for i := range c.witness {
			lie := c
			lie.witness = slices.Clone(c.witness)
			lie.witness[i] = changed(rng, c.witness[i], 4)
			if err := lie.verify(t, dev); err == nil {
				t.Errorf("program %d: wrong accumulators %d passed", seed, i)
			}
		}
	}
	t.Logf("%d products", products)
	if products == 0 {
		t.Error("nothing was split")
	}
}

// Every kind of contraction, alone: all layouts, groups of exponents, shifts
// either way, limits that bite.
func TestContractions(t *testing.T) {
	dev := processor(t)
	limited := 0
	for _, test := range devicetest.Cases(12, 40) {
		p := test.Program
		if !slices.ContainsFunc(p.Nodes(), func(n program.Node) bool { return n.Def.Kernel.Contract != nil }) {
			continue
		}
		inputs := devicetest.RandomInputs(p, test.Seed)
		want, err := device.Run(t.Context(), reference.New(), p, inputs)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := device.Run(t.Context(), dev, s.Prover(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		outputs, witness, err := s.Divide(all)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range p.Outputs() {
			if !bytes.Equal(outputs[i], want[i]) || s.Prover().Outputs()[i].Type.Range != o.Type.Range {
				t.Errorf("%s: output %s differs, or its range %v", test.Name, o.Name, o.Type.Range)
			}
		}
		if err := Verify(t.Context(), s, dev, freivalds.NewKey(), inputs, outputs, witness); err != nil {
			t.Errorf("%s: %v", test.Name, err)
		}
		if slices.ContainsFunc(s.Prover().Nodes(), func(n program.Node) bool { return n.Def == ops.ClampOp }) {
			limited++
		}
	}
	t.Logf("%d with limits that bite", limited)
	if limited == 0 {
		t.Error("no limit bit")
	}
}

// product is the program of one contraction alone.
func product(t *testing.T, l ops.Layout, name string) *program.Program {
	t.Helper()
	var b program.Builder
	x, y := b.Input("x", ops.Int8(-127, 127, l.M*l.K)), b.Input("y", ops.Int8(-127, 127, l.N*l.K))
	b.Output(name, b.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A product that is a result needs no witness, and a program of nothing else
// leaves the verifier nothing to compute.
func TestResultIsProduct(t *testing.T) {
	c := prove(t, processor(t), product(t, ops.NN(5, 7, 9), "acc.0"), nil, 7)
	if c.split.verifier != nil || len(c.witness) != 0 {
		t.Errorf("a verifier's program %v and %d tensors of witness", c.split.verifier, len(c.witness))
	}
	if err := c.verify(t, nil); err != nil {
		t.Error(err)
	}
	c.outputs[0][4*17] ^= 1
	var wrong *ProductError
	var row *freivalds.WrongError
	if err := c.verify(t, nil); !errors.As(err, &wrong) || !errors.As(err, &row) || row.Row != 2 {
		t.Errorf("got %v", err)
	}
}

// Names that the programs need may be taken.
func TestNames(t *testing.T) {
	var b program.Builder
	x, y := b.Input("acc.0", ops.Int8(-127, 127, 6)), b.Input("v2", ops.Int8(-127, 127, 6))
	z := b.One(ops.MatmulOp, []program.Value{x, y}, ops.NT(2, 2, 3).Attrs()...)
	b.Output("acc.0", b.One(ops.ReLUOp, []program.Value{z}))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	dev := processor(t)
	c := prove(t, dev, p, nil, 8)
	if err := c.verify(t, dev); err != nil {
		t.Error(err)
	}
}

// A contraction whose exponents could saturate when added is computed again.
func TestInseparable(t *testing.T) {
	var b program.Builder
	x, y := b.Input("x", ops.Int8(-127, 127, 6)), b.Input("y", ops.Int8(-127, 127, 6))
	ea, eb := b.Input("ea", ops.Int32(-1<<30, 100, 2)), b.Input("eb", ops.Int32(-100, 100, 1))
	b.Output("z", b.One(ops.MatmulShiftOp, []program.Value{x, y, ea, eb}, ops.NT(2, 2, 3).Attrs(3, 1<<20)...))
	p, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	dev := processor(t)
	c := prove(t, dev, p, nil, 9)
	if len(c.split.Products()) != 0 {
		t.Errorf("%d products", len(c.split.Products()))
	}
	if err := c.verify(t, dev); err != nil {
		t.Error(err)
	}
	c.outputs[0][0] ^= 1
	if err := c.verify(t, dev); err == nil {
		t.Error("a wrong output passed")
	}
}

// Accumulators that no operands can have are refused by the device's check of
// ranges, which is told apart from damage of ours.
func TestOutOfRange(t *testing.T) {
	dev := processor(t)
	c := prove(t, dev, gradient(t, models()["mlp"]), nil, 10)
	p := c.split.Products()[1]
	binary.LittleEndian.PutUint32(c.witness[p.part], 1<<31-1)
	var wrong *ProductError
	if err := c.verify(t, dev); !errors.As(err, &wrong) || wrong.Op != p.Op {
		t.Errorf("got %v", err)
	}
	c.inputs[0] = slices.Repeat([]byte{0x7f}, len(c.inputs[0]))
	binary.LittleEndian.PutUint32(c.witness[p.part], 0)
	if err := c.verify(t, dev); err == nil || errors.As(err, &wrong) {
		t.Errorf("inputs out of range: got %v", err)
	}
}

func TestSizes(t *testing.T) {
	dev := processor(t)
	good := prove(t, dev, gradient(t, models()["mlp"]), nil, 11)
	for name, damage := range map[string]func(c *claim){
		"no input":        func(c *claim) { c.inputs = c.inputs[1:] },
		"short input":     func(c *claim) { c.inputs[0] = c.inputs[0][1:] },
		"no output":       func(c *claim) { c.outputs = nil },
		"short output":    func(c *claim) { c.outputs[0] = c.outputs[0][4:] },
		"no witness":      func(c *claim) { c.witness = nil },
		"longer witness":  func(c *claim) { c.witness[1] = append(slices.Clone(c.witness[1]), 0) },
		"swapped witness": func(c *claim) { c.witness[0], c.witness[1] = c.witness[1], c.witness[0] },
	} {
		c := good
		c.inputs, c.outputs, c.witness = slices.Clone(c.inputs), slices.Clone(c.outputs), slices.Clone(c.witness)
		damage(&c)
		if err := c.verify(t, dev); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, _, err := good.split.Divide(nil); err == nil {
		t.Error("no outputs were divided")
	}
	v, err := Load(good.split, dev)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Check(t.Context(), freivalds.Key{}, 0, good.inputs, good.outputs, good.witness); err == nil {
		t.Error("no trials were accepted")
	}
}
