package incident

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxLine bounds one line.
const maxLine = 1 << 16

// Writer writes an incident.
type Writer struct {
	out  *bufio.Writer
	json *json.Encoder
	err  error
}

// NewWriter begins an incident.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Format, h.Version = Format, Version
	if err := h.Validate(); err != nil {
		return nil, fmt.Errorf("incident: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	e := &Writer{out: b, json: json.NewEncoder(b)}
	return e, e.json.Encode(h)
}

// Write adds an event. The first error stays and is returned by Flush.
func (w *Writer) Write(e *Event) {
	if w.err != nil {
		return
	}
	if err := e.validate(); err != nil {
		w.err = fmt.Errorf("incident: %w", err)
		return
	}
	w.err = w.json.Encode(e)
}

// Flush writes what is buffered and returns the first error of all.
func (w *Writer) Flush() error { return errors.Join(w.err, w.out.Flush()) }

// Reader reads an incident, strictly: unknown fields, fields of another kind,
// strangers, times that go backwards are errors that name line and field.
type Reader struct {
	Header Header

	in      *bufio.Reader
	line    int
	last    time.Duration
	devices map[int]int // of everybody met
	rounds  map[round]bool
}

// round is one that a Round event has told of.
type round struct {
	job    int
	number int64
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{in: bufio.NewReaderSize(r, maxLine), devices: map[int]int{}, rounds: map[round]bool{}}
	if err := d.decode(&d.Header); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, d.wrap(err)
	}
	if err := d.Header.Validate(); err != nil {
		return nil, d.wrap(err)
	}
	return d, nil
}

// Read returns the next event, or io.EOF after the last.
func (d *Reader) Read() (Event, error) {
	var e Event
	err := d.decode(&e)
	if errors.Is(err, io.EOF) {
		return Event{}, io.EOF
	}
	if err == nil {
		err = e.validate()
	}
	if err == nil {
		err = d.follow(&e)
	}
	if err != nil {
		return Event{}, d.wrap(err)
	}
	return e, nil
}

// follow checks the event against those before it.
func (d *Reader) follow(e *Event) error {
	if e.At < d.last {
		return fmt.Errorf("t: %d comes after %d", e.At, d.last)
	}
	d.last = e.At
	if e.Job >= len(d.Header.Jobs) {
		return fmt.Errorf("j: %d, there are %d jobs", e.Job, len(d.Header.Jobs))
	}
	if e.Kind == Round {
		return d.told(e)
	}
	if e.Volunteer == 0 {
		return nil
	}
	devices, met := d.devices[e.Volunteer]
	switch {
	case e.Kind == Meet && met:
		return fmt.Errorf("v: %d was met before", e.Volunteer)
	case e.Kind == Meet:
		d.devices[e.Volunteer] = len(e.Devices)
	case !met:
		return fmt.Errorf("v: %d was never met", e.Volunteer)
	case e.Device >= devices:
		return fmt.Errorf("d: %d, volunteer %d has %d devices", e.Device, e.Volunteer, devices)
	}
	return nil
}

// told checks that the round may be, and was not told of before.
func (d *Reader) told(e *Event) error {
	j, r := d.Header.Jobs[e.Job], round{e.Job, e.Shard}
	switch {
	case d.Header.Version < 2:
		return fmt.Errorf("e: version %d has no %s", d.Header.Version, e.Kind)
	case j.Width == 0:
		return fmt.Errorf("j: job %d has no rounds", e.Job)
	case j.Rounds > 0 && e.Shard >= int64(j.Rounds):
		return fmt.Errorf("s: round %d, job %d has %d", e.Shard, e.Job, j.Rounds)
	case d.rounds[r]:
		return fmt.Errorf("s: round %d was told of before", e.Shard)
	}
	d.rounds[r] = true
	return nil
}

func (d *Reader) wrap(err error) error { return &Error{d.line, err} }

func (d *Reader) decode(to any) error {
	line, err := d.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		d.line++
		return fmt.Errorf("longer than %d bytes", maxLine)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return io.EOF
	case errors.Is(err, io.EOF):
		d.line++
		return errors.New("the last line has no end: the record was cut off")
	case err != nil:
		return err
	}
	d.line++
	j := json.NewDecoder(bytes.NewReader(line))
	j.DisallowUnknownFields()
	if err := j.Decode(to); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("no JSON object")
		}
		return err
	}
	if _, err := j.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON object")
	}
	return nil
}

// Error is what is wrong with a text that is no incident.
type Error struct {
	Line int
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("incident: line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *Error) Unwrap() error { return e.Err }
