package gpu

import "errors"

// batch is what was handed to the machine between two moments at which all was
// known to be done. Errors come late, and once: whatever a batch wrote is not
// to be trusted once one came, whoever waited for it.
type batch struct{ err error }

// current is the batch that is being handed over.
func (d *gpu) current() *batch {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.recent
}

// settled notes that the machine has done all that was handed to it. The
// machine is held.
func (d *gpu) settled() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.recent = &batch{}
}

// spoiled notes that the machine reported err: some of what was handed to it
// is not done, and memory that it promised may not be there. The machine is
// held.
func (d *gpu) spoiled(err error) {
	d.mu.Lock()
	d.recent.err = err
	d.recent = &batch{}
	d.mu.Unlock()
	if !errors.Is(err, errClosed) {
		d.shrink()
	}
}

// rewritten notes that b is written by what is handed over now.
func (b *buffer) rewritten() {
	b.dev.mu.Lock()
	defer b.dev.mu.Unlock()
	b.batch = b.dev.recent
}
