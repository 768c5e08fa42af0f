package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
)

// blobs are the job.Blobs of an audit: what the audit has made itself, and
// what the source has. Only what the current shards need stays in memory.
type blobs struct {
	*local.Blobs
	own     *local.Blobs // kept to the end: small, and nowhere else
	source  Source
	missing map[job.Hash]bool
	lacked  int // how often something was asked for that is nowhere
	damaged func(h job.Hash, err error)
}

func newBlobs(s Source, damaged func(h job.Hash, err error)) *blobs {
	return &blobs{Blobs: local.NewBlobs(), own: local.NewBlobs(), source: s, missing: map[job.Hash]bool{}, damaged: damaged}
}

// Get implements job.Blobs.
func (b *blobs) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	data, err := b.get(ctx, h)
	if errors.Is(err, fs.ErrNotExist) {
		b.lacked++
	}
	return data, err
}

// file reads a data file, as job.Env's Data.
func (b *blobs) file(ctx context.Context, name string) ([]byte, error) {
	data, err := b.source.Data(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		b.lacked++
	}
	return data, err
}

func (b *blobs) get(ctx context.Context, h job.Hash) ([]byte, error) {
	data, err := b.Blobs.Get(ctx, h)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err := b.own.Get(ctx, h); !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if b.missing[h] {
		return nil, fmt.Errorf("audit: blob %v: %w", h, fs.ErrNotExist)
	}
	data, err = b.source.Blob(ctx, h)
	if errors.Is(err, ErrDamaged) {
		b.damaged(h, err)
		err = fmt.Errorf("audit: blob %v is damaged: %w", h, fs.ErrNotExist)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			b.missing[h] = true
		}
		return nil, err
	}
	if job.Sum(data) != h {
		b.missing[h] = true
		b.damaged(h, fmt.Errorf("got bytes with SHA-256 %v", job.Sum(data)))
		return nil, fmt.Errorf("audit: blob %v is damaged: %w", h, fs.ErrNotExist)
	}
	_, err = b.Put(ctx, data)
	return data, err
}
