package archive

import (
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/receipt"
)

var standings = map[trust.Standing]receipt.Standing{
	trust.Pending: receipt.Pending, trust.Confirmed: receipt.Confirmed, trust.Refuted: receipt.Refuted,
}

// Receipt returns what is told of a settled shard.
func Receipt(id string, r engine.Receipt) receipt.Receipt {
	line := receipt.Receipt{
		Job: id, Shard: uint64(r.Shard), Round: r.Shard.Round(), Index: r.Shard.Index(),
		Program: receipt.Hash(r.Program), Inputs: make([]receipt.Hash, len(r.Inputs)), Ops: r.Ops,
		Output: receipt.Hash(r.Output), Path: receipt.Path(r.Path), Risk: r.Risk, Executed: r.Executed, At: r.At,
		Results: make([]receipt.Result, len(r.Results)),
	}
	for i, h := range r.Inputs {
		line.Inputs[i] = receipt.Hash(h)
	}
	for i, res := range r.Results {
		line.Results[i] = receipt.Result{
			Volunteer: receipt.Key(res.Volunteer), Lane: res.Lane, Output: receipt.Hash(res.Output),
			Standing: standings[res.Standing], Risk: res.Risk, Millis: res.Millis, At: res.At,
			Token: res.Token, Signature: res.Signature[:],
		}
	}
	return line
}

// headOf is a head without its log.
func headOf(e engine.Ending) receipt.Head {
	h := receipt.Head{
		Job: e.Job.ID, Name: e.Job.Name, Kind: e.Job.Kind, File: receipt.Sum(e.Job.File),
		State: string(e.Job.State), Reason: e.Job.Reason, Withdrawn: e.Job.Generation, Edition: e.Job.Edition,
		Created: e.Job.Created.Truncate(time.Millisecond), Ended: e.Job.Finished.Truncate(time.Millisecond), // as stores keep them
		Artifacts: make([]receipt.Artifact, len(e.Artifacts)), Promise: promiseOf(e.Trust),
	}
	for i, a := range e.Artifacts {
		h.Artifacts[i] = receipt.Artifact{Name: a.Name, Type: a.Type, Size: a.Size, SHA256: receipt.Hash(a.Hash)}
	}
	return h
}

// promiseOf says what the hub promises of a job's results.
func promiseOf(t *engine.TrustView) *receipt.Promise {
	if t == nil {
		return nil
	}
	return &receipt.Promise{
		Assurance: t.Assurance, Epsilon: t.Epsilon, Weighed: t.Weighed, Bound: t.Bound, Expected: t.Expected,
		Executed: t.Executed, Audited: t.Audited, Overhead: t.Overhead,
	}
}
