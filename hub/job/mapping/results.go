package mapping

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
)

const (
	// maxOutputs bounds what all runs of a job return together: the files of
	// the finished job are made in memory.
	maxOutputs = 256 << 20

	// segmentSize is the size from which a blob of outcomes is left as it is
	// and the next one begun. Checkpoints name few blobs, and write anew only
	// the last.
	segmentSize = 4 << 20
)

// results are the outcomes so far, encoded one after the other: a varint of the
// length, then the outcome. They are kept in segments, the last of which grows.
// A segment that a checkpoint has stored is let go of until it is read.
type results struct {
	totals
	segments []segment
	first    string // why the first run that did not return failed
}

type segment struct {
	blob job.Hash // valid when stored
	size int
	data []byte // nil when it is only stored
}

// totals are what can be said of the outcomes without reading them.
type totals struct {
	Inputs   int            `json:"inputs"`   // outcomes
	Statuses map[string]int `json:"statuses"` // how many ended how
	Fuel     uint64         `json:"fuel"`     // instructions of all runs
	Bytes    int64          `json:"bytes"`    // of all outputs
}

func (t *totals) returned() int { return t.Statuses[Word(job.Returned)] }

// failures counts the runs that did not return by how they ended, in words.
func (t *totals) failures() string {
	var list []string
	for s, word := range words {
		if n := t.Statuses[word]; n > 0 && job.Status(s) != job.Returned {
			list = append(list, fmt.Sprintf("%d %v", n, job.Status(s)))
		}
	}
	return strings.Join(list, ", ")
}

// room refuses outcomes that would make too much.
func (r *results) room(outcomes []job.Outcome) error {
	total := r.Bytes
	for i, o := range outcomes {
		if total += int64(len(o.Output)); total > maxOutputs {
			return fmt.Errorf("map: up to input %d the outputs have %d bytes, a job may have %d", r.Inputs+i, total, maxOutputs)
		}
	}
	return nil
}

// add appends an outcome.
func (r *results) add(o job.Outcome) {
	if n := len(r.segments); n == 0 || r.segments[n-1].size >= segmentSize {
		r.segments = append(r.segments, segment{})
	}
	last := &r.segments[len(r.segments)-1]
	encoded := o.Encode()
	last.data = binary.AppendUvarint(last.data, uint64(len(encoded)))
	last.data = append(last.data, encoded...)
	last.size = len(last.data)
	if r.Statuses == nil {
		r.Statuses = map[string]int{}
	}
	if o.Status != job.Returned && r.first == "" {
		r.first = fmt.Sprintf("input %d %s", r.Inputs, Reason(o))
	}
	r.Inputs++
	r.Statuses[Word(o.Status)]++
	r.Fuel += o.Fuel
	r.Bytes += int64(len(o.Output))
}

// each calls yield for every outcome, in order.
func (r *results) each(ctx context.Context, blobs job.Blobs, task job.Task, yield func(i int, o job.Outcome) error) error {
	i := 0
	for _, s := range r.segments {
		data, err := s.read(ctx, blobs)
		if err != nil {
			return err
		}
		for len(data) > 0 {
			size, n := binary.Uvarint(data)
			if n <= 0 || size > uint64(len(data)-n) {
				return fmt.Errorf("map: outcome %d is damaged", i)
			}
			o, err := task.DecodeOutcome(data[n : n+int(size)])
			if err != nil {
				return fmt.Errorf("map: outcome %d: %w", i, err)
			}
			if err := yield(i, o); err != nil {
				return err
			}
			data = data[n+int(size):]
			i++
		}
	}
	if i != r.Inputs {
		return fmt.Errorf("map: %d outcomes are stored, want %d", i, r.Inputs)
	}
	return nil
}

func (s segment) read(ctx context.Context, blobs job.Blobs) ([]byte, error) {
	if s.data != nil {
		return s.data, nil
	}
	data, err := blobs.Get(ctx, s.blob)
	if err == nil && len(data) != s.size {
		err = fmt.Errorf("blob %v has %d bytes, want %d", s.blob, len(data), s.size)
	}
	if err != nil {
		return nil, fmt.Errorf("map: outcomes: %w", err)
	}
	return data, nil
}

// recordVersion numbers the form of a checkpoint's record.
const recordVersion = 1

// record is a checkpoint.
type record struct {
	Version int    `json:"version"`
	Round   int    `json:"round"` // the next one
	Task    string `json:"task"`  // whose outcomes these are
	totals
	Segments []segmentRecord `json:"segments"`
}

type segmentRecord struct {
	Blob string `json:"blob"`
	Size int    `json:"size"`
}

// checkpoint stores what is not stored yet.
func (r *results) checkpoint(ctx context.Context, blobs job.Blobs, round int, task job.Task) (job.Checkpoint, error) {
	rec := record{Version: recordVersion, Round: round, Task: job.Sum(task.Encode()).String(), totals: r.totals}
	var c job.Checkpoint
	for i := range r.segments {
		s := &r.segments[i]
		if s.data != nil {
			data := s.data
			if s.size < segmentSize {
				data = bytes.Clone(data) // what is put must not change
			}
			var err error
			if s.blob, err = blobs.Put(ctx, data); err != nil {
				return c, fmt.Errorf("map: checkpoint: %w", err)
			}
		}
		if s.size >= segmentSize {
			s.data = nil // it does not grow any more, and is held from now on
		}
		rec.Segments = append(rec.Segments, segmentRecord{s.blob.String(), s.size})
		c.Blobs = append(c.Blobs, s.blob)
	}
	var err error
	if c.Record, err = json.Marshal(rec); err != nil {
		return c, fmt.Errorf("map: checkpoint: %w", err)
	}
	return c, nil
}

// restore reads a checkpoint back and returns the next round's index. Every
// blob is read: what is damaged shall be known now, and not at the end.
func (r *results) restore(ctx context.Context, blobs job.Blobs, checkpoint []byte, s *setup) (int, error) {
	var rec record
	dec := json.NewDecoder(bytes.NewReader(checkpoint))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rec); err != nil {
		return 0, fmt.Errorf("map: checkpoint: %w", err)
	}
	switch {
	case rec.Version != recordVersion:
		return 0, fmt.Errorf("map: checkpoint of version %d, want %d", rec.Version, recordVersion)
	case rec.Task != job.Sum(s.task.Encode()).String():
		return 0, fmt.Errorf("map: checkpoint of task %s: the job has another module or other limits", rec.Task)
	case rec.Inputs < 0 || rec.Inputs > s.inputs.count,
		rec.Round != ceil(rec.Inputs, s.perRound()),
		rec.Inputs%s.perRound() != 0 && rec.Inputs != s.inputs.count:
		return 0, fmt.Errorf("map: checkpoint before round %d after %d of %d inputs", rec.Round, rec.Inputs, s.inputs.count)
	}
	stored := &results{totals: totals{Inputs: rec.Inputs}}
	for i, sr := range rec.Segments {
		h, err := job.ParseHash(sr.Blob)
		if err != nil {
			return 0, fmt.Errorf("map: checkpoint: segment %d: %w", i, err)
		}
		stored.segments = append(stored.segments, segment{blob: h, size: sr.Size})
	}
	// Adding every outcome again proves the totals, too.
	again := new(results)
	err := stored.each(ctx, blobs, s.task, func(_ int, o job.Outcome) error {
		again.add(o)
		return nil
	})
	if err != nil {
		return 0, err
	}
	*r = *again
	return rec.Round, nil
}
