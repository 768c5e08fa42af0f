package devicetest

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Case is a program and the seed of the inputs to run it with.
type Case struct {
	Name    string
	Program *program.Program
	Seed    uint64 // for RandomInputs
}

// Cases returns n cases of every op of the op set, one op each. The first
// cases of an op put every attribute at its least and its greatest legal value
// in turn; from number 32 on every other case has a focus, such as a width
// that is no multiple of anything or a single row of 65,537 columns; all draw
// shapes, ranges and layouts from the seed. It panics if an op has no
// generator: whoever adds an op says here what its inputs are.
func Cases(seed uint64, n int) []Case {
	var all []Case
	for _, def := range ops.All {
		all = append(all, opCases(def, seed, n)...)
	}
	return all
}

func opCases(def *ops.Def, seed uint64, n int) []Case {
	var all []Case
	for i := range n {
		if k, s := opSketch(def, seed, i); k != nil {
			all = append(all, k.legal(fmt.Sprintf("%s/%d", def.Name, i), s.Uint64()))
		}
	}
	return all
}

// opSketch is case number i of an op and what is left of its stream, or nil if
// no legal application was found in this stream; the next has better luck.
func opSketch(def *ops.Def, seed uint64, i int) (*sketch, source) {
	if generators[def.Name] == nil {
		panic("devicetest: op " + def.Name + " has no generator")
	}
	s := newSource(seed, uint64(def.Code)<<32|uint64(i))
	k := &sketch{}
	a := application{def: def, limit: limitOf(s, i)}
	if j := i / 2; j < len(def.Attrs) {
		at := def.Attrs[j]
		a.forced = map[string]int32{at.Name: at.Min}
		if i%2 == 1 {
			a.forced[at.Name] = at.Max
		}
		if grow(s, k, a) {
			return k, s
		}
		a.forced = nil
	}
	if a.focus = focusOf(i); a.focus != nil {
		if grow(s, k, a) {
			return k, s
		}
		a.focus = nil
	}
	if grow(s, k, a) {
		return k, s
	}
	return nil, s
}

// limitOf is how many elements a tensor of case number i has, about. Later
// cases are smaller: there are many of them.
func limitOf(s source, i int) int {
	if i < firstFocus {
		return pick(s, 40, 400, 4000, 20000)
	}
	if s.one(24) {
		return 20000
	}
	return pick(s, 40, 40, 400, 400, 2000)
}

// Bounds of a batch.
const (
	batchOps   = 16
	batchBytes = 4 << 20
)

// Batches returns the applications of Cases, up to 16 of one op to a program,
// where they run side by side on inputs of their own: to start a program takes
// devices longer than to run a small op.
func Batches(seed uint64, n int) []Case {
	var all []Case
	for _, def := range ops.All {
		all = append(all, opBatches(def, seed, n)...)
	}
	return all
}

func opBatches(def *ops.Def, seed uint64, n int) []Case {
	var all []Case
	batch, bytes, first := &sketch{}, 0, 0
	flush := func(next int) {
		if len(batch.steps) > 0 {
			s := newSource(seed, uint64(def.Code)<<32|1<<31|uint64(first))
			all = append(all, batch.legal(fmt.Sprintf("%s/%d-%d", def.Name, first, next-1), s.Uint64()))
		}
		batch, bytes, first = &sketch{}, 0, next
	}
	for i := range n {
		k, _ := opSketch(def, seed, i)
		if k == nil {
			continue
		}
		size := bytesOf(k.inputs, k.steps[0].outputs)
		if bytes+size > batchBytes || len(batch.steps) == batchOps {
			flush(i)
		}
		batch.join(k)
		bytes += size
	}
	flush(n)
	return all
}

// RandomProgram is a legal program of up to maxOps ops, chosen at random and
// reading one another's results where they fit. Its outputs are the values
// that no op reads, and some that ops do read.
func RandomProgram(seed uint64, maxOps int) *program.Program {
	s := newSource(seed, 0)
	k := &sketch{}
	for n := 1 + s.IntN(max(maxOps, 1)); len(k.steps) < n; {
		def := ops.All[s.IntN(len(ops.All))]
		grow(s, k, application{def: def, reuse: true, limit: pick(s, 40, 400, 1500)})
	}
	k.outputs = k.unread()
	for _, r := range k.made() {
		if s.one(5) && !contains(k.outputs, r) {
			k.outputs = append(k.outputs, r)
		}
	}
	return k.legal(fmt.Sprintf("program %d", seed), seed).Program
}

func contains(refs []ref, r ref) bool {
	for _, x := range refs {
		if x == r {
			return true
		}
	}
	return false
}

// Files reads whole programs, such as training steps, from the files named
// *.program below dir of fsys: canonical encodings.
func Files(fsys fs.FS, dir string) ([]Case, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("devicetest: %w", err)
	}
	var all []Case
	for i, e := range entries {
		name, found := strings.CutSuffix(e.Name(), ".program")
		if !found {
			continue
		}
		data, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("devicetest: %w", err)
		}
		p, err := program.Decode(data)
		if err != nil {
			return nil, fmt.Errorf("devicetest: %s: %w", e.Name(), err)
		}
		all = append(all, Case{Name: name, Program: p, Seed: uint64(i) + 1})
	}
	return all, nil
}
