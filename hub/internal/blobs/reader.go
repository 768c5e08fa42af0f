package blobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shoal-compute/shoal/hub/job"
)

// ErrMismatch means that uploaded bytes do not have the hash they were
// announced under.
var ErrMismatch = errors.New("blobs: the bytes do not have this SHA-256")

// PutHeld stores what r yields, without keeping it in memory, and takes one
// hold on it. Unless want is nil, other bytes than want's are ErrMismatch and
// nothing is stored.
func (s *Store) PutHeld(ctx context.Context, r io.Reader, want *job.Hash) (h job.Hash, size int64, err error) {
	tmp, err := os.CreateTemp(filepath.Join(s.dir, tmpDir), "put-")
	if err != nil {
		return h, 0, fmt.Errorf("blobs: put: %w", err)
	}
	defer os.Remove(tmp.Name()) // fails, as it should, after the rename
	sum := sha256.New()
	size, err = io.Copy(io.MultiWriter(tmp, sum), r)
	if err != nil {
		return h, size, errors.Join(err, tmp.Close())
	}
	h = job.Hash(sum.Sum(nil))
	if want != nil && *want != h {
		return h, size, errors.Join(fmt.Errorf("%w: got %v, want %v", ErrMismatch, h, *want), tmp.Close())
	}
	if err := errors.Join(ctx.Err(), tmp.Sync(), tmp.Close()); err != nil {
		return h, size, fmt.Errorf("blobs: put %v: %w", h, err)
	}
	s.Hold(h)
	if err := s.publish(tmp.Name(), h, true); err != nil {
		return h, size, errors.Join(fmt.Errorf("blobs: put %v: %w", h, err), s.Release(h))
	}
	return h, size, nil
}
