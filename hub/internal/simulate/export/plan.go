package export

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
)

// plan is what a job asked for: its rounds, as far as they are known.
type plan struct {
	rounds     []round
	starts     []int64 // number of each round's first shard
	shards     int64   // of all rounds
	usual      round
	generation int // the last
	withdrawn  map[int]withdrawal
}

// round is how many shards it has, and what one costs.
type round struct {
	width int
	ops   int64
}

// withdrawal is the end of a generation.
type withdrawal struct {
	from int // the first round that was done again
	at   time.Time
}

// planOf learns a job's rounds from its shards.
func planOf(shards []Shard) (plan, error) {
	if len(shards) == 0 {
		return plan{}, ErrEmpty
	}
	p := plan{withdrawn: map[int]withdrawal{}}
	for _, s := range shards {
		p.generation = max(p.generation, s.Generation)
	}
	ops, settled := map[int]int64{}, map[int]int64{}
	for _, s := range shards {
		if s.Round < 0 || s.Index < 0 || s.Round >= incident.MaxWidth || s.Index >= incident.MaxWidth {
			return plan{}, fmt.Errorf("export: shard %d/%d: an incident has at most %d rounds of so many shards", s.Round, s.Index, incident.MaxWidth)
		}
		for len(p.rounds) <= s.Round {
			p.rounds = append(p.rounds, round{})
		}
		r := &p.rounds[s.Round]
		r.width = max(r.width, s.Index+1)
		if s.Ops > 0 {
			ops[s.Round] += s.Ops
			settled[s.Round]++
		}
		if s.Generation < p.generation {
			p.withdraw(s)
		}
	}
	for i := range p.rounds {
		if settled[i] > 0 {
			p.rounds[i].ops = max(ops[i]/settled[i], 1)
		}
	}
	p.choose()
	return p, nil
}

// withdraw notes a shard of an earlier generation.
func (p *plan) withdraw(s Shard) {
	w, known := p.withdrawn[s.Generation]
	if !known || s.Round < w.from {
		w.from = s.Round
	}
	w.at = later(w.at, s.Accepted)
	for _, r := range s.Results {
		w.at = later(w.at, r.At)
	}
	p.withdrawn[s.Generation] = w
}

// choose finds the kind of round that is the most common, and takes it for
// those of which nothing is known.
func (p *plan) choose() {
	count := map[round]int{}
	for _, r := range p.rounds {
		if r.width > 0 && r.ops > 0 {
			count[r]++
		}
	}
	p.usual = round{1, 1}
	if len(count) > 0 {
		p.usual = slices.MaxFunc(slices.Collect(maps.Keys(count)), func(a, b round) int {
			return cmp.Or(cmp.Compare(count[a], count[b]), cmp.Compare(a.width, b.width), cmp.Compare(a.ops, b.ops))
		})
	}
	for i, r := range p.rounds {
		p.rounds[i] = round{cmp.Or(r.width, p.usual.width), cmp.Or(r.ops, p.usual.ops)}
		p.starts = append(p.starts, p.shards)
		p.shards += int64(p.rounds[i].width)
	}
}

// number counts all shards of a job.
func (p *plan) number(round, index int) int64 {
	if round < 0 || round >= len(p.starts) {
		return p.shards
	}
	return p.starts[round] + int64(index)
}

// job is what an incident says of all rounds.
func (p *plan) job() incident.Job {
	return incident.Job{Width: p.usual.width, Rounds: len(p.rounds), Ops: p.usual.ops}
}

// unlike are the rounds that differ from that.
func (p *plan) unlike() []incident.Event {
	var list []incident.Event
	for i, r := range p.rounds {
		if r != p.usual {
			list = append(list, incident.Event{Kind: incident.Round, Shard: int64(i), Width: r.width, Ops: r.ops})
		}
	}
	return list
}
