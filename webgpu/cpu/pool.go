package cpu

import "sync"

// pool runs a function on several threads at once.
type pool struct {
	threads int
	work    chan func()
	wg      sync.WaitGroup
	once    sync.Once
}

func newPool(threads int) *pool {
	p := &pool{threads: threads, work: make(chan func())}
	for range threads - 1 {
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			for f := range p.work {
				f()
			}
		}()
	}
	return p
}

// run calls f with every thread number below threads, the caller being
// thread 0, and returns when all calls have. Runs do not overlap.
func (p *pool) run(threads int, f func(thread int)) {
	var wg sync.WaitGroup
	for t := 1; t < threads; t++ {
		wg.Add(1)
		p.work <- func() {
			defer wg.Done()
			f(t)
		}
	}
	f(0)
	wg.Wait()
}

func (p *pool) close() {
	p.once.Do(func() { close(p.work) })
	p.wg.Wait()
}
