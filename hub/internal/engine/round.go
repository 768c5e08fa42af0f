package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// jobRun is one unfinished job. Its driver owns it, but for what is guarded
// by Engine.mu.
type jobRun struct {
	record Job
	spec   *job.Spec
	policy trust.Policy
	terms  *trust.Terms // the policy's, if it weighs
	lots   lots
	holder *blobs.Holder

	programs map[job.Hash]Program // inspected so far; the driver's alone
	kept     kept                 // inputs of earlier rounds; the driver's alone

	solitary    bool         // it was said that nobody can vouch for its results; guarded by mu
	checkpoints []Checkpoint // kept, in order; the driver's alone
	lost        []int        // rounds of checkpoints whose blobs are gone; the driver's alone

	resting map[job.Hash]bool // what an ended job keeps in any case

	// Guarded by Engine.mu.
	started   bool
	cancel    context.CancelCauseFunc // set when started
	cancelled error                   // set by Cancel
	ended     bool
	round     *round        // nil between rounds
	at        int           // index of the open round, or else of the next
	changed   chan struct{} // closed and replaced when something above changes, or a repair has ended
	latest    job.Report    // the last report
	val       *float64      // the last held-out loss
	announced time.Time     // last progress event
	account   Account
	disputes  int
	paid      ledger.Amount // what the job has cost; kept up where it has a limit
	later     ledger.Amount // the least that the rounds after this one will cost

	// start starts a goroutine for the job, which ends with it. It is nil before
	// the job runs and once it has ended; see drive.
	start   func(func(ctx context.Context))
	helpers sync.WaitGroup // those goroutines, and canaries that are being committed
	writes  sync.WaitGroup // commits about shards of the open round

	// See repair.go.
	repairing bool               // a recheck is under way
	again     bool               // and has to look once more
	rollback  int                // the first round to be done again; -1 none
	captures  int                // Engine.captures when the job was last found to rest on nobody caught
	restart   context.CancelFunc // takes the driver back to its last checkpoint
}

// round is a round whose shards are out. Guarded by Engine.mu but for what
// never changes.
type round struct {
	job    *jobRun
	index  int
	shards []*shard
	open   []*shard      // not settled yet, in order
	known  []*shard      // settled by an auditor: what canaries are made of
	done   chan struct{} // closed when none is left
}

// shard is one shard of an open round.
type shard struct {
	id      ShardID
	shard   job.Shard
	payload []byte // its encoding: shared by all leases, never changed
	program Program
	receipt Acceptance // what is known of it beforehand

	turn chan struct{} // cap 1: held while one of its results is being committed

	// Guarded by Engine.mu.
	results  []Result // committed, in order of arrival
	verdict  trust.Verdict
	attempts []*attempt                      // live, in order of handing out
	away     map[volunteer.ID]time.Time      // who handed it back, and until when it is not offered again
	holders  map[volunteer.ID]trust.Identity // of those who have delivered
	company  *Member                         // somebody who could vouch, when last looked for

	spent map[job.Hash]int64 // what making each of the outputs returned took

	lonely  bool // nobody is here who could vouch for what there is
	inquiry bool // a dispute or an audit is under way: no further replica is needed
	mute    bool // neither can be had: replicas decide
	played  bool // a dispute was tried; it is not tried twice
	dispute bool // somebody has lost one over it
	audits  int  // executions by the hub
}

// attempt is a live lease. Guarded by Engine.mu.
type attempt struct {
	lease   lease.Lease
	token   []byte
	member  *Member
	device  int
	risk    float64 // what is believed of the device
	alone   bool
	check   float64   // how likely another volunteer checks its result
	granted time.Time // zero when the lease was adopted: nothing can be measured by it
	overdue time.Time
	// deadline is the lease's own, until the result is sealed: then it waits
	// for the other replicas as long as its volunteer stays.
	deadline   time.Time
	seal       *[32]byte
	opened     bool
	committing bool // its result is being written: it can no longer be lost
}

// newRound prepares a round and replays the results that are stored already.
func (e *Engine) newRound(ctx context.Context, j *jobRun, r job.Round) (*round, error) {
	if r.Index < 0 || r.Index > maxRound || len(r.Shards) == 0 || len(r.Shards) > maxIndex {
		return nil, fmt.Errorf("engine: round %d has %d shards", r.Index, len(r.Shards))
	}
	rd := &round{job: j, index: r.Index, shards: make([]*shard, len(r.Shards)), done: make(chan struct{})}
	for i, s := range r.Shards {
		var err error
		if rd.shards[i], err = e.newShard(ctx, j, NewShardID(r.Index, i), s); err != nil {
			return nil, fmt.Errorf("engine: round %d shard %d: %w", r.Index, i, err)
		}
	}
	if err := e.recallResults(ctx, j, rd); err != nil {
		return nil, err
	}
	if err := e.recallVerdicts(ctx, j, rd); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range rd.shards {
		if !s.verdict.Accepted {
			e.reweigh(j, s)
			rd.open = append(rd.open, s)
		} else if s.isKnown() {
			rd.known = append(rd.known, s)
		}
	}
	if len(rd.open) == 0 {
		close(rd.done)
	}
	return rd, nil
}

