package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// LaneSandbox is the lane that runs people's modules. Shards whose program is
// a job.Task are leased to it, and no others.
const LaneSandbox = "sandbox"

const maxModules = 4 // loaded modules that the sandbox keeps

// tasks computes in a sandbox.
type tasks struct {
	host      sandbox.Host
	maxMemory int64
	blobs     *blobs

	loaded *lru[loadedModule, sandbox.Module] // owned by compute
}

// loadedModule names what a sandbox made of a module: limits are part of it.
type loadedModule struct {
	module job.Hash
	limits sandbox.Limits
}

var _ computer = (*tasks)(nil)

func newTasks(host sandbox.Host, w *Worker) *tasks {
	return &tasks{
		host:      host,
		maxMemory: w.cfg.MaxMemory,
		blobs:     w.blobs,
		loaded:    newLRU[loadedModule](maxModules, func(m sandbox.Module) { m.Close() }),
	}
}

func (t *tasks) caps() device.Caps {
	return device.Caps{Lane: LaneSandbox, Detail: t.host.Name(), Threads: 1, Memory: t.maxMemory}
}

func (t *tasks) prepare(ctx context.Context, s job.Shard) (work, error) {
	data, err := t.blobs.get(ctx, s.Program)
	if err != nil {
		return nil, err
	}
	if !job.IsTask(data) {
		return nil, fmt.Errorf("worker: the shard runs a program, and %s runs modules", LaneSandbox)
	}
	task, err := job.DecodeTask(data)
	if err != nil {
		return nil, err
	}
	if err := t.check(s, task); err != nil {
		return nil, err
	}
	inputs, err := t.blobs.inputs(ctx, s)
	if err != nil {
		return nil, err
	}
	module, err := t.blobs.get(ctx, task.Module)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) ([][]byte, int64, error) { return t.run(ctx, task, module, inputs) }, nil
}

const pageSize = 64 << 10

// check holds the shard to its task, and the task to what this lane has said
// of its memory. The cost is the most that the runs may take; what is paid is
// what the outcomes say.
func (t *tasks) check(s job.Shard, task job.Task) error {
	if len(s.Inputs) == 0 {
		return errors.New("worker: shard has no inputs")
	}
	if most := int64(task.Fuel) * int64(len(s.Inputs)); s.Cost != most {
		return fmt.Errorf("worker: shard claims a cost of %d, its %d runs may cost %d", s.Cost, len(s.Inputs), most)
	}
	if need := int64(task.Memory) * pageSize; need > t.maxMemory {
		return fmt.Errorf("worker: the module may need %d bytes, %s has %d", need, LaneSandbox, t.maxMemory)
	}
	return nil
}

// run runs the module on each input. An outcome is one whatever its status: a
// module that misbehaves does so everywhere in the same way.
func (t *tasks) run(ctx context.Context, task job.Task, module []byte, inputs [][]byte) ([][]byte, int64, error) {
	defer t.loaded.trim()
	m, err := t.load(ctx, task, module)
	if err != nil {
		return nil, 0, err
	}
	outputs := make([][]byte, len(inputs))
	size, fuel := binary.MaxVarintLen64, int64(0)
	for i, in := range inputs {
		out, err := m.Run(ctx, in)
		if err != nil {
			return nil, 0, fmt.Errorf("worker: input %d: %w", i, err)
		}
		outputs[i] = out.Encode()
		if size += binary.MaxVarintLen64 + len(outputs[i]); size > maxOutputs {
			return nil, 0, fmt.Errorf("worker: outputs up to input %d have %d bytes, a result holds %d", i, size, maxOutputs)
		}
		fuel += int64(out.Fuel)
	}
	return outputs, fuel, nil
}

func (t *tasks) load(ctx context.Context, task job.Task, module []byte) (sandbox.Module, error) {
	key := loadedModule{task.Module, sandbox.Limits{Fuel: task.Fuel, Memory: task.Memory, Output: task.Output}}
	if m, ok := t.loaded.get(key); ok {
		return m, nil
	}
	m, err := t.host.Load(ctx, module, key.limits)
	if err != nil {
		return nil, err
	}
	t.loaded.put(key, m, 1)
	return m, nil
}

// reopen has nothing to open: a host that cannot go on says so of each run.
func (t *tasks) reopen(_ context.Context, cause error) error { return cause }

func (t *tasks) shrink() {
	t.loaded.budget = 1
	t.loaded.trim()
}

func (t *tasks) empty() { t.loaded.clear() }
