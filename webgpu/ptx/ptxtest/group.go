package ptxtest

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// addMu serialises additions to global memory between workgroups.
var addMu sync.Mutex

// binding is memory that a launch may use.
type binding struct {
	base  uint64
	data  []byte
	write bool
}

// group runs workgroups of one launch, one after another.
type group struct {
	program  *program
	bindings []binding
	params   []byte // the parameter space
	warps    []*warp
	steps    int

	shared []byte
	filled []bool // words that were written
	behind []bool // words written since their warp's last proxy fence
	uses   []use  // of each word
	epoch  int    // barriers passed, over all workgroups
}

// use is who used a word of shared memory since the last barrier.
type use struct {
	epoch   int
	readers uint32 // warps
	writers uint32
}

func newGroup(p *program, shared int, bindings []binding, params []int32) (*group, error) {
	g := &group{program: p, bindings: bindings, shared: make([]byte, shared), filled: make([]bool, (shared+3)/4), uses: make([]use, (shared+3)/4)}
	if p.proxies {
		g.behind = make([]bool, len(g.filled))
	}
	for _, b := range bindings {
		g.params = binary.LittleEndian.AppendUint64(g.params, b.base)
	}
	for _, v := range params {
		g.params = binary.LittleEndian.AppendUint32(g.params, uint32(v))
	}
	if len(g.params) != p.size {
		return nil, fmt.Errorf("ptxtest: %s: %d bytes of parameters, want %d", p.name, len(g.params), p.size)
	}
	if p.lanes%32 != 0 {
		return nil, fmt.Errorf("ptxtest: %s: %d lanes are not whole warps", p.name, p.lanes)
	}
	for i := range p.lanes / 32 {
		g.warps = append(g.warps, newWarp(g, i))
	}
	return g, nil
}

// touch records that a warp uses a word of shared memory and tells whether it
// may.
func (g *group) touch(word, warp int, write bool) bool {
	u := &g.uses[word]
	if u.epoch != g.epoch {
		*u = use{epoch: g.epoch}
	}
	own := uint32(1) << warp
	if write {
		u.writers |= own
		return (u.readers|u.writers)&^own == 0
	}
	u.readers |= own
	return u.writers&^own == 0
}

// run executes workgroup number cta.
func (g *group) run(cta int) error {
	g.epoch++
	g.steps = 0
	clear(g.filled)
	clear(g.behind)
	for _, w := range g.warps {
		w.start(cta)
	}
	for {
		waiting, gone := 0, 0
		for _, w := range g.warps {
			if w.live != 0 {
				w.run()
			}
			switch {
			case w.err != nil:
				return fmt.Errorf("ptxtest: %s: %w", g.program.name, w.err)
			case w.waiting:
				waiting++
			default:
				gone++
			}
		}
		if waiting == 0 {
			return nil
		}
		if gone > 0 {
			return fmt.Errorf("ptxtest: %s: workgroup %d: %d warps wait at a barrier to which %d never come", g.program.name, cta, waiting, gone)
		}
		g.epoch++
	}
}
