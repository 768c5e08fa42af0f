package program

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Dump writes the program as text for people: one op a line with its types,
// ranges and share of the cost.
func (p *Program) Dump(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "program %s\n", p.id)
	fmt.Fprintf(b, "cost    %d integer ops, %d bytes at the peak, %d ops\n", p.cost.Ops, p.cost.PeakBytes, len(p.nodes))
	for _, in := range p.inputs {
		fmt.Fprintf(b, "input   %%%d = %s : %s\n", in.Value, in.Name, in.Type)
	}
	for _, n := range p.nodes {
		args := make([]string, 0, len(n.In)+len(n.Attrs))
		for i, v := range n.In {
			args = append(args, fmt.Sprintf("%s %%%d", n.Def.Inputs[i], v))
		}
		for i, a := range n.Attrs {
			args = append(args, fmt.Sprintf("%s=%d", n.Def.Attrs[i].Name, a))
		}
		outs := make([]string, len(n.Outputs))
		types := make([]string, len(n.Outputs))
		for i := range n.Outputs {
			outs[i] = fmt.Sprintf("%%%d", n.Out+i)
			types[i] = p.types[n.Out+i].String()
		}
		fmt.Fprintf(b, "%s = %s(%s) : %s # %.1f %%\n", strings.Join(outs, ", "), n.Def.Name, strings.Join(args, ", "),
			strings.Join(types, ", "), 100*float64(n.Applied.Cost)/float64(max(p.cost.Ops, 1)))
	}
	for _, o := range p.outputs {
		fmt.Fprintf(b, "output  %s = %%%d : %s\n", o.Name, o.Value, o.Type)
	}
	return b.Flush()
}
