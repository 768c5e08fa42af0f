package detail

import "github.com/shoal-compute/shoal/hub/internal/simulate/incident"

// tally makes an Outcome of what a hub does, then as now. The zero tally is
// empty.
type tally struct {
	is       Outcome
	accepted map[key]bool
	caught   map[int]bool
}

// key names a shard.
type key struct {
	job   int
	shard int64
}

func (t *tally) count(e *incident.Event) {
	switch e.Kind {
	case incident.Result:
		t.is.Results++
	case incident.Rollback:
		t.is.Rollbacks++
	case incident.Verdict:
		if e.Answer.Wrong() {
			t.is.Wrong++
		}
		t.is.Seconds = e.At.Seconds()
		if k := (key{e.Job, e.Shard}); !t.accepted[k] {
			if t.accepted == nil {
				t.accepted = map[key]bool{}
			}
			t.accepted[k] = true
			t.is.Accepted++
		}
	case incident.Capture:
		if !t.caught[e.Volunteer] {
			if t.caught == nil {
				t.caught = map[int]bool{}
			}
			t.caught[e.Volunteer] = true
			t.is.Caught = append(t.is.Caught, e.Volunteer)
		}
	}
}

func (t *tally) outcome() Outcome {
	o := t.is
	o.Caught = append([]int{}, o.Caught...) // [] in JSON, not null
	return o
}
