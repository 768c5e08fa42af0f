package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
)

// Chain is a job kind that is all protocol and no arithmetic: a shard hashes
// the state of the chain with its own number, a round folds its shards'
// outputs into the next state. Its result depends on every output of every
// shard in order, so anything lost, repeated or mixed up shows at the end.
//
// train.steps is the number of rounds, train.batch the shards of each.
type Chain struct{}

var _ job.Kind = Chain{}

// Outputs of a shard, in bytes: two, so that order and sizes matter.
const (
	digestBytes = sha256.Size
	tailBytes   = 3
)

// ChainOps is what a shard costs.
const ChainOps = 2_500_000

// chainProgram stands for a program: its bytes are all there is to it.
var chainProgram = []byte("testharness/cluster: hash the state and the shard's number")

// InspectChain examines chainProgram, as hub.Config.Inspect.
func InspectChain(encoded []byte) (hub.Program, error) {
	if string(encoded) != string(chainProgram) {
		return hub.Program{}, errors.New("cluster: not the chain's program")
	}
	return hub.Program{Outputs: []int{digestBytes, tailBytes}, Ops: ChainOps, PeakBytes: 1 << 10}, nil
}

// ParseChain reads a chain's job file: JSON, as hub.Config.Parse.
func ParseChain(file []byte) (*job.Spec, error) {
	var f struct {
		Name                    string
		Rounds, Shards, Replica int
		Credits                 int64
		Deadline                string
		Epsilon                 job.Decimal
		Assurance               string
	}
	if err := json.Unmarshal(file, &f); err != nil {
		return nil, err
	}
	return &job.Spec{
		Kind: "chain", Name: f.Name, Train: job.Train{Steps: f.Rounds, Batch: f.Shards},
		Trust: job.Trust{Epsilon: f.Epsilon, Assurance: f.Assurance, Replicas: f.Replica}, Limits: job.Limits{Credits: f.Credits, Deadline: f.Deadline},
	}, nil
}

// ChainFile writes a job file that ParseChain reads.
func ChainFile(name string, rounds, shards, replicas int) []byte {
	return fmt.Appendf(nil, `{"name": %q, "rounds": %d, "shards": %d, "replica": %d}`, name, rounds, shards, replicas)
}

// ExecuteChain computes a shard, as hub.Config.Execute.
func ExecuteChain(ctx context.Context, s job.Shard, blobs job.Blobs) ([][]byte, error) {
	inputs := make([][]byte, len(s.Inputs))
	for i, in := range s.Inputs {
		if inputs[i] = in.Data; in.Data == nil {
			var err error
			if inputs[i], err = blobs.Get(ctx, in.Blob); err != nil {
				return nil, err
			}
		}
	}
	return ComputeChain(inputs)
}

// ComputeChain is a shard's honest outputs.
func ComputeChain(inputs [][]byte) ([][]byte, error) {
	if len(inputs) != 2 {
		return nil, fmt.Errorf("cluster: shard with %d inputs", len(inputs))
	}
	sum := sha256.Sum256(append(append([]byte("digest"), inputs[0]...), inputs[1]...))
	return [][]byte{sum[:], sum[:tailBytes]}, nil
}

// RunChain computes a chain on the spot and returns its final state.
func RunChain(name string, rounds, shards int) ([]byte, error) {
	state := chainStart(name)
	for range rounds {
		outputs := make([][][]byte, shards)
		for i := range outputs {
			var err error
			if outputs[i], err = ComputeChain([][]byte{state, shardNumber(i)}); err != nil {
				return nil, err
			}
		}
		state = chainNext(state, outputs)
	}
	return state, nil
}

func chainStart(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:]
}

func chainNext(state []byte, outputs [][][]byte) []byte {
	h := sha256.New()
	h.Write(state)
	for _, shard := range outputs {
		for _, out := range shard {
			h.Write(out)
		}
	}
	return h.Sum(nil)
}

func shardNumber(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

// Name implements job.Kind.
func (Chain) Name() string { return "chain" }

// Check implements job.Kind.
func (Chain) Check(_ context.Context, spec *job.Spec, _ job.Env) (job.Plan, error) {
	switch {
	case spec.Train.Steps < 1:
		return job.Plan{}, fmt.Errorf("train.steps: %d, want at least 1", spec.Train.Steps)
	case spec.Train.Batch < 1:
		return job.Plan{}, fmt.Errorf("train.batch: %d, want at least 1", spec.Train.Batch)
	}
	n := spec.Train.Steps * spec.Train.Batch
	return job.Plan{Rounds: spec.Train.Steps, Shards: n, Ops: int64(n) * ChainOps, Steps: spec.Train.Steps}, nil
}

// Start implements job.Kind.
func (Chain) Start(ctx context.Context, spec *job.Spec, env job.Env, checkpoint []byte) (job.Run, error) {
	r := &chainRun{spec: spec, env: env, state: chainStart(spec.Name)}
	if checkpoint != nil {
		if err := r.resume(ctx, checkpoint); err != nil {
			return nil, err
		}
	}
	program, err := env.Blobs.Put(ctx, chainProgram)
	if err != nil {
		return nil, err
	}
	r.program = program
	return r, r.publish(ctx)
}

// chainRun implements job.Run. Its checkpoint is the round and the name of
// the state's blob.
type chainRun struct {
	spec      *job.Spec
	env       job.Env
	program   job.Hash
	index     int
	state     []byte
	stateBlob job.Hash
}

func (r *chainRun) resume(ctx context.Context, record []byte) error {
	if len(record) != 4+len(job.Hash{}) {
		return fmt.Errorf("cluster: checkpoint of %d bytes", len(record))
	}
	r.index = int(binary.BigEndian.Uint32(record))
	state, err := r.env.Blobs.Get(ctx, job.Hash(record[4:]))
	r.state = state
	return err
}

// publish makes the state available to volunteers.
func (r *chainRun) publish(ctx context.Context) (err error) {
	r.stateBlob, err = r.env.Blobs.Put(ctx, r.state)
	return err
}

func (r *chainRun) Round() job.Round {
	if r.index == r.spec.Train.Steps {
		return job.Round{Index: r.index, Done: true}
	}
	round := job.Round{Index: r.index, Shards: make([]job.Shard, r.spec.Train.Batch)}
	for i := range round.Shards {
		round.Shards[i] = job.Shard{Program: r.program, Cost: ChainOps, Inputs: []job.Input{{Blob: r.stateBlob}, {Data: shardNumber(i)}}}
	}
	return round
}

func (r *chainRun) Fold(ctx context.Context, outputs [][][]byte) (job.Report, error) {
	if len(outputs) != r.spec.Train.Batch {
		return job.Report{}, fmt.Errorf("cluster: outputs of %d shards, want %d", len(outputs), r.spec.Train.Batch)
	}
	r.state = chainNext(r.state, outputs)
	loss := 1 / float64(r.index+1)
	report := job.Report{Round: r.index, Step: r.index + 1, Steps: r.spec.Train.Steps, Loss: &loss}
	r.index++
	return report, r.publish(ctx)
}

func (r *chainRun) Checkpoint(context.Context) (job.Checkpoint, error) {
	record := binary.BigEndian.AppendUint32(nil, uint32(r.index))
	return job.Checkpoint{Record: append(record, r.stateBlob[:]...), Blobs: []job.Hash{r.stateBlob}}, nil
}

func (r *chainRun) Artifacts(context.Context) ([]job.Artifact, error) {
	return []job.Artifact{{Name: "state.bin", Type: "application/octet-stream", Data: r.state}}, nil
}

func (r *chainRun) Close() error { return nil }
