package dispute

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/trace"
)

// Player answers for one party. Values returns the bytes of values of the
// traced program: trace.Values does, by running it again.
type Player struct {
	Trace  *trace.Trace
	Key    ed25519.PrivateKey
	Values func(ctx context.Context, values []int) ([][]byte, error)
}

// Answer answers a question of the case, signed. It fails on questions that no
// referee of this program asks, and where Values fails.
func (pl *Player) Answer(ctx context.Context, id trace.Digest, q Question) (Answer, error) {
	p := pl.Trace.Program()
	if q.Size < 1 || q.Lo < 0 || q.Lo+q.Size > len(p.Nodes()) {
		return Answer{}, fmt.Errorf("dispute: asked about %d ops from %d on, of %d", q.Size, q.Lo, len(p.Nodes()))
	}
	var a Answer
	open := func(ops []int) {
		for _, op := range ops {
			a.Openings = append(a.Openings, pl.Trace.Open(op))
		}
	}
	switch q.Kind {
	case Commit:
		a.Digests = []trace.Digest{pl.Trace.Root()}
		open(outputMakers(p))
	case Descend:
		if q.Size < 2 || q.Lo&(1<<trace.Depth(q.Size)-1) != 0 {
			return Answer{}, fmt.Errorf("dispute: no node is above %d ops from %d on", q.Size, q.Lo)
		}
		k := trace.Split(q.Size)
		a.Digests = []trace.Digest{pl.Trace.Subtree(q.Lo, k), pl.Trace.Subtree(q.Lo+k, q.Size-k)}
	case Reveal:
		a.Digests = pl.Trace.Outputs(q.Lo)
	case Supply:
		values, makers := reads(p, q.Lo)
		open(makers)
		var err error
		if a.Values, err = pl.Values(ctx, values); err != nil {
			return Answer{}, fmt.Errorf("dispute: inputs of op %d: %w", q.Lo, err)
		}
	default:
		return Answer{}, fmt.Errorf("dispute: question of kind %d", q.Kind)
	}
	a.Sign(pl.Key, id, q)
	return a, nil
}
