package sandboxtest

import (
	"context"
	"crypto/sha256"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Keep is h, keeping the module that was loaded last for the case that it is
// loaded again: compiling takes longer than anything else with large modules.
// It is not safe for concurrent use.
func Keep(h sandbox.Host) *Keeper { return &Keeper{Host: h} }

// Keeper is what Keep returns.
type Keeper struct {
	sandbox.Host
	key    [sha256.Size]byte
	limits sandbox.Limits
	module sandbox.Module
}

// Load loads a module, or finds it loaded.
func (k *Keeper) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	key := sha256.Sum256(code)
	if k.module != nil && k.key == key && k.limits == l {
		return kept{k.module}, nil
	}
	if err := k.drop(); err != nil {
		return nil, err
	}
	m, err := k.Host.Load(ctx, code, l)
	if err != nil {
		return nil, err
	}
	k.key, k.limits, k.module = key, l, m
	return kept{m}, nil
}

// Close closes the module that was kept, and leaves the host open.
func (k *Keeper) Close() error { return k.drop() }

func (k *Keeper) drop() error {
	if k.module == nil {
		return nil
	}
	m := k.module
	k.module = nil
	return m.Close()
}

// kept is a module whose Close is the Keeper's.
type kept struct{ sandbox.Module }

func (kept) Close() error { return nil }