// span is where the shards of a round begin, and where those of the next do.
func (r *round) span() (from, to ShardID) { return NewShardID(r.index, 0), NewShardID(r.index+1, 0) }

// recallResults gives a round's shards the results that are stored.
func (e *Engine) recallResults(ctx context.Context, j *jobRun, rd *round) error {
	from, to := rd.span()
	results, err := e.config.Store.Results(ctx, j.record.ID, from, to)
	if err != nil {
		return stored(err)
	}
	for _, r := range results {
		i := r.Shard.Index()
		if i >= len(rd.shards) {
			return fmt.Errorf("engine: stored result for shard %v, of %d", r.Shard, len(rd.shards))
		}
		s := rd.shards[i]
		s.recall(r)
		if s.program.Task == nil { // what it took stands in the program
			s.spent[r.Output] = s.program.Ops
			continue
		}
		encoded, err := j.holder.Get(ctx, r.Output)
		switch {
		case err == nil:
			s.spent[r.Output] = s.program.spent(encoded)
		case !errors.Is(err, fs.ErrNotExist): // those of a settled shard may be gone: see restore
			return err
		}
	}
	return nil
}

// recallVerdicts settles the shards whose verdicts are stored: what was accepted
// stays accepted, whatever would be decided today.
func (e *Engine) recallVerdicts(ctx context.Context, j *jobRun, rd *round) error {
	from, to := rd.span()
	settled, err := e.config.Store.Acceptances(ctx, j.record.ID, from, to)
	if err != nil {
		return stored(err)
	}
	for _, a := range settled {
		i := a.Shard.Index()
		if i >= len(rd.shards) {
			return fmt.Errorf("engine: stored verdict for shard %v, of %d", a.Shard, len(rd.shards))
		}
		s := rd.shards[i]
		if a.Program != s.receipt.Program || !slices.Equal(a.Inputs, s.receipt.Inputs) {
			return fmt.Errorf("engine: the stored verdict for shard %v is about other inputs", a.Shard)
		}
		if err := e.restore(ctx, j, s, a); err != nil {
			return err
		}
		s.verdict = trust.Verdict{Accepted: true, Result: a.Output, Risk: a.Risk, Wanted: len(s.results)}
		s.receipt = a
	}
	return nil
}

func (e *Engine) newShard(ctx context.Context, j *jobRun, id ShardID, s job.Shard) (*shard, error) {
	p, known := j.programs[s.Program]
	if !known {
		encoded, err := j.holder.Get(ctx, s.Program)
		if err != nil {
			return nil, err
		}
		if p, err = e.config.Inspect(encoded); err != nil {
			return nil, err
		}
		if err := e.pin(ctx, s.Program, int64(len(encoded))); err != nil { // receipts name it
			return nil, err
		}
		j.programs[s.Program] = p
	}
	inputs := make([]job.Hash, len(s.Inputs))
	for i, in := range s.Inputs {
		if inputs[i] = in.Blob; in.Data != nil {
			inputs[i] = job.Sum(in.Data)
		}
	}
	return &shard{
		id:      id,
		shard:   s,
		payload: job.EncodeShard(s),
		program: p,
		receipt: Acceptance{Shard: id, Program: s.Program, Inputs: inputs, Ops: p.Ops},
		turn:    make(chan struct{}, 1),
		away:    map[volunteer.ID]time.Time{},
		holders: map[volunteer.ID]trust.Identity{},
		spent:   map[job.Hash]int64{},
	}, nil
}

