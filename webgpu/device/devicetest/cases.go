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
// in turn; all draw shapes, ranges and layouts from the seed. It panics if an
// op has no generator: whoever adds an op says here what its inputs are.
func Cases(seed uint64, n int) []Case {
	var all []Case
	for _, def := range ops.All {
		all = append(all, opCases(def, seed, n)...)
	}
	return all
}

func opCases(def *ops.Def, seed uint64, n int) []Case {
	if generators[def.Name] == nil {
		panic("devicetest: op " + def.Name + " has no generator")
	}
	var all []Case
	for i := range n {
		s := newSource(seed, uint64(def.Code)<<32|uint64(i))
		k := &sketch{}
		limit := pick(s, 40, 400, 4000, 20000)
		grown := false
		if j := i / 2; j < len(def.Attrs) {
			a := def.Attrs[j]
			forced := map[string]int32{a.Name: a.Min}
			if i%2 == 1 {
				forced[a.Name] = a.Max
			}
			grown = grow(s, k, def, false, limit, forced)
		}
		if !grown && !grow(s, k, def, false, limit, nil) {
			continue // no legal application found in this stream; the next has better luck
		}
		p, err := k.build()
		if err != nil {
			panic(fmt.Sprintf("devicetest: %s: legal op in an illegal program: %v", def.Name, err))
		}
		all = append(all, Case{Name: fmt.Sprintf("%s/%d", def.Name, i), Program: p, Seed: s.Uint64()})
	}
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
		grow(s, k, def, true, pick(s, 40, 400, 1500), nil)
	}
	k.outputs = k.unread()
	for _, r := range k.made() {
		if s.one(5) && !contains(k.outputs, r) {
			k.outputs = append(k.outputs, r)
		}
	}
	p, err := k.build()
	if err != nil {
		panic(fmt.Sprintf("devicetest: seed %d: legal ops in an illegal program: %v", seed, err))
	}
	return p
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
