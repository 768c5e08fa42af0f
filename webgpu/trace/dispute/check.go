package dispute

import (
	"crypto/ed25519"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// take checks an answer and keeps what it says. It returns what is wrong.
func (r *Referee) take(party int, a Answer) string {
	switch r.phase {
	case Commit:
		return r.commit(party, a)
	case Descend:
		if len(a.Digests) != 2 || len(a.Openings)+len(a.Values) > 0 {
			return "shows no two children"
		}
		if trace.Node(a.Digests[0], a.Digests[1]) != r.node[party] {
			return "shows children that its own node does not have"
		}
		r.children[party] = [2]trace.Digest(a.Digests)
	case Reveal:
		n := r.c.Program.Nodes()[r.lo]
		if len(a.Digests) != len(n.Outputs) || len(a.Openings)+len(a.Values) > 0 || trace.Leaf(a.Digests) != r.node[party] {
			return "reveals outputs that its own trace does not have"
		}
		r.outputs[party] = a.Digests
	default:
		return r.supply(party, a)
	}
	return ""
}

// commit takes a root. The trace must lead to what the party returned, or an
// honest trace could be played for a wrong result.
func (r *Referee) commit(party int, a Answer) string {
	p := r.c.Program
	makers := outputMakers(p)
	if len(a.Digests) != 1 || len(a.Openings) != len(makers) || len(a.Values) > 0 {
		return "does not commit to a trace and open its outputs"
	}
	r.roots[party] = a.Digests[0]
	opened := map[int][]trace.Digest{}
	for i, o := range a.Openings {
		if o.Op != makers[i] || !trace.Verify(p, a.Digests[0], o) {
			return fmt.Sprintf("opens op %d in a way that does not belong to its root", makers[i])
		}
		opened[o.Op] = o.Outputs
	}
	for i, port := range p.Outputs() {
		op, j := trace.Maker(p, port.Value)
		if opened[op][j] != r.c.Claims[party].Outputs[i] {
			return fmt.Sprintf("returned another output %s than its own trace has", port.Name)
		}
	}
	return ""
}

// supply takes the inputs of the op. All ops before it are agreed, so that an
// opening from either root speaks for both.
func (r *Referee) supply(party int, a Answer) string {
	p := r.c.Program
	values, makers := reads(p, r.lo)
	if len(a.Digests) > 0 || len(a.Openings) != len(makers) || len(a.Values) != len(values) {
		return "does not supply the inputs of the op"
	}
	opened := map[int][]trace.Digest{}
	for i, o := range a.Openings {
		if o.Op != makers[i] || !trace.Verify(p, r.roots[party], o) {
			return fmt.Sprintf("opens op %d in a way that does not belong to its root", makers[i])
		}
		opened[o.Op] = o.Outputs
	}
	for i, v := range values {
		var want trace.Digest
		if op, j := trace.Maker(p, v); op >= 0 {
			want = opened[op][j]
		} else {
			want = r.c.Inputs[v]
		}
		if trace.DigestOf(a.Values[i]) != want {
			return fmt.Sprintf("supplies bytes for value %d that are not those agreed on", v)
		}
	}
	r.values = a.Values
	return ""
}

// outputMakers are the ops that make outputs of p, each once, in order of the
// outputs.
func outputMakers(p *program.Program) (makers []int) {
	seen := map[int]bool{}
	for _, port := range p.Outputs() {
		if op, _ := trace.Maker(p, port.Value); !seen[op] {
			seen[op] = true
			makers = append(makers, op)
		}
	}
	return makers
}

// reads are the values that an op reads, each once, in order of first use, and
// the ops that make them, likewise.
func reads(p *program.Program, op int) (values, makers []int) {
	seen, made := map[int]bool{}, map[int]bool{}
	for _, v := range p.Nodes()[op].In {
		if seen[v] {
			continue
		}
		seen[v] = true
		values = append(values, v)
		if m, _ := trace.Maker(p, v); m >= 0 && !made[m] {
			made[m] = true
			makers = append(makers, m)
		}
	}
	return values, makers
}

// MaxAnswer is how many bytes an answer to q has at most, signature included:
// what a transport need not take more of.
func (r *Referee) MaxAnswer(q Question) int {
	const number, digest = 5, len(trace.Digest{}) // number: the longest that a count or an op takes
	p := r.c.Program
	n := 3*number + ed25519.SignatureSize
	open := func(ops []int) {
		for _, op := range ops {
			n += 3*number + digest*(len(p.Nodes()[op].Outputs)+trace.Depth(len(p.Nodes())))
		}
	}
	switch q.Kind {
	case Commit:
		n += digest
		open(outputMakers(p))
	case Descend:
		n += 2 * digest
	case Reveal:
		n += digest * len(p.Nodes()[q.Lo].Outputs)
	default:
		values, makers := reads(p, q.Lo)
		open(makers)
		for _, v := range values {
			n += number + p.Type(v).Bytes()
		}
	}
	return n
}
