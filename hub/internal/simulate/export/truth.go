package export

import (
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/job"
)

// truth tells right answers from wrong ones, as far as the hub has found out.
type truth struct {
	right map[job.Hash]job.Hash // output by subject: as accepted in the last generation that did
	lies  map[job.Hash]incident.Answer
}

func newTruth(shards []Shard) *truth {
	t := &truth{right: map[job.Hash]job.Hash{}, lies: map[job.Hash]incident.Answer{}}
	for _, s := range shards { // later generations come later
		if !s.Accepted.IsZero() {
			t.right[s.Subject] = s.Output
		}
	}
	return t
}

// answer is what a result is worth. What was computed from wrong inputs is
// right where nobody else was ever believed about these inputs.
func (t *truth) answer(s Shard, r Result) incident.Answer {
	right, known := t.right[s.Subject]
	if known && r.Output == right || !known && !r.Refuted {
		return incident.Right
	}
	return t.lie(r.Output)
}

// accepted is what was made of a shard at that time.
func (t *truth) accepted(s Shard) incident.Answer {
	if s.Output == t.right[s.Subject] {
		return incident.Right
	}
	return t.lie(s.Output)
}

// lie numbers wrong outputs: equal bytes, equal numbers.
func (t *truth) lie(output job.Hash) incident.Answer {
	n, told := t.lies[output]
	if !told {
		n = incident.Answer(len(t.lies) + 1)
		t.lies[output] = n
	}
	return n
}
