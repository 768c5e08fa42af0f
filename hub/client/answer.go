package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
)

// limits bound what is read from a hub, in bytes. A client does not trust its
// hub: an auditor reads from the very one it suspects.
type limits struct {
	json   int64 // any answer in JSON
	head   int64 // a signed head: receipt.MaxHead
	blob   int64
	file   int64 // receipts, and artifacts whose size nobody has named
	memory int64 // of a blob, before it is known to be what was asked for
}

func defaultLimits() limits {
	return limits{
		json:   16 << 20,
		head:   1 << 20,
		blob:   MaxBlob,
		file:   4 << 30, // hubs fold a job's files in memory
		memory: 32 << 20,
	}
}

// MaxBlob is the size of the largest blob that is downloaded: of the largest
// upload that a hub takes unless it is told otherwise.
const MaxBlob = 1 << 30

// maxProblem bounds a refusal; what is longer is known by its status.
const maxProblem = 64 << 10

// copy copies an answer of at most limit bytes to w. An error of w comes back
// as it is.
func (c *Client) copy(ctx context.Context, path string, w io.Writer, limit int64) error {
	resp, err := c.request(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := &answer{r: resp.Body, path: path, limit: limit}
	if resp.ContentLength > limit {
		return in.tooLong()
	}
	if _, err = io.Copy(w, in); in.err != nil {
		return c.broken(ctx, path, in.err)
	}
	return err
}

// answer reads at most limit bytes; where there are more, it fails with
// ErrDamaged.
type answer struct {
	r     io.Reader
	path  string
	limit int64
	n     int64
	err   error // that it has failed with
}

func (a *answer) Read(p []byte) (int, error) {
	if left := a.limit - a.n; int64(len(p)) > left {
		p = p[:left+1] // one more would show that there is more
	}
	n, err := a.r.Read(p)
	if a.n += int64(n); a.n > a.limit {
		n, err = 0, a.tooLong()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		a.err = err
	}
	return n, err
}

func (a *answer) tooLong() error {
	return fmt.Errorf("%w: %s: the hub sends more than %d bytes", ErrDamaged, a.path, a.limit)
}

// spool keeps what is written to it, in a file of its own once it is more than
// memory bytes: a hub that sends something else gets no memory for it. Its zero
// value, with memory set, is empty.
type spool struct {
	memory int64
	buffer bytes.Buffer
	file   *os.File
}

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	switch {
	case s.file != nil:
		return s.file.Write(p)
	case int64(s.buffer.Len()+len(p)) <= s.memory:
		return s.buffer.Write(p)
	}
	file, err := os.CreateTemp("", "shoal-blob-")
	if err != nil {
		return 0, err
	}
	s.file = file
	if _, err := s.buffer.WriteTo(file); err != nil {
		return 0, err
	}
	s.buffer = bytes.Buffer{}
	return file.Write(p)
}

// bytes returns all that was written.
func (s *spool) bytes() ([]byte, error) {
	if s.file == nil {
		return s.buffer.Bytes(), nil
	}
	size, err := s.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	all := make([]byte, size)
	_, err = s.file.ReadAt(all, 0)
	return all, err
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