// weigh judges a shard by results and, if an auditor has answered, the truth.
// Where volunteers are weighed, the word of those who were proved wrong counts
// for nothing. The caller holds mu.
func (e *Engine) weigh(j *jobRun, s *shard, results []Result, truth *job.Hash) trust.Verdict {
	f := trust.Facts{Evidence: make([]trust.Evidence, len(results)), Truth: truth, Lonely: s.lonely}
	for i, r := range results {
		risk := r.Risk
		if j.terms != nil && e.repute.Discredited(r.device()) {
			risk = trust.Worthless
		}
		f.Evidence[i] = trust.Evidence{
			Volunteer: r.Volunteer, Result: r.Output, Risk: risk, Alone: r.Alone, Refuted: r.Standing == trust.Refuted,
		}
	}
	if j.terms != nil && len(results) > 0 {
		first := results[0]
		f.Draws = trust.Draws{
			Check: first.Check,
			Audit: falls(j.lots.audit, first.Volunteer, s.id, j.terms.Auditors),
			Pairs: falls(j.lots.pairs, first.Volunteer, s.id, j.terms.PairAudits),
		}
	}
	v := j.policy.Judge(f)
	if s.lonely && len(results) > 0 && !v.Accepted { // also where there are only worthless claims
		v.Audit = trust.MustAudit
	}
	return v
}

// reweigh judges a shard again by the results it has. Only what is committed
// settles a shard, so an auditor is called where these would. The caller holds mu.
func (e *Engine) reweigh(j *jobRun, s *shard) {
	s.verdict = e.weigh(j, s, s.results, nil)
	if s.verdict.Accepted {
		s.verdict.Accepted, s.verdict.Audit = false, trust.MustAudit
	}
}

// recall adds a result that is stored already. Whose it is still counts when
// others are looked for.
func (s *shard) recall(r Result) {
	s.results = append(s.results, r)
	s.holders[r.Volunteer] = r.Identity
}

// find returns the shard with this ID, if the round has it.
func (r *round) find(id ShardID) *shard {
	if r == nil || id.Round() != r.index || id.Index() >= len(r.shards) {
		return nil
	}
	return r.shards[id.Index()]
}

// isKnown reports whether the hub itself has run the shard, so that a canary may
// be made of it. A module was run on one engine of several: nobody is convicted
// by that alone.
func (s *shard) isKnown() bool { return s.receipt.Path == Audited && s.program.Task == nil }

// settle takes an accepted shard off the open list.
func (r *round) settle(s *shard) {
	i := slices.Index(r.open, s)
	if i < 0 {
		return
	}
	if s.isKnown() {
		r.known = append(r.known, s)
	}
	if r.open = slices.Delete(r.open, i, i+1); len(r.open) == 0 {
		close(r.done)
	}
}

// wanted is how many results it takes. The verdict does not know yet who was
// given a shard that nobody has delivered.
func (s *shard) wanted() int {
	w := s.verdict.Wanted
	if w == 1 && len(s.results) == 0 && len(s.attempts) > 0 && !s.attempts[0].alone {
		w = 2
	}
	return w
}

// need is how many results the shard still waits for.
func (s *shard) need() int {
	if s.verdict.Accepted || s.inquiry {
		return 0
	}
	n := max(s.wanted()-len(s.results), 0)
	if s.lonely { // those at work are all there will be
		n = min(n, len(s.attempts))
	}
	return n
}

// by returns v's live attempt, or nil.
func (s *shard) by(v volunteer.ID) *attempt {
	for _, a := range s.attempts {
		if a.lease.Volunteer == v {
			return a
		}
	}
	return nil
}

// delivered reports whether v has a committed result.
func (s *shard) delivered(v volunteer.ID) bool {
	return slices.ContainsFunc(s.results, func(r Result) bool { return r.Volunteer == v })
}

// drop ends a live attempt, whatever the reason.
func (s *shard) drop(a *attempt) {
	if i := slices.Index(s.attempts, a); i >= 0 {
		s.attempts = slices.Delete(s.attempts, i, i+1)
		a.member.load[a.device]--
	}
}

// openSealed asks for sealed results once every replica that is needed has
// been sealed, so that no volunteer can wait for another's answer. Seals
// beyond those needed stay shut: they are spares.
func (s *shard) openSealed(now time.Time, c scheduler.Config) {
	opened := 0
	var shut []*attempt
	for _, a := range s.attempts {
		switch {
		case a.opened && (a.committing || a.overdue.After(now)):
			opened++
		case a.opened: // too slow to be counted on; a spare takes its place
		case a.seal != nil:
			shut = append(shut, a)
		}
	}
	missing := s.need() - opened
	if s.lonely { // nobody else is to be waited for
		missing = min(missing, len(shut))
	}
	if missing <= 0 || len(shut) < missing {
		return
	}
	for _, a := range shut[:missing] {
		a.opened = true
		a.overdue = now.Add(c.BackupAfter)
		a.deadline = now.Add(c.LeaseTime)
		a.member.notify(OpenNotice{Token: a.token})
	}
}
