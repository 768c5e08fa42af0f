package receipt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Writer writes receipts as lines and keeps the log over them.
type Writer struct {
	w   io.Writer
	log Log
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Add writes one receipt.
func (w *Writer) Add(r Receipt) error {
	line, err := r.Encode()
	if err != nil {
		return err
	}
	if err := w.log.Append(line); err != nil {
		return err
	}
	_, err = w.w.Write(append(line, '\n'))
	return err
}

// Log returns the log over what was added.
func (w *Writer) Log() *Log { return &w.log }

// Lines are a job's receipts in a file, one a line, and the log over them.
type Lines struct {
	log  Log
	from io.ReaderAt
	ends []int64 // of each line, its line feed included
}

// ReadLines reads lines to their end. r must stay readable.
// Each, unless nil, is shown every line; the bytes are its own only until it
// returns. Its error ends the reading.
func ReadLines(r io.ReaderAt, size int64, each func(n int64, line []byte) error) (*Lines, error) {
	l := &Lines{from: r}
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)
	var end int64
	for n := int64(0); ; n++ {
		line, err := readLine(in)
		switch {
		case errors.Is(err, io.EOF):
			return l, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		if err := l.log.Append(line); err != nil {
			return nil, err
		}
		end += int64(len(line)) + 1
		l.ends = append(l.ends, end)
		if each == nil {
			continue
		}
		if err := each(n, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
}

// readLine returns the next line without its line feed; io.EOF after the last.
func readLine(in *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(long)+len(part) > MaxLine+1 {
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrDamaged, MaxLine)
		}
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			long = append(long, part...)
			return long[:len(long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		case errors.Is(err, io.EOF) && len(long)+len(part) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: the last line is cut off", ErrDamaged)
		default:
			return nil, err
		}
	}
}

// Log returns the log over the lines.
func (l *Lines) Log() *Log { return &l.log }

// Line returns line n, from 0, without its line feed.
func (l *Lines) Line(n int64) ([]byte, error) {
	if n < 0 || n >= int64(len(l.ends)) {
		return nil, fmt.Errorf("receipt: line %d of %d", n, len(l.ends))
	}
	start := int64(0)
	if n > 0 {
		start = l.ends[n-1]
	}
	line := make([]byte, l.ends[n]-start-1)
	if _, err := l.from.ReadAt(line, start); err != nil {
		return nil, fmt.Errorf("receipt: line %d: %w", n, err)
	}
	return line, nil
}

// Prove returns the proof that line n is in the log.
func (l *Lines) Prove(n int64) (Proof, error) {
	line, err := l.Line(n)
	if err != nil {
		return Proof{}, err
	}
	hashes, err := l.log.Prove(n)
	return Proof{Line: string(line), Number: n, Size: l.log.Size(), Hashes: hashes}, err
}
