package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/receipt"
)

// lines are the receipts under audit.
type lines struct {
	*receipt.Lines
	file  Lines
	named []job.Hash // every blob a receipt names, in order, each once; only for an audit of every shard
}

func (l *lines) close() error { return l.file.Close() }

// receipt returns receipt n.
func (l *lines) receipt(n int64) (receipt.Receipt, error) {
	line, err := l.Line(n)
	if err != nil {
		return receipt.Receipt{}, err
	}
	return receipt.Decode(line)
}

// errNoSense ends the reading of receipts after the first that makes no sense.
var errNoSense = errors.New("audit: receipt refused")

// checkReceipts reads all receipts: each must hold by itself, they must be in
// order and complete, and together have the head's root.
func (a *auditor) checkReceipts(ctx context.Context) error {
	file, size, err := a.Source.Receipts(ctx)
	if errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		a.report.damaged("receipts", err)
		return nil
	}
	if err != nil {
		return err
	}
	l := &lines{file: file}
	check := &lineCheck{auditor: a, lines: l, seen: map[job.Hash]bool{}}
	l.Lines, err = receipt.ReadLines(file, size, func(n int64, line []byte) error {
		if n%1024 == 0 {
			a.Progress("receipts", n, a.head.Receipts)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return check.line(n, line)
	})
	switch {
	case errors.Is(err, errNoSense):
		return file.Close()
	case errors.Is(err, receipt.ErrDamaged):
		a.report.damaged("receipts", err)
		return file.Close()
	case err != nil:
		return errors.Join(err, file.Close())
	}
	if err := a.checkRoot(l); err != nil {
		a.report.damaged("receipts", err)
		return file.Close()
	}
	a.lines = l
	return nil
}

func (a *auditor) checkRoot(l *lines) error {
	if n := l.Log().Size(); n != a.head.Receipts {
		return fmt.Errorf("%d lines, the head has %d", n, a.head.Receipts)
	}
	root, err := l.Log().Root()
	if err != nil {
		return err
	}
	if root != a.head.Root {
		return fmt.Errorf("their root is %v, the head has %v", root, a.head.Root)
	}
	return nil
}

// lineCheck is the reading of receipts one after the other.
type lineCheck struct {
	*auditor
	lines *lines
	last  receipt.Receipt
	seen  map[job.Hash]bool
}

func (c *lineCheck) line(n int64, line []byte) error {
	r, err := receipt.Decode(line)
	if err == nil {
		err = r.Verify()
	}
	if err == nil && r.Job != c.head.Job {
		err = fmt.Errorf("of job %q, the head is of %q", r.Job, c.head.Job)
	}
	if err == nil {
		err = c.order(n, r)
	}
	if err != nil {
		c.report.damaged(fmt.Sprintf("receipt %d", n), err)
		return errNoSense
	}
	c.last = r
	c.report.Paths[r.Path]++
	c.report.Signatures += int64(len(r.Results))
	if c.Sample.All {
		c.name(job.Hash(r.Program))
		for _, in := range r.Inputs {
			c.name(job.Hash(in))
		}
		c.name(job.Hash(r.Output))
	}
	return nil
}

func (c *lineCheck) name(h job.Hash) {
	if !c.seen[h] {
		c.seen[h] = true
		c.lines.named = append(c.lines.named, h)
	}
}

// order demands every shard exactly once, in order. A job that did not come to
// its end may have settled any part of its last round.
func (c *lineCheck) order(n int64, r receipt.Receipt) error {
	next := r.Round == 0 && r.Index == 0
	if n > 0 {
		next = r.Round == c.last.Round && r.Index == c.last.Index+1 || r.Round == c.last.Round+1 && r.Index == 0
	}
	if next || !c.head.Done() && (n == 0 || r.Shard > c.last.Shard) {
		return nil
	}
	if n == 0 {
		return fmt.Errorf("shard %s is the first", r.Name())
	}
	return fmt.Errorf("shard %s follows shard %s", r.Name(), c.last.Name())
}
