package devicetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// digest names the outputs of a program: the SHA-256 of all, in order.
func digest(outputs [][]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, o := range outputs {
		h.Write(o)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// expect is the digest of what the reference makes of c. It is computed once in
// a process, however many devices are compared.
func expect(ctx context.Context, c Case) ([sha256.Size]byte, error) {
	key := expectation{c.Program.ID(), c.Seed}
	if d, ok := expected.Load(key); ok {
		return d.([sha256.Size]byte), nil
	}
	outputs, err := truth(ctx, c.Program, RandomInputs(c.Program, c.Seed))
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	d := digest(outputs)
	expected.Store(key, d)
	return d, nil
}

type expectation struct {
	id   program.ID
	seed uint64
}

var expected sync.Map // expectation to digest

// truth runs p on the reference and holds its outputs to their proved ranges.
// An error is a fault of the reference: nothing can be said about a device.
func truth(ctx context.Context, p *program.Program, inputs [][]byte) ([][]byte, error) {
	outputs, err := device.Run(ctx, reference.New(), p, inputs)
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	for i, o := range p.Outputs() {
		if s := outside(o, outputs[i]); s != "" {
			return nil, fmt.Errorf("reference: %s", s)
		}
	}
	return outputs, nil
}
