package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A job stands still when nobody is at work on any of its open shards, the hub
// itself included, and nobody who is here can be given one. People are told what
// would change that.

// maxLooked bounds how many shards are held against everybody who is here: those
// of one round want the same.
const maxLooked = 16

// Waiting says what a job that stands still waits for, for people; "" where it
// does not, or has ended.
func (e *Engine) Waiting(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if j := e.job(id); j != nil {
		return e.waiting(j)
	}
	return ""
}

// waiting is Waiting; the caller holds mu.
func (e *Engine) waiting(j *jobRun) string {
	if !j.started {
		n := 0
		for _, other := range e.active {
			if other.started {
				n++
			}
		}
		return "its turn: " + count(n, "job runs", "jobs run") + " already"
	}
	if j.round == nil || len(j.round.open) == 0 || slices.ContainsFunc(j.round.open, (*shard).moves) {
		return ""
	}
	now := e.config.Now()
	why := ""
	for i, s := range j.round.open {
		if i == maxLooked {
			break
		}
		c := e.candidates(j, s, now)
		if c.free > 0 { // it is about to be handed out
			return ""
		}
		if why == "" {
			why = c.want(j, s)
		}
	}
	return why
}

// moves reports whether somebody is at work on the shard: a volunteer whose
// result is not sealed away until others have theirs, or the hub. The caller
// holds mu.
func (s *shard) moves() bool {
	return s.inquiry || slices.ContainsFunc(s.attempts, func(a *attempt) bool { return a.seal == nil || a.opened || a.committing })
}

// candidates counts the volunteers who are here by what keeps them from a shard.
type candidates struct {
	here   int
	holds  int // have it, have delivered it, or have just handed it back
	tasks  int // have no device of the right sort: one that runs modules, or one that runs programs
	memory int // have none with the memory
	banned int // were proved wrong
	kin    int // look related to who holds it
	busy   int // have all they can take
	away   int // do not ask for work
	free   int
}

// candidates looks at everybody who is here. The caller holds mu.
func (e *Engine) candidates(j *jobRun, s *shard, now time.Time) candidates {
	var c candidates
	for _, m := range e.members {
		if m.deaf || !m.consent.After(now) {
			continue
		}
		c.here++
		*c.place(e, j, s, m, now)++
	}
	return c
}

// place is the count that m belongs to.
func (c *candidates) place(e *Engine, j *jobRun, s *shard, m *Member, now time.Time) *int {
	if s.delivered(m.id) || s.by(m.id) != nil || s.away[m.id].After(now) {
		return &c.holds
	}
	sort, fits, served, asks, loaded := false, false, false, false, false
	for i, d := range m.devices {
		if d.sandbox() != (s.program.Task != nil) {
			continue
		}
		sort = true
		if !d.fits(s.program) {
			continue
		}
		fits = true
		if m.excluded[i] {
			continue
		}
		served = true
		asks = asks || m.want[i] > 0 && m.load[i] < e.config.MaxLeases
		loaded = loaded || m.load[i] > 0
	}
	switch {
	case !sort:
		return &c.tasks
	case !fits:
		return &c.memory
	case !served:
		return &c.banned
	case j.terms != nil && e.kin(s, m):
		return &c.kin
	case asks:
		return &c.free
	case loaded:
		return &c.busy
	}
	return &c.away
}

// want says whom a shard waits for. The caller holds mu.
func (c candidates) want(j *jobRun, s *shard) string {
	device := "a device that runs programs"
	if s.program.Task != nil {
		device = "a device that runs modules"
	}
	memory := fmt.Sprintf("%d MB of memory", (s.program.PeakBytes+1e6-1)/1e6)
	switch c.here {
	case 0:
		return "volunteers: nobody is here"
	case c.tasks:
		return fmt.Sprintf("%s: %s here without one", device, count(c.here, "volunteer is", "volunteers are"))
	case c.tasks + c.memory:
		return fmt.Sprintf("%s with %s: %s here without one", device, memory, count(c.here, "volunteer is", "volunteers are"))
	case c.tasks + c.memory + c.away:
		return "volunteers that ask for work: " + count(c.here, "is here and does not", "are here and do not")
	}
	more := ""
	if len(s.results)+len(s.attempts) > 0 {
		more = "more "
	}
	unlike := ""
	if j.terms != nil {
		unlike = " that look unrelated"
	}
	n := max(s.need()-len(s.attempts), 1)
	text := fmt.Sprintf("%s%s: %s here", count(n, more+"volunteer", more+"volunteers"), unlike, count(c.here, "is", "are"))
	var but []string
	for _, k := range []struct {
		n    int
		what string
	}{
		{c.tasks, "without " + device}, {c.memory, "without " + memory}, {c.banned, "proved wrong before"}, {c.kin, "related to who has it"},
		{c.busy, "busy"}, {c.away, "not asking for work"},
	} {
		if k.n > 0 {
			but = append(but, fmt.Sprintf("%d %s", k.n, k.what))
		}
	}
	if len(but) > 0 {
		text += ", " + strings.Join(but, ", ")
	}
	return text
}

// count is a number of things.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
