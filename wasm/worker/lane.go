package worker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

const (
	maxPrograms = 16                        // decoded and loaded programs kept per lane
	maxOutputs  = protocol.MaxFrame - 4<<10 // bytes of outputs that fit a Result
)

// lane is one device and its two goroutines.
type lane struct {
	index     int
	dev       device.Device // owned by compute once it runs
	caps      device.Caps
	maxMemory int64
	blobs     *blobs
	yield     func()
	queue     chan *attempt // Run -> fetch
	ready     chan prepared // fetch -> compute; unbuffered: one is prepared while one is computed
	reports   chan<- report
	quit      <-chan struct{} // nobody listens to reports any more
	reopen    Reopen

	programs *lru[job.Hash, *program.Program]    // owned by fetch
	loaded   *lru[program.ID, device.Executable] // owned by compute
	buffers  *lru[job.Hash, device.Buffer]       // owned by compute
	reopened time.Time                           // owned by compute: when the device was last replaced

	// Owned by Run:
	held      int       // attempts in hand
	wanted    int       // leases asked for and not received yet
	failures  int       // in a row
	restUntil time.Time // asks for nothing before, after too many failures
	away      bool      // its device is lost and not replaced yet, or not any more
	dropped   bool
}

func newLane(index int, dev device.Device, w *Worker) *lane {
	caps := dev.Caps()
	maxMemory := caps.Memory
	if maxMemory <= 0 {
		maxMemory = w.cfg.MaxMemory
	}
	return &lane{
		index:     index,
		dev:       dev,
		caps:      caps,
		maxMemory: maxMemory,
		blobs:     w.blobs,
		yield:     w.cfg.Yield,
		queue:     make(chan *attempt, maxInHand),
		ready:     make(chan prepared),
		reports:   w.reports,
		quit:      w.quit,
		reopen:    w.cfg.Reopen,
		programs:  newLRU[job.Hash](maxPrograms, func(*program.Program) {}),
		loaded:    newLRU[program.ID](maxPrograms, func(e device.Executable) { e.Close() }),
		buffers:   newLRU[job.Hash](w.cfg.CacheBytes, func(b device.Buffer) { b.Release() }),
	}
}

func (l *lane) report(r report) {
	select {
	case l.reports <- r:
	case <-l.quit:
	}
}

// fetch prepares attempts in the order of their leases.
func (l *lane) fetch() {
	defer close(l.ready)
	for a := range l.queue {
		p, err := l.prepare(a)
		if err != nil {
			l.report(report{attempt: a, err: err})
			continue
		}
		select {
		case l.ready <- p:
		case <-a.ctx.Done():
			l.report(report{attempt: a, err: a.ctx.Err()})
		}
	}
}

// prepare checks everything a lease claims before any of it runs.
func (l *lane) prepare(a *attempt) (prepared, error) {
	if time.Now().After(a.deadline) {
		return prepared{}, fmt.Errorf("worker: the lease had expired before its turn came")
	}
	shard, err := job.DecodeShard(a.lease.Payload)
	if err != nil {
		return prepared{}, err
	}
	prog, err := l.program(a.ctx, shard.Program)
	if err != nil {
		return prepared{}, err
	}
	if err := l.check(shard, prog); err != nil {
		return prepared{}, err
	}
	p := prepared{attempt: a, program: prog, shard: shard, inputs: make([][]byte, len(shard.Inputs))}
	for i, in := range shard.Inputs {
		data := in.Data
		if data == nil {
			if data, err = l.blobs.get(a.ctx, in.Blob); err != nil {
				return prepared{}, err
			}
		}
		port := prog.Inputs()[i]
		if len(data) != port.Type.Bytes() {
			return prepared{}, fmt.Errorf("worker: input %d (%s) has %d bytes, the program wants %d", i, port.Name, len(data), port.Type.Bytes())
		}
		p.inputs[i] = data
	}
	return p, nil
}

func (l *lane) program(ctx context.Context, h job.Hash) (*program.Program, error) {
	if p, ok := l.programs.get(h); ok {
		return p, nil
	}
	data, err := l.blobs.get(ctx, h)
	if err != nil {
		return nil, err
	}
	p, err := program.Decode(data)
	if err != nil {
		return nil, err
	}
	l.programs.put(h, p, 1)
	l.programs.trim()
	return p, nil
}

// check holds the shard to its program, and the program to this device. The
// cost is recomputed: credit and limits hang on it.
func (l *lane) check(shard job.Shard, prog *program.Program) error {
	cost := prog.Cost()
	if len(shard.Inputs) != len(prog.Inputs()) {
		return fmt.Errorf("worker: shard has %d inputs, its program wants %d", len(shard.Inputs), len(prog.Inputs()))
	}
	if shard.Cost != cost.Ops {
		return fmt.Errorf("worker: shard claims a cost of %d, its program costs %d", shard.Cost, cost.Ops)
	}
	if cost.PeakBytes > l.maxMemory {
		return fmt.Errorf("worker: program needs %d bytes, %s has %d", cost.PeakBytes, l.caps.Lane, l.maxMemory)
	}
	size := 0
	for _, out := range prog.Outputs() {
		size += out.Type.Bytes()
	}
	if size > maxOutputs {
		return fmt.Errorf("worker: outputs have %d bytes, a result holds %d", size, maxOutputs)
	}
	return nil
}

