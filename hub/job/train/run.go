package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// run is a training run between two rounds.
type run struct {
	*setup
	env    job.Env
	update device.Executable

	at    position
	model *model
	round job.Round
	curve []job.Report // of every round folded

	saved *job.Checkpoint // of this position, once asked for
}

var _ job.Run = (*run)(nil)

// position says which round is next: the gradients of step Step+1 or an
// evaluation after step Step.
type position struct {
	Round      int  `json:"round"` // index of the next round
	Step       int  `json:"step"`  // optimiser steps done
	Evaluating bool `json:"evaluating"`
	Done       bool `json:"done"`
}

func newRun(ctx context.Context, s *setup, env job.Env, checkpoint []byte) (*run, error) {
	r := &run{setup: s, env: env}
	var err error
	if r.update, err = env.Device.Load(s.net.update); err != nil {
		return nil, fmt.Errorf("train: load the update program: %w", err)
	}
	if checkpoint == nil {
		r.model, err = s.newModel(env.Device)
	} else {
		err = r.restore(ctx, checkpoint)
	}
	if err == nil {
		r.round, err = r.makeRound(ctx, r.at, r.model)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Round returns the current round.
func (r *run) Round() job.Round { return r.round }

// Fold moves to the next round. After an error nothing has changed.
func (r *run) Fold(ctx context.Context, outputs [][][]byte) (job.Report, error) {
	if r.at.Done {
		return job.Report{}, errors.New("train: fold after the last round")
	}
	next, m := r.at, r.model
	next.Round++
	report := job.Report{Round: r.at.Round, Step: r.at.Step, Steps: r.Steps}
	if r.at.Evaluating {
		if err := checkOutputs(r.net.evaluate, outputs, r.evalShards, 0); err != nil {
			return job.Report{}, err
		}
		r.foldEvaluation(outputs, &report)
		next.Evaluating = false
	} else {
		if err := checkOutputs(r.net.gradient, outputs, r.shards(), len(r.net.names)); err != nil {
			return job.Report{}, err
		}
		next.Step++
		var err error
		if m, err = r.step(ctx, next.Step, outputs); err != nil {
			return job.Report{}, err
		}
		next.Evaluating = r.evaluates(next.Step)
		report.Step = next.Step
		report.Loss = r.trainLoss(outputs)
	}
	next.Done = next.Step == r.Steps && !next.Evaluating
	round, err := r.makeRound(ctx, next, m)
	if err != nil {
		if m != r.model {
			m.release()
		}
		return job.Report{}, err
	}
	if m != r.model {
		r.model.release()
	}
	r.at, r.model, r.round, r.saved = next, m, round, nil
	r.curve = append(r.curve, report)
	return report, nil
}

// Close releases what the run holds on the device.
func (r *run) Close() error {
	if r.model != nil {
		r.model.release()
		r.model = nil
	}
	return r.update.Close()
}

// makeRound stores what the shards at a position name and lists them.
func (r *run) makeRound(ctx context.Context, at position, m *model) (job.Round, error) {
	round := job.Round{Index: at.Round, Done: at.Done}
	if at.Done {
		return round, nil
	}
	weights, err := m.store(ctx, r.env.Blobs)
	if err != nil {
		return job.Round{}, err
	}
	p, n := r.net.gradient, r.shards()
	values := func(i int) rows { return r.gradientRows(at.Step+1, i) }
	if at.Evaluating {
		p, n = r.net.evaluate, r.evalShards
		values = func(i int) rows { return r.source.evaluate(i*r.evalRows, r.evalRows) }
	}
	code, err := r.env.Blobs.Put(ctx, p.Encode())
	if err != nil {
		return job.Round{}, fmt.Errorf("train: store a program: %w", err)
	}
	for i := range n {
		in, err := inputs(p, weights, values(i))
		if err != nil {
			return job.Round{}, err
		}
		round.Shards = append(round.Shards, job.Shard{Program: code, Inputs: in, Cost: p.Cost().Ops})
	}
	return round, nil
}

// step adds the gradients and applies the update program.
func (r *run) step(ctx context.Context, t int, outputs [][][]byte) (*model, error) {
	in := make([]device.Buffer, len(r.net.update.Inputs()))
	var own []device.Buffer
	defer func() { releaseAll(own) }()
	upload := func(i int, data []byte) error {
		b, err := r.env.Device.Upload(data)
		if err != nil {
			return fmt.Errorf("train: step %d: upload: %w", t, err)
		}
		own = append(own, b)
		in[i] = b
		return nil
	}
	for i, to := range r.net.updateGradients {
		port := r.net.gradient.Outputs()[i]
		sum := make([]int32, port.Type.Len())
		for k, shard := range outputs {
			if err := accumulate(sum, port, shard[i]); err != nil {
				return nil, fmt.Errorf("train: shard %d: %w", k, err)
			}
		}
		if err := upload(to, encode(sum, 4)); err != nil {
			return nil, err
		}
	}
	if err := upload(r.net.updateRate, encode([]int32{r.net.rates[t-1]}, 4)); err != nil {
		return nil, err
	}
	for i, to := range r.net.updateWeights {
		in[to] = r.model.weights[i]
	}
	for i, to := range r.net.updateState {
		in[to] = r.model.state[i]
	}
	out, err := r.update.Run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("train: step %d: update: %w", t, err)
	}
	m := &model{names: r.net.names}
	for _, from := range r.net.newWeights {
		m.weights = append(m.weights, out[from])
	}
	for _, from := range r.net.newState {
		m.state = append(m.state, out[from])
	}
	if err := m.read(); err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// foldEvaluation reports the mean loss of the held-out rows, and the share of
// them that a classifier got right.
func (r *run) foldEvaluation(outputs [][][]byte, report *job.Report) {
	perRow := r.net.evaluate.Outputs()[r.net.evalLoss].Type.Len() / r.evalRows
	loss, hits := int64(0), int64(0)
	left := r.source.held()
	for _, shard := range outputs {
		n := min(left, r.evalRows)
		left -= n
		loss += total(shard[r.net.evalLoss], n*perRow)
		hits += total(shard[r.net.evalHits], n*perRow)
	}
	count := int64(r.source.held()) * int64(perRow)
	val := nats(loss, count)
	report.Val = &val
	if r.spec.Model.Arch != "decoder" {
		accuracy := float64(hits) / float64(count)
		report.Accuracy = &accuracy
	}
}

// trainLoss is the mean loss of a step's rows.
func (r *run) trainLoss(outputs [][][]byte) *float64 {
	n := r.net.gradient.Outputs()[r.net.gradientLoss].Type.Len()
	sum := int64(0)
	for _, shard := range outputs {
		sum += total(shard[r.net.gradientLoss], n)
	}
	loss := nats(sum, int64(n)*int64(len(outputs)))
	return &loss
}

// nats is the mean of count losses, for people.
func nats(sumQ16, count int64) float64 { return float64(sumQ16) / (65536 * float64(count)) }

// checkOutputs refuses outputs that cannot be those of n shards of p. Of the
// first few it checks only the size: the values are checked as they are added.
func checkOutputs(p *program.Program, outputs [][][]byte, n, sizeOnly int) error {
	if len(outputs) != n {
		return fmt.Errorf("train: outputs of %d shards, want %d", len(outputs), n)
	}
	for i, shard := range outputs {
		if len(shard) != len(p.Outputs()) {
			return fmt.Errorf("train: shard %d: %d outputs, want %d", i, len(shard), len(p.Outputs()))
		}
		for k, port := range p.Outputs() {
			err := checkSize(port, shard[k])
			if err == nil && k >= sizeOnly {
				err = checkRange(port, shard[k])
			}
			if err != nil {
				return fmt.Errorf("train: shard %d: %w", i, err)
			}
		}
	}
	return nil
}
