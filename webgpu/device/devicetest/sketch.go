package devicetest

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// ref names a value of a sketch: an input (node < 0) or an output of a node.
type ref struct{ node, index int }

func inputRef(i int) ref { return ref{-1, i} }

// step is one op of a sketch.
type step struct {
	def     *ops.Def
	in      []ref
	attrs   []int32
	outputs []ops.Type
}

// sketch is a program that can still grow inputs and lose ops, which a
// program.Builder cannot.
type sketch struct {
	inputs  []ops.Type
	steps   []step
	outputs []ref // of the program; every unread value if empty
}

func (k *sketch) typ(r ref) ops.Type {
	if r.node < 0 {
		return k.inputs[r.index]
	}
	return k.steps[r.node].outputs[r.index]
}

// values lists every value.
func (k *sketch) values() []ref {
	var all []ref
	for i := range k.inputs {
		all = append(all, inputRef(i))
	}
	return append(all, k.made()...)
}

// made lists the outputs of all steps.
func (k *sketch) made() []ref {
	var all []ref
	for i, s := range k.steps {
		for j := range s.outputs {
			all = append(all, ref{i, j})
		}
	}
	return all
}

// unread lists the outputs of steps that no step reads.
func (k *sketch) unread() []ref {
	read := map[ref]bool{}
	for _, s := range k.steps {
		for _, r := range s.in {
			read[r] = true
		}
	}
	return slices.DeleteFunc(k.made(), func(r ref) bool { return read[r] })
}

// needed is the sketch without steps and inputs that no output depends on,
// and the numbers that its inputs had.
func (k *sketch) needed(outputs []ref) (*sketch, []int) {
	keep := map[ref]bool{}
	live := make([]bool, len(k.steps))
	var mark func(r ref)
	mark = func(r ref) {
		keep[r] = true
		if r.node < 0 || live[r.node] {
			return
		}
		live[r.node] = true
		for _, a := range k.steps[r.node].in {
			mark(a)
		}
	}
	for _, r := range outputs {
		mark(r)
	}
	small, moved := &sketch{}, map[ref]ref{}
	var from []int
	for i, t := range k.inputs {
		if keep[inputRef(i)] {
			moved[inputRef(i)] = inputRef(len(small.inputs))
			small.inputs = append(small.inputs, t)
			from = append(from, i)
		}
	}
	for i, s := range k.steps {
		if !live[i] {
			continue
		}
		for j := range s.outputs {
			moved[ref{i, j}] = ref{len(small.steps), j}
		}
		in := make([]ref, len(s.in))
		for j, r := range s.in {
			in[j] = moved[r]
		}
		small.steps = append(small.steps, step{s.def, in, s.attrs, s.outputs})
	}
	for _, r := range outputs {
		small.outputs = append(small.outputs, moved[r])
	}
	return small, from
}

// build makes the program.
func (k *sketch) build() (*program.Program, error) {
	var b program.Builder
	values := map[ref]program.Value{}
	for i, t := range k.inputs {
		values[inputRef(i)] = b.Input(fmt.Sprintf("in%d", i), t)
	}
	for i, s := range k.steps {
		in := make([]program.Value, len(s.in))
		for j, r := range s.in {
			in[j] = values[r]
		}
		for j, v := range b.Apply(s.def, in, s.attrs...) {
			values[ref{i, j}] = v
		}
	}
	outputs := k.outputs
	if len(outputs) == 0 {
		outputs = k.unread()
	}
	for _, r := range outputs {
		b.Output(outputName(k, r), values[r])
	}
	return b.Build()
}

// legal is the sketch as a case. Whatever grew it checked every op.
func (k *sketch) legal(name string, seed uint64) Case {
	p, err := k.build()
	if err != nil {
		panic(fmt.Sprintf("devicetest: %s: legal ops in an illegal program: %v", name, err))
	}
	return Case{Name: name, Program: p, Seed: seed}
}

// join puts the inputs and steps of another sketch beside those of k.
func (k *sketch) join(other *sketch) {
	inputs, steps := len(k.inputs), len(k.steps)
	k.inputs = append(k.inputs, other.inputs...)
	for _, s := range other.steps {
		in := make([]ref, len(s.in))
		for i, r := range s.in {
			if in[i] = (ref{r.node + steps, r.index}); r.node < 0 {
				in[i] = inputRef(r.index + inputs)
			}
		}
		k.steps = append(k.steps, step{s.def, in, s.attrs, s.outputs})
	}
}

// outputName says which op made an output.
func outputName(k *sketch, r ref) string {
	d := k.steps[r.node].def
	return fmt.Sprintf("%d.%s.%s", r.node, d.Name, d.Outputs[r.index])
}

// sketchOf takes a program apart.
func sketchOf(p *program.Program) *sketch {
	k, at := &sketch{}, make([]ref, 0, p.Values())
	for i, in := range p.Inputs() {
		k.inputs = append(k.inputs, in.Type)
		at = append(at, inputRef(i))
	}
	for i, n := range p.Nodes() {
		in := make([]ref, len(n.In))
		for j, v := range n.In {
			in[j] = at[v]
		}
		k.steps = append(k.steps, step{n.Def, in, n.Attrs, n.Outputs})
		for j := range n.Outputs {
			at = append(at, ref{i, j})
		}
	}
	for _, o := range p.Outputs() {
		k.outputs = append(k.outputs, at[o.Value])
	}
	return k
}