// compute runs what has been prepared, one after the other, until ctx ends or
// its device is gone for good; then it refuses the rest.
func (l *lane) compute(ctx context.Context) {
	defer l.empty()
	for p := range l.ready {
		l.yield()
		l.report(report{attempt: p.attempt, started: true})
		r := l.run(p)
		l.report(r)
		switch {
		case errors.Is(r.err, device.ErrLost):
			if err := l.replace(ctx, r.err); err != nil {
				l.report(report{lane: l, turn: Dropped, err: err})
				l.refuse(err)
				return
			}
		case errors.Is(r.err, device.ErrMemory):
			l.shrink()
		}
	}
}

func (l *lane) refuse(err error) {
	for p := range l.ready {
		l.report(report{attempt: p.attempt, err: err})
	}
}

// replace opens the lane again after its device was lost, but not twice in
// quick succession: a driver that fails at once fails again.
func (l *lane) replace(ctx context.Context, cause error) error {
	l.report(report{lane: l, turn: Lost, err: cause})
	l.empty()
	switch {
	case l.reopen == nil:
		return cause
	case !l.reopened.IsZero() && time.Since(l.reopened) < steadyTime:
		return fmt.Errorf("worker: lost again soon after it was reopened: %w", cause)
	}
	dev, err := l.reopen(ctx, l.index, cause)
	if err != nil {
		return fmt.Errorf("worker: not reopened: %w", err)
	}
	l.dev, l.reopened = dev, time.Now()
	l.report(report{lane: l, turn: Reopened})
	return nil
}

// empty drops everything that the lane keeps on its device.
func (l *lane) empty() {
	l.loaded.clear()
	l.buffers.clear()
}

// shrink makes room on a device that has none: the lane keeps half as much
// from now on.
func (l *lane) shrink() {
	l.loaded.budget = max(l.loaded.budget/2, 1)
	l.buffers.budget /= 2
	l.loaded.trim()
	l.buffers.trim()
}

func (l *lane) run(p prepared) report {
	r := report{attempt: p.attempt, ops: p.shard.Cost}
	if r.err = p.attempt.ctx.Err(); r.err != nil {
		return r
	}
	start := time.Now()
	outputs, err := l.execute(p)
	r.took = time.Since(start)
	if err != nil {
		r.err = err
		return r
	}
	r.outputs = job.EncodeOutputs(outputs)
	r.sum = sha256.Sum256(r.outputs)
	return r
}

func (l *lane) execute(p prepared) ([][]byte, error) {
	defer l.loaded.trim()
	defer l.buffers.trim()
	exe, err := l.load(p.program)
	if err != nil {
		return nil, err
	}
	in := make([]device.Buffer, len(p.inputs))
	for i, data := range p.inputs {
		b, kept, err := l.upload(p.shard.Inputs[i], data)
		if err != nil {
			return nil, fmt.Errorf("worker: upload input %d: %w", i, err)
		}
		if !kept {
			defer b.Release()
		}
		in[i] = b
	}
	out, err := exe.Run(p.attempt.ctx, in)
	if err != nil {
		return nil, err
	}
	return readAll(out)
}

func (l *lane) load(p *program.Program) (device.Executable, error) {
	id := p.ID()
	if exe, ok := l.loaded.get(id); ok {
		return exe, nil
	}
	exe, err := l.dev.Load(p)
	if err != nil {
		return nil, err
	}
	l.loaded.put(id, exe, 1)
	return exe, nil
}

// upload brings an input to the device. Blobs stay there, since a round's
// shards share them.
func (l *lane) upload(in job.Input, data []byte) (b device.Buffer, kept bool, err error) {
	if in.Data != nil {
		b, err = l.dev.Upload(data)
		return b, false, err
	}
	if b, ok := l.buffers.get(in.Blob); ok {
		return b, true, nil
	}
	if b, err = l.dev.Upload(data); err != nil {
		return nil, false, err
	}
	l.buffers.put(in.Blob, b, int64(b.Size()))
	return b, true, nil
}

// readAll reads and releases a program's outputs.
func readAll(out []device.Buffer) ([][]byte, error) {
	var failed error
	data := make([][]byte, len(out))
	for i, b := range out {
		data[i] = make([]byte, b.Size())
		if err := b.Read(data[i]); err != nil && failed == nil {
			failed = fmt.Errorf("worker: read output %d: %w", i, err)
		}
		b.Release()
	}
	if failed != nil {
		return nil, failed
	}
	return data, nil
}
