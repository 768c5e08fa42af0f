package local

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
)

// Blobs keeps blobs in memory. A run stores new weights at every step, so
// Retain must be called now and then, or they all stay.
type Blobs struct {
	mu   sync.Mutex // guards data and age
	data map[job.Hash][]byte
	age  map[job.Hash]bool // stored since the last Retain
}

var _ job.Blobs = (*Blobs)(nil)

// NewBlobs returns an empty store.
func NewBlobs() *Blobs {
	return &Blobs{data: map[job.Hash][]byte{}, age: map[job.Hash]bool{}}
}

// Put keeps data itself: the caller must not change it afterwards.
func (b *Blobs) Put(ctx context.Context, data []byte) (job.Hash, error) {
	if err := ctx.Err(); err != nil {
		return job.Hash{}, err
	}
	h := job.Sum(data)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data[h] = data
	b.age[h] = true
	return h, nil
}

// Get returns the bytes Put was given.
func (b *Blobs) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.data[h]
	if !ok {
		return nil, fmt.Errorf("local: blob %v: %w", h, fs.ErrNotExist)
	}
	return data, nil
}

// Retain drops every blob that is neither in keep nor was stored since the
// last call: a run may store now what only its next round names.
func (b *Blobs) Retain(keep map[job.Hash]bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for h := range b.data {
		if !keep[h] && !b.age[h] {
			delete(b.data, h)
		}
	}
	clear(b.age)
}

// names lists what is there.
func (b *Blobs) names() []job.Hash {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.data))
}

// Size is the number of bytes held.
func (b *Blobs) Size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := int64(0)
	for _, d := range b.data {
		n += int64(len(d))
	}
	return n
}
