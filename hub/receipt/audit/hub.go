package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// Hub is a job on a hub.
type Hub struct {
	Client *client.Client
	ID     string

	signed *receipt.Head // the last head it gave, if it makes sense
}

var _ Source = (*Hub)(nil)

// Head implements Source.
func (h *Hub) Head(ctx context.Context) ([]byte, error) {
	text, err := h.Client.Head(ctx, h.ID)
	if head, err := receipt.OpenHead(text); err == nil {
		h.signed = &head
	}
	return text, damage(err)
}

// damage says in words of this package that a hub sent what cannot be right.
func damage(err error) error {
	if errors.Is(err, client.ErrDamaged) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// Receipts implements Source. The receipts pass through a temporary file, which
// gets no longer than as many lines as the head has can be.
func (h *Hub) Receipts(ctx context.Context) (Lines, int64, error) {
	file, err := os.CreateTemp("", "shoal-receipts-")
	if err != nil {
		return nil, 0, err
	}
	t := temporary{file}
	most := int64(math.MaxInt64)
	if h.signed != nil && h.signed.Receipts < most/(receipt.MaxLine+1) {
		most = h.signed.Receipts * (receipt.MaxLine + 1)
	}
	if err := h.Client.Receipts(ctx, h.ID, &capped{w: file, left: most}); err != nil {
		return nil, 0, errors.Join(damage(err), t.Close())
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, t.Close())
	}
	return t, info.Size(), nil
}

// capped writes no more than it has left.
type capped struct {
	w    io.Writer
	left int64
}

func (c *capped) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, fmt.Errorf("%w: more than all lines together can be", ErrDamaged)
	}
	return c.w.Write(p)
}

// temporary is a file that goes when it is closed.
type temporary struct{ *os.File }

func (t temporary) Close() error { return errors.Join(t.File.Close(), os.Remove(t.Name())) }

// JobFile implements Source.
func (h *Hub) JobFile(ctx context.Context) ([]byte, error) {
	j, err := h.Client.Job(ctx, h.ID)
	return []byte(j.File), damage(err)
}

// Artifact implements Source.
func (h *Hub) Artifact(ctx context.Context, name string, w io.Writer) error {
	err := h.Client.Artifact(ctx, h.ID, name, w)
	var refused *client.ArgumentError
	if errors.As(err, &refused) { // the head names what can be no file
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return damage(err)
}

// Blob implements Source.
func (h *Hub) Blob(ctx context.Context, sum job.Hash) ([]byte, error) {
	data, err := h.Client.Blob(ctx, sum)
	return data, damage(err)
}

// Data implements Source: a hub shows its blobs, not its data files.
func (h *Hub) Data(_ context.Context, name string) ([]byte, error) {
	return nil, fmt.Errorf("audit: data file %q: a hub gives out blobs only: %w", name, fs.ErrNotExist)
}

// Damages implements Source: an audit of every shard reads every blob that the
// receipts name and the hub still has.
func (h *Hub) Damages(ctx context.Context, p Parts, found func(where string, err error)) error {
	for _, sum := range p.Blobs {
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
