package cpu

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Profile adds up where the time of runs goes. It is safe for concurrent use.
type Profile struct {
	mu    sync.Mutex // guards times
	times map[string]*KernelTime
}

// KernelTime is the time one kernel took in all.
type KernelTime struct {
	Kernel string
	Calls  int
	Time   time.Duration
	Ops    int64 // integer operations, as programs count them
}

func (p *Profile) add(kernel string, t time.Duration, ops int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times == nil {
		p.times = map[string]*KernelTime{}
	}
	k := p.times[kernel]
	if k == nil {
		k = &KernelTime{Kernel: kernel}
		p.times[kernel] = k
	}
	k.Calls++
	k.Time += t
	k.Ops += ops
}

// Reset forgets everything.
func (p *Profile) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times = nil
}

// Kernels returns the times so far, longest first.
func (p *Profile) Kernels() []KernelTime {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []KernelTime
	for _, k := range p.times {
		list = append(list, *k)
	}
	slices.SortFunc(list, func(a, b KernelTime) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Kernel, b.Kernel))
	})
	return list
}
