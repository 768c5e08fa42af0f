package data

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// MaxSize bounds a data file after decompression, in bytes.
const MaxSize = 1 << 30

// Dir reads the data files that a job file names, relative to the job file's
// directory unless they are absolute.
type Dir string

// Read returns the decompressed contents of the named file. Its signature is
// that of job.Env's Data.
func (d Dir) Read(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(string(d), name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Decompress(name, f)
}

// Decompress reads r to its end, undoing the compression that the name's
// ending says: .gz, .zst, .br, or none.
func Decompress(name string, r io.Reader) ([]byte, error) {
	return decompress(name, r, MaxSize)
}

func decompress(name string, r io.Reader, limit int64) ([]byte, error) {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("damaged gzip file %s: %w", name, err)
		}
		r = z
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(128<<20))
		if err != nil {
			return nil, fmt.Errorf("damaged zstd file %s: %w", name, err)
		}
		defer z.Close()
		r = z
	case ".br":
		r = brotli.NewReader(r)
	}
	var b bytes.Buffer
	n, err := b.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if n > limit {
		return nil, fmt.Errorf("%s holds more than %d bytes", name, limit)
	}
	return b.Bytes(), nil
}
