package trace

import (
	"slices"
	"strconv"

	"github.com/shoal-compute/shoal/webgpu/program"
)

// stretch is the end of the longest run of ops from op from on whose outputs
// have at most limit bytes and whose values fit the ports of a program. It is
// one op at least.
func stretch(p *program.Program, from int, limit int64) int {
	var bytes int64
	made, read := 0, map[int]bool{}
	for to := from; to < len(p.Nodes()); to++ {
		n := p.Nodes()[to]
		made += len(n.Outputs)
		for _, t := range n.Outputs {
			bytes += int64(t.Bytes())
		}
		for _, v := range n.In {
			if v < p.Nodes()[from].Out {
				read[v] = true
			}
		}
		if to > from && (bytes > limit || made > program.MaxPorts || len(read) > program.MaxPorts) {
			return to
		}
	}
	return len(p.Nodes())
}

// cut is the part of p from op from to before op to that the wanted values
// depend on, as a program of its own with those values as its outputs. Its
// inputs are the values in reads, with the ranges that p proves of them: ops are
// proved from their inputs' types alone, so every op means what it means in p.
func cut(p *program.Program, from, to int, want []int) (part *program.Program, reads []int, err error) {
	nodes := p.Nodes()
	needed := map[int]bool{}
	for _, v := range want {
		needed[v] = true
	}
	var keep []int
	for op := to - 1; op >= from; op-- {
		n := nodes[op]
		used := false
		for j := range n.Outputs {
			used = used || needed[n.Out+j]
		}
		if !used {
			continue
		}
		keep = append(keep, op)
		for _, v := range n.In {
			needed[v] = true
		}
	}
	slices.Reverse(keep)
	for v := range needed {
		if v < nodes[from].Out {
			reads = append(reads, v)
		}
	}
	slices.Sort(reads)

	var b program.Builder
	value := map[int]program.Value{}
	for _, v := range reads {
		value[v] = b.Input("v"+strconv.Itoa(v), p.Type(v))
	}
	for _, op := range keep {
		n := nodes[op]
		in := make([]program.Value, len(n.In))
		for i, v := range n.In {
			in[i] = value[v]
		}
		for j, out := range b.Apply(n.Def, in, n.Attrs...) {
			value[n.Out+j] = out
		}
	}
	for _, v := range want {
		b.Output("v"+strconv.Itoa(v), value[v])
	}
	part, err = b.Build()
	return part, reads, err
}
