package sqlite

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// query reads all rows of a query.
func query[T any](ctx context.Context, s *Store, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := s.readers.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: query: %w", err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("sqlite: row: %w", err)
		}
		list = append(list, v)
	}
	return list, wrap("query", rows.Err())
}

// fixedColumn scans a BLOB of exactly the size of dst.
func fixedColumn(dst []byte, src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(dst) {
		return fmt.Errorf("sqlite: column holds %T of %d bytes, want %d bytes", src, len(b), len(dst))
	}
	copy(dst, b)
	return nil
}

// hashColumn scans a hash.
type hashColumn job.Hash

// Scan implements sql.Scanner.
func (h *hashColumn) Scan(src any) error { return fixedColumn(h[:], src) }

// keyColumn scans a volunteer's key.
type keyColumn [32]byte

// Scan implements sql.Scanner.
func (k *keyColumn) Scan(src any) error { return fixedColumn(k[:], src) }

// signatureColumn scans a signature.
type signatureColumn [64]byte

// Scan implements sql.Scanner.
func (s *signatureColumn) Scan(src any) error { return fixedColumn(s[:], src) }

// hashesColumn scans hashes written one after another; NULL is none.
type hashesColumn []job.Hash

// Scan implements sql.Scanner.
func (l *hashesColumn) Scan(src any) error {
	b, _ := src.([]byte)
	if len(b)%len(job.Hash{}) != 0 {
		return fmt.Errorf("sqlite: column of %d bytes is no list of hashes", len(b))
	}
	*l = nil
	for ; len(b) > 0; b = b[len(job.Hash{}):] {
		*l = append(*l, job.Hash(b))
	}
	return nil
}

// join writes hashes one after another.
func join(hashes []job.Hash) []byte {
	b := make([]byte, 0, len(hashes)*len(job.Hash{}))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// bytesOf makes a nil slice an empty BLOB instead of NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
