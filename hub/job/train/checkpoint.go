package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
)

// recordVersion numbers the form of a checkpoint's record.
const recordVersion = 1

// record is a checkpoint: a position and the blobs that hold the rest.
type record struct {
	Version int `json:"version"`
	position
	Weights []string `json:"weights"`
	State   []string `json:"state"`
	Curve   string   `json:"curve"` // []job.Report as JSON
}

// Checkpoint stores the optimiser's state and the curve; the weights are
// stored already. Asked for again before the next Fold, it repeats itself.
func (r *run) Checkpoint(ctx context.Context) (job.Checkpoint, error) {
	if r.saved != nil {
		return *r.saved, nil
	}
	weights, err := r.model.store(ctx, r.env.Blobs)
	if err != nil {
		return job.Checkpoint{}, err
	}
	state, err := r.model.readState()
	if err != nil {
		return job.Checkpoint{}, err
	}
	curve, err := json.Marshal(r.curve)
	if err != nil {
		return job.Checkpoint{}, fmt.Errorf("train: checkpoint: %w", err)
	}
	rest, err := putAll(ctx, r.env.Blobs, append(state, curve))
	if err != nil {
		return job.Checkpoint{}, fmt.Errorf("train: checkpoint: %w", err)
	}
	rec := record{
		Version:  recordVersion,
		position: r.at,
		Weights:  hashStrings(weights),
		State:    hashStrings(rest[:len(state)]),
		Curve:    rest[len(state)].String(),
	}
	c := job.Checkpoint{Blobs: append(append([]job.Hash(nil), weights...), rest...)}
	for _, s := range r.round.Shards {
		c.Blobs = append(c.Blobs, s.Program)
		break // they all have the same
	}
	if c.Record, err = json.Marshal(rec); err != nil {
		return job.Checkpoint{}, fmt.Errorf("train: checkpoint: %w", err)
	}
	r.saved = &c
	return c, nil
}

// restore goes to where a checkpoint was taken.
func (r *run) restore(ctx context.Context, checkpoint []byte) error {
	var rec record
	dec := json.NewDecoder(bytes.NewReader(checkpoint))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rec); err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	switch {
	case rec.Version != recordVersion:
		return fmt.Errorf("train: checkpoint of version %d, want %d", rec.Version, recordVersion)
	case rec.Step < 0 || rec.Step > r.Steps || rec.Round < 0:
		return fmt.Errorf("train: checkpoint at step %d of %d", rec.Step, r.Steps)
	case rec.Step == r.Steps && !rec.Evaluating && !rec.Done:
		return fmt.Errorf("train: checkpoint at step %d asks for another", rec.Step)
	}
	var sizes []int
	for _, i := range r.net.updateWeights {
		sizes = append(sizes, r.net.update.Inputs()[i].Type.Bytes())
	}
	masters, err := r.fetch(ctx, "weights", rec.Weights, sizes)
	if err != nil {
		return err
	}
	sizes = sizes[:0]
	for _, i := range r.net.updateState {
		sizes = append(sizes, r.net.update.Inputs()[i].Type.Bytes())
	}
	state, err := r.fetch(ctx, "state", rec.State, sizes)
	if err != nil {
		return err
	}
	curve, err := r.fetch(ctx, "curve", []string{rec.Curve}, []int{-1})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(curve[0], &r.curve); err != nil {
		return fmt.Errorf("train: checkpoint: curve: %w", err)
	}
	r.at = rec.position
	r.model, err = r.loadModel(r.env.Device, masters, state)
	return err
}

// fetch gets blobs of the given sizes; -1 is any.
func (r *run) fetch(ctx context.Context, what string, names []string, sizes []int) ([][]byte, error) {
	if len(names) != len(sizes) {
		return nil, fmt.Errorf("train: checkpoint: %s: %d blobs, want %d", what, len(names), len(sizes))
	}
	out := make([][]byte, len(names))
	for i, name := range names {
		h, err := job.ParseHash(name)
		if err == nil {
			out[i], err = r.env.Blobs.Get(ctx, h)
		}
		if err != nil {
			return nil, fmt.Errorf("train: checkpoint: %s: %w", what, err)
		}
		if sizes[i] >= 0 && len(out[i]) != sizes[i] {
			return nil, fmt.Errorf("train: checkpoint: %s: blob %v has %d bytes, want %d", what, h, len(out[i]), sizes[i])
		}
	}
	return out, nil
}

func hashStrings(hashes []job.Hash) []string {
	s := make([]string, len(hashes))
	for i, h := range hashes {
		s[i] = h.String()
	}
	return s
}
