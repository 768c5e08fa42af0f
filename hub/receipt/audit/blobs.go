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
	lacked  int   // how often something was asked for that is nowhere
	trouble error // the first time that the source could not be asked; kinds say only that their data is not there
	damaged func(where string, err error)
}

func newBlobs(s Source, damaged func(where string, err error)) *blobs {
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
	if errors.Is(err, ErrDamaged) {
		b.damaged("data file "+name, err)
		err = fmt.Errorf("audit: data file %s is damaged: %w", name, fs.ErrNotExist)
	}
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
		b.damaged("blob "+h.String(), err)
		err = fmt.Errorf("audit: blob %v is damaged: %w", h, fs.ErrNotExist)
	}
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			b.missing[h] = true
		case b.trouble == nil:
			b.trouble = err
		}
		return nil, err
	}
	if job.Sum(data) != h {
		b.missing[h] = true
		b.damaged("blob "+h.String(), fmt.Errorf("got bytes with SHA-256 %v", job.Sum(data)))
		return nil, fmt.Errorf("audit: blob %v is damaged: %w", h, fs.ErrNotExist)
	}
	_, err = b.Put(ctx, data)
	return data, err
}
