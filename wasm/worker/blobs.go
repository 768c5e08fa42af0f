package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
)

// blobTries is how often a blob is asked for before its lease is handed back.
const blobTries = 4

// blobs fetches from a source, checks, and keeps. Devices that want the same
// blob at the same time share one fetch.
type blobs struct {
	source BlobSource
	pause  func(n int) time.Duration

	mu       sync.Mutex // guards what follows
	kept     *lru[job.Hash, []byte]
	fetching map[job.Hash]*fetch
}

type fetch struct {
	done chan struct{}
	data []byte
	err  error
}

func newBlobs(source BlobSource, budget int64, pause func(int) time.Duration) *blobs {
	return &blobs{
		source:   source,
		pause:    pause,
		kept:     newLRU[job.Hash](budget, func([]byte) {}),
		fetching: map[job.Hash]*fetch{},
	}
}

// get returns the blob h. The bytes are shared: nobody may change them.
func (b *blobs) get(ctx context.Context, h job.Hash) ([]byte, error) {
	for {
		b.mu.Lock()
		if data, ok := b.kept.get(h); ok {
			b.mu.Unlock()
			return data, nil
		}
		f, shared := b.fetching[h]
		if !shared {
			f = &fetch{done: make(chan struct{})}
			b.fetching[h] = f
		}
		b.mu.Unlock()
		if !shared {
			b.run(ctx, h, f)
			return f.data, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if f.err == nil || !errors.Is(f.err, context.Canceled) {
			return f.data, f.err
		}
		// The one who fetched was told to stop; we were not.
	}
}

// inputs returns a shard's inputs, those that are blobs fetched. The bytes are
// shared.
func (b *blobs) inputs(ctx context.Context, s job.Shard) ([][]byte, error) {
	inputs := make([][]byte, len(s.Inputs))
	for i, in := range s.Inputs {
		data := in.Data
		if data == nil {
			var err error
			if data, err = b.get(ctx, in.Blob); err != nil {
				return nil, err
			}
		}
		inputs[i] = data
	}
	return inputs, nil
}

func (b *blobs) run(ctx context.Context, h job.Hash, f *fetch) {
	f.data, f.err = b.fetch(ctx, h)
	b.mu.Lock()
	delete(b.fetching, h)
	if f.err == nil {
		b.kept.put(h, f.data, int64(len(f.data)))
		b.kept.trim()
	}
	b.mu.Unlock()
	close(f.done)
}

func (b *blobs) fetch(ctx context.Context, h job.Hash) ([]byte, error) {
	var err error
	for n := range blobTries {
		if n > 0 {
			if err := wait(ctx, b.pause(n)); err != nil {
				return nil, err
			}
		}
		var data []byte
		data, err = b.source.Get(ctx, h)
		if err == nil {
			if got := job.Sum(data); got != h {
				err = fmt.Errorf("worker: blob %v: the bytes are those of %v", h, got)
				continue
			}
			return data, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		err = fmt.Errorf("worker: blob %v: %w", h, err)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nil, err
}

// wait waits for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// overConn is the BlobSource for volunteers without HTTP: it asks the hub
// over the connection. Run's goroutine does the asking; a question outlives
// the connection it was first asked on.
type overConn struct{ asked chan *question }

type question struct {
	hash   job.Hash
	answer chan answer // holds one
}

type answer struct {
	data []byte
	err  error
}

func newOverConn() *overConn {
	return &overConn{asked: make(chan *question)}
}

// Get implements BlobSource.
func (o *overConn) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	q := &question{hash: h, answer: make(chan answer, 1)}
	select {
	case o.asked <- q:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a.data, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
