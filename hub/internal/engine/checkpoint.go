package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/job"
)

// takeCheckpoint makes what a run needs to go on from a round durable.
func (e *Engine) takeCheckpoint(ctx context.Context, j *jobRun, run job.Run, round int) (*Checkpoint, error) {
	c, err := run.Checkpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("engine: checkpoint before round %d: %w", round, err)
	}
	j.holder.Hold(c.Blobs...)
	if err := e.config.Blobs.Sync(ctx, c.Blobs...); err != nil {
		return nil, stored(err)
	}
	return &Checkpoint{Round: round, Record: c.Record, Blobs: c.Blobs}, nil
}

// maxCheckpoints is how many a job that may be taken back keeps.
const maxCheckpoints = 12

// thin adds a checkpoint to those a job keeps and says which go for it: all
// others where nothing is ever taken back, or else the one whose neighbours are
// closest, so that the oldest and the newest stay and the rest lie evenly between.
func (j *jobRun) thin(c *Checkpoint) (drop []int) {
	if c == nil {
		return nil
	}
	drop, j.lost = j.lost, nil
	j.checkpoints = append(slices.Clone(j.checkpoints), *c)
	keep := maxCheckpoints
	if j.terms == nil {
		keep = 1
	}
	for len(j.checkpoints) > keep {
		least := 0
		if keep > 2 {
			least = 1
			for i := 1; i < len(j.checkpoints)-1; i++ {
				if j.gap(i) < j.gap(least) {
					least = i
				}
			}
		}
		drop = append(drop, j.checkpoints[least].Round)
		j.checkpoints = slices.Delete(j.checkpoints, least, least+1)
	}
	return drop
}

// findCheckpoint notes a job's checkpoints and returns the last of which every
// blob is here; the zero Checkpoint is the job's beginning. An ended job may have
// lost some: what they save is done again, and they go with the next that is
// taken.
func (e *Engine) findCheckpoint(j *jobRun, list []Checkpoint) (c Checkpoint) {
	j.checkpoints, j.lost = nil, nil
	for _, one := range list {
		if slices.ContainsFunc(one.Blobs, func(h job.Hash) bool { return !e.config.Blobs.Has(h) }) {
			j.lost = append(j.lost, one.Round)
			continue
		}
		j.checkpoints = append(j.checkpoints, one)
		c = one
	}
	if len(j.lost) > 0 {
		e.log.Warn("blobs of checkpoints are gone", "job", j.record.ID, "checkpoints", len(j.lost), "from_round", c.Round)
	}
	return c
}

// gap is how far apart the neighbours of the i-th checkpoint are.
func (j *jobRun) gap(i int) int { return j.checkpoints[i+1].Round - j.checkpoints[i-1].Round }

// keepAfter lists the blobs a job still needs once its last checkpoint is stored.
func (j *jobRun) keepAfter(started map[job.Hash]bool, next job.Round) map[job.Hash]bool {
	keep := j.kept.blobs()
	maps.Copy(keep, started)
	for _, c := range j.checkpoints {
		for _, h := range c.Blobs {
			keep[h] = true
		}
	}
	for _, s := range next.Shards {
		keep[s.Program] = true
		for _, in := range s.Inputs {
			keep[in.Blob] = true
		}
	}
	return keep
}

// release lets go of every blob of a job that is not to be kept. It happens
// between rounds, and never for one blob alone: the same bytes may be the
// output of two shards, or a liar's answer to another shard's question.
func (e *Engine) release(j *jobRun, keep map[job.Hash]bool) {
	held := j.holder.Held()
	maps.DeleteFunc(held, func(h job.Hash, _ bool) bool { return keep[h] })
	if err := j.holder.Release(slices.Collect(maps.Keys(held))...); err != nil {
		e.log.Warn("blobs not deleted", "job", j.record.ID, "err", err)
	}
}

// recorder is the Blobs of a run. It notes what Start puts. Nothing is durable
// before a checkpoint names it: a crash leads back to the last checkpoint, and
// what came after is made again.
type recorder struct {
	holder *blobs.Holder

	mu      sync.Mutex
	put     map[job.Hash]bool
	stopped bool
}

func (r *recorder) Put(ctx context.Context, data []byte) (job.Hash, error) {
	h, err := r.holder.PutScratch(ctx, data)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.stopped {
		r.put[h] = true
	}
	return h, stored(err)
}

func (r *recorder) Get(ctx context.Context, h job.Hash) ([]byte, error) { return r.holder.Get(ctx, h) }

// stop returns what was put.
func (r *recorder) stop() map[job.Hash]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	return r.put
}
