package detail

import (
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// work is a job: rounds that wait for all of their shards, or a stream of
// shards that wait for nothing.
type work struct {
	incident.Job
	index  int
	serial int64        // of the next shard
	unlike map[int]size // rounds that are not as the job says

	round  int // the open one
	open   int // shards that it waits for
	began  time.Duration
	epoch  int        // of folds: a rollback voids the one that is under way
	rounds [][]*shard // all that stand

	settled int64 // of a stream
	ended   bool
}

// size is that of a round: how many shards, and the cost of each.
type size struct {
	width int
	ops   int64
}

// size returns that of a job's open round.
func (j *work) size() size {
	if n, unlike := j.unlike[j.round]; unlike {
		return n
	}
	return size{j.Width, j.Ops}
}

// newShard makes the next shard of a job.
func (s *sim) newShard(j *work) *shard {
	h := &shard{job: j, serial: j.serial, round: j.round, ops: j.size().ops, made: s.now, leased: -1, first: -1}
	j.serial++
	h.verdict = s.hub.policy.Judge(h.facts)
	return h
}

// beginRound opens a job's next round.
func (s *sim) beginRound(j *work) {
	j.began = s.now
	shards := make([]*shard, j.size().width)
	for i := range shards {
		shards[i] = s.newShard(j)
		shards[i].open = true
	}
	j.rounds = append(j.rounds, shards)
	j.open = len(shards)
	for _, h := range shards {
		s.seek(h)
	}
}

// supply makes shards of a stream where none waits.
func (s *sim) supply(j *work) {
	if j.Width > 0 || j.ended || next(&s.hub.queue, j) {
		return
	}
	for range maxShards {
		if j.Shards > 0 && j.serial == j.Shards {
			return
		}
		s.seek(s.newShard(j))
	}
}

// progress is called when a shard that its job waits for is settled.
func (s *sim) progress(h *shard) {
	j := h.job
	if j.Width == 0 {
		if j.settled++; j.settled == j.Shards {
			s.end(j)
		}
		return
	}
	if !h.open {
		return
	}
	h.open = false
	if j.open--; j.open > 0 {
		return
	}
	s.report.Rounds++
	s.report.round = append(s.report.round, s.now-j.began)
	s.fold(j)
}

// fold lets the next round begin when the hub has folded this one.
func (s *sim) fold(j *work) {
	j.epoch++
	s.agenda.Add(s.now+s.hub.header.Hub.Fold, event{kind: folded, job: j, n: j.epoch})
}

// folded begins the next round, unless this one has been opened again.
func (s *sim) folded(j *work, epoch int) {
	if epoch != j.epoch || j.open > 0 || j.ended {
		return
	}
	if j.Rounds > 0 && j.round+1 == j.Rounds {
		s.end(j)
		return
	}
	j.round++
	s.beginRound(j)
}

func (s *sim) end(j *work) {
	j.ended = true
	s.report.Makespan = max(s.report.Makespan, s.now.Seconds())
}
