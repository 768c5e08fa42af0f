package adversary

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// turn is one shard in front of a liar: what is asked, and what would be
// right.
type turn struct {
	question
	n        int // shards this liar has computed before
	accepted int // of its results so far
	honest   [][]byte
	hand     *hand
}

// mind decides what a device says. It returns t.honest itself, or something
// else of its own; it never changes the honest bytes.
type mind func(t *turn) [][]byte

// crooked is a real lane under somebody's mind. Everything is computed
// honestly and then replaced, so that a lie is known to be one.
type crooked struct {
	device.Device
	hand   *hand
	mind   mind
	detail string // instead of the lane's own, unless empty

	mu sync.Mutex // guards n
	n  int
}

func (c *crooked) Caps() device.Caps {
	caps := c.Device.Caps()
	if c.detail != "" {
		caps.Detail = c.detail
	}
	return caps
}

// known is a buffer whose content has a name.
type known struct {
	device.Buffer
	hash job.Hash
}

func (c *crooked) Upload(data []byte) (device.Buffer, error) {
	b, err := c.Device.Upload(data)
	if err != nil {
		return nil, err
	}
	return known{b, job.Sum(data)}, nil
}

func (c *crooked) Load(p *program.Program) (device.Executable, error) {
	exe, err := c.Device.Load(p)
	if err != nil {
		return nil, err
	}
	return &crookedProgram{exe, c, job.Hash(p.ID())}, nil
}

type crookedProgram struct {
	device.Executable
	device  *crooked
	program job.Hash
}

// Run computes and then says what it likes.
func (e *crookedProgram) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	inner, hashes := make([]device.Buffer, len(inputs)), make([]job.Hash, len(inputs))
	for i, b := range inputs {
		k, ok := b.(known)
		if !ok {
			return nil, fmt.Errorf("adversary: input %d was uploaded elsewhere", i)
		}
		inner[i], hashes[i] = k.Buffer, k.hash
	}
	out, err := e.Executable.Run(ctx, inner)
	if err != nil {
		return nil, err
	}
	honest, err := contents(out)
	if err != nil {
		return nil, err
	}
	return e.device.answer(KeyOf(e.program, hashes), honest)
}

func (c *crooked) answer(k Key, honest [][]byte) ([]device.Buffer, error) {
	c.mu.Lock()
	n := c.n
	c.n++
	c.mu.Unlock()
	q, accepted := c.hand.find(k)
	said := c.mind(&turn{question: q, n: n, accepted: accepted, honest: honest, hand: c.hand})
	if !equal(said, honest) {
		c.hand.lied(k, said)
	}
	buffers := make([]device.Buffer, len(said))
	for i, data := range said {
		var err error
		if buffers[i], err = c.Device.Upload(data); err != nil {
			return nil, err
		}
	}
	return buffers, nil
}

// contents reads and releases a program's outputs.
func contents(out []device.Buffer) ([][]byte, error) {
	var err error
	data := make([][]byte, len(out))
	for i, b := range out {
		data[i] = make([]byte, b.Size())
		err = errors.Join(err, b.Read(data[i]))
		b.Release()
	}
	return data, err
}
