package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
)

// Hub is a job on a hub.
type Hub struct {
	Client *client.Client
	ID     string
}

var _ Source = (*Hub)(nil)

// Head implements Source.
func (h *Hub) Head(ctx context.Context) ([]byte, error) { return h.Client.Head(ctx, h.ID) }

// Receipts implements Source. The receipts pass through a temporary file.
func (h *Hub) Receipts(ctx context.Context) (Lines, int64, error) {
	file, err := os.CreateTemp("", "shoal-receipts-")
	if err != nil {
		return nil, 0, err
	}
	t := temporary{file}
	if err := h.Client.Receipts(ctx, h.ID, file); err != nil {
		return nil, 0, errors.Join(err, t.Close())
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, t.Close())
	}
	return t, info.Size(), nil
}

// temporary is a file that goes when it is closed.
type temporary struct{ *os.File }

func (t temporary) Close() error { return errors.Join(t.File.Close(), os.Remove(t.Name())) }

// JobFile implements Source.
func (h *Hub) JobFile(ctx context.Context) ([]byte, error) {
	j, err := h.Client.Job(ctx, h.ID)
	return []byte(j.File), err
}

// Artifact implements Source.
func (h *Hub) Artifact(ctx context.Context, name string, w io.Writer) error {
	return h.Client.Artifact(ctx, h.ID, name, w)
}

// Blob implements Source.
func (h *Hub) Blob(ctx context.Context, sum job.Hash) ([]byte, error) {
	data, err := h.Client.Blob(ctx, sum)
	if errors.Is(err, client.ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, err
}

// Data implements Source: a hub shows its blobs, not its data files.
func (h *Hub) Data(_ context.Context, name string) ([]byte, error) {
	return nil, fmt.Errorf("audit: data file %q: a hub gives out blobs only: %w", name, fs.ErrNotExist)
}

// Damages implements Source: an audit of every shard reads every blob that the
// receipts name and the hub still has.
func (h *Hub) Damages(ctx context.Context, all bool, named []job.Hash, found func(where string, err error)) error {
	if !all {
		return nil
	}
	for _, sum := range named {
		_, err := h.Blob(ctx, sum)
		switch {
		case errors.Is(err, ErrDamaged):
			found("blob "+sum.String(), err)
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}
