package receipt

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Log is the Merkle tree over the lines of a job's receipts, as RFC 6962 has
// it: a leaf is a line without its line feed. It keeps 64 bytes for each line.
type Log struct {
	hashes []tlog.Hash
	size   int64
}

// Append adds a line.
func (l *Log) Append(line []byte) error {
	hashes, err := tlog.StoredHashes(l.size, line, tlog.HashReaderFunc(l.read))
	if err != nil {
		return fmt.Errorf("receipt: log: %w", err)
	}
	l.hashes = append(l.hashes, hashes...)
	l.size++
	return nil
}

// Size is the number of lines.
func (l *Log) Size() int64 { return l.size }

// Root is the hash of the whole tree.
func (l *Log) Root() (Hash, error) {
	root, err := tlog.TreeHash(l.size, tlog.HashReaderFunc(l.read))
	if err != nil {
		return Hash{}, fmt.Errorf("receipt: log: %w", err)
	}
	return Hash(root), nil
}

// Prove returns the hashes that lead from line n to the root.
func (l *Log) Prove(n int64) ([]Hash, error) {
	if n < 0 || n >= l.size {
		return nil, fmt.Errorf("receipt: log: line %d of %d", n, l.size)
	}
	path, err := tlog.ProveRecord(l.size, n, tlog.HashReaderFunc(l.read))
	if err != nil {
		return nil, fmt.Errorf("receipt: log: %w", err)
	}
	hashes := make([]Hash, len(path))
	for i, h := range path {
		hashes[i] = Hash(h)
	}
	return hashes, nil
}

func (l *Log) read(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at < 0 || at >= int64(len(l.hashes)) {
			return nil, errors.New("no such hash")
		}
		hashes[i] = l.hashes[at]
	}
	return hashes, nil
}

// Proof shows that a line is in a log: the line itself, and at most
// ceil(log2 size) hashes.
type Proof struct {
	Line   string `json:"line"`
	Number int64  `json:"number"` // of the line, from 0
	Size   int64  `json:"size"`   // lines of the log
	Hashes []Hash `json:"hashes"` // from the leaf to the root
}

// Check verifies that the line is in the log h is the head of, and the
// receipt in it.
func (h Head) Check(p Proof) (Receipt, error) {
	if p.Size != h.Receipts {
		return Receipt{}, fmt.Errorf("%w: proof: of a log of %d lines, want %d", ErrDamaged, p.Size, h.Receipts)
	}
	if p.Number < 0 || p.Number >= p.Size {
		return Receipt{}, fmt.Errorf("%w: proof: line %d of %d", ErrDamaged, p.Number, p.Size)
	}
	path := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		path[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(path, p.Size, tlog.Hash(h.Root), p.Number, tlog.RecordHash([]byte(p.Line))); err != nil {
		return Receipt{}, fmt.Errorf("%w: proof: %w", ErrDamaged, err)
	}
	r, err := Decode([]byte(p.Line))
	if err == nil && r.Job != h.Job {
		err = r.damaged("of job %q, want %q", r.Job, h.Job)
	}
	if err == nil {
		err = r.Verify()
	}
	return r, err
}
