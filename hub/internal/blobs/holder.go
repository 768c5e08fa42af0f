package blobs

import (
	"context"
	"errors"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
)

// Holder is one owner's set of holds; a job has one. What is put through a
// Holder is held before it is written, so nobody else's release can delete it
// in between. Its methods are safe for concurrent use.
type Holder struct {
	store *Store

	heldMu sync.Mutex
	held   map[job.Hash]bool
}

var _ job.Blobs = (*Holder)(nil)

// NewHolder returns a Holder without holds.
func (s *Store) NewHolder() *Holder {
	return &Holder{store: s, held: map[job.Hash]bool{}}
}

// Put holds and stores data.
func (o *Holder) Put(ctx context.Context, data []byte) (job.Hash, error) {
	h := job.Sum(data)
	return h, o.PutSum(ctx, h, data)
}

// PutSum is Put for callers that have just computed h = job.Sum(data).
func (o *Holder) PutSum(ctx context.Context, h job.Hash, data []byte) error {
	o.Hold(h)
	return o.store.PutSum(ctx, h, data)
}

// PutScratch holds and stores data without waiting for the disk.
func (o *Holder) PutScratch(ctx context.Context, data []byte) (job.Hash, error) {
	h := job.Sum(data)
	o.Hold(h)
	return h, o.store.PutScratch(ctx, h, data)
}

// Get returns a blob's bytes, whoever holds it.
func (o *Holder) Get(ctx context.Context, h job.Hash) ([]byte, error) { return o.store.Get(ctx, h) }

// Hold keeps each of hashes; twice is as good as once.
func (o *Holder) Hold(hashes ...job.Hash) {
	o.heldMu.Lock()
	defer o.heldMu.Unlock()
	for _, h := range hashes {
		if !o.held[h] {
			o.held[h] = true
			o.store.Hold(h)
		}
	}
}

// Release lets go of each of hashes that is held.
func (o *Holder) Release(hashes ...job.Hash) error {
	o.heldMu.Lock()
	defer o.heldMu.Unlock()
	var err error
	for _, h := range hashes {
		if o.held[h] {
			delete(o.held, h)
			err = errors.Join(err, o.store.Release(h))
		}
	}
	return err
}

// Held returns a copy of the set.
func (o *Holder) Held() map[job.Hash]bool {
	o.heldMu.Lock()
	defer o.heldMu.Unlock()
	set := make(map[job.Hash]bool, len(o.held))
	for h := range o.held {
		set[h] = true
	}
	return set
}
