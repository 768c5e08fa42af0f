package engine

import (
	"context"
	"slices"

	"github.com/shoal-compute/shoal/hub/internal/blobs"
	"github.com/shoal-compute/shoal/hub/job"
)

// kept is what a job keeps of its settled rounds, so that any of their shards
// can be run again: their inputs, up to a number of bytes. The oldest go first.
type kept struct {
	rounds []keptRound      // in order
	uses   map[job.Hash]int // rounds that need a blob
	size   map[job.Hash]int64
	bytes  int64
}

type keptRound struct {
	index int
	blobs []job.Hash
}

// add keeps the inputs of a round, instead of what is kept of it already. Blobs
// that are not there count nothing.
func (k *kept) add(store *blobs.Store, index int, inputs []job.Hash, limit int64) {
	if k.uses == nil {
		k.uses, k.size = map[job.Hash]int{}, map[job.Hash]int64{}
	}
	slices.SortFunc(inputs, func(a, b job.Hash) int { return slices.Compare(a[:], b[:]) })
	inputs = slices.Compact(inputs)
	for _, h := range inputs {
		if k.uses[h]++; k.uses[h] == 1 {
			k.size[h] = store.Size(h)
			k.bytes += k.size[h]
		}
	}
	at, again := slices.BinarySearchFunc(k.rounds, index, func(r keptRound, index int) int { return r.index - index })
	if again {
		k.forget(k.rounds[at])
		k.rounds[at].blobs = inputs
	} else {
		k.rounds = slices.Insert(k.rounds, at, keptRound{index, inputs})
	}
	for k.bytes > limit && len(k.rounds) > 0 {
		k.forget(k.rounds[0])
		k.rounds = k.rounds[1:]
	}
}

// cut forgets the rounds from the given one on.
func (k *kept) cut(from int) {
	for n := len(k.rounds); n > 0 && k.rounds[n-1].index >= from; n-- {
		k.forget(k.rounds[n-1])
		k.rounds = k.rounds[:n-1]
	}
}

func (k *kept) forget(r keptRound) {
	for _, h := range r.blobs {
		if k.uses[h]--; k.uses[h] == 0 {
			k.bytes -= k.size[h]
			delete(k.uses, h)
			delete(k.size, h)
		}
	}
}

// keepRound keeps what a settled round's shards were computed from. Inputs
// that travelled with the shard become blobs.
func (e *Engine) keepRound(ctx context.Context, j *jobRun, rd *round) error {
	var inputs []job.Hash
	for _, s := range rd.shards {
		for i, in := range s.shard.Inputs {
			if in.Data != nil {
				if _, err := j.holder.PutScratch(ctx, in.Data); err != nil {
					return stored(err)
				}
			}
			inputs = append(inputs, s.receipt.Inputs[i])
		}
	}
	j.kept.add(e.config.Blobs, rd.index, inputs, e.config.Retain)
	return nil
}

// keepStored keeps again what a job kept before the hub was started.
func (e *Engine) keepStored(ctx context.Context, j *jobRun) error {
	settled, err := e.config.Store.Acceptances(ctx, j.record.ID, 0, NewShardID(maxRound, 0))
	if err != nil {
		return err
	}
	for len(settled) > 0 {
		n := 0
		var inputs []job.Hash
		for ; n < len(settled) && settled[n].Shard.Round() == settled[0].Shard.Round(); n++ {
			inputs = append(inputs, settled[n].Inputs...)
		}
		j.kept.add(e.config.Blobs, settled[0].Shard.Round(), inputs, e.config.Retain)
		settled = settled[n:]
	}
	for h := range j.kept.uses {
		j.holder.Hold(h)
	}
	return nil
}

// blobs is the set of everything kept.
func (k *kept) blobs() map[job.Hash]bool {
	set := make(map[job.Hash]bool, len(k.uses))
	for h := range k.uses {
		set[h] = true
	}
	return set
}
