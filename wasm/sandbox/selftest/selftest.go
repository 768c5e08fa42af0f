// Package selftest asks a sandbox what is known: how a small module ends that
// computes, and that misbehaves in every way a sandbox is there for. Outcomes,
// instructions counted included, are the same in every engine, so one hash
// tells whether this one is fit.
//
// It owns the module and its outcomes. It refuses to know any concrete sandbox.
package selftest

import (
	"context"
	"crypto/sha256"
	_ "embed" // the module
	"encoding/hex"
	"fmt"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

//go:generate clang-16 --target=wasm32 -O2 -std=c11 -ffreestanding -nostdlib -fno-ident -fvisibility=hidden -Wall -Werror -Wl,--no-entry,--export-memory,--stack-first,-z,stack-size=8192,--strip-all -o known.wasm source/known.c

// Module is the module: it does what the first byte of its input says.
// source/known.c has them all.
//
//go:embed known.wasm
var Module []byte

// Limits are those that it runs within. Its endless loop takes a moment.
var Limits = sandbox.Limits{Fuel: 2_000_000, Memory: 16, Output: 1 << 10}

// A Case is an input and how the module ends on it.
type Case struct {
	Input  string
	Status job.Status
}

// Cases are the inputs that are known.
var Cases = []Case{
	{"sum of bytes", job.Returned},
	{"runs so far", job.Returned},
	{"runs so far", job.Returned},
	{"memory nobody wrote", job.Returned},
	{"nan bits", job.Returned},
	{"loop for ever", job.OutOfFuel},
	{"grow", job.OutOfMemory},
	{"call itself", job.OutOfStack},
	{"divide by zero", job.Trapped},
	{"outside of memory", job.Trapped},
	{"write too much", job.OutputTooBig},
	{"beyond memory", job.Trapped},
	{"?", job.Trapped},
	{"", job.Returned},
	{"sum again", job.Returned},
}

// known is the hash of the outcomes' encodings, one after the other. A change
// of what package sandbox counts or allows changes it, and means that builds
// from before and after do not return the same for one task: job.TaskRules goes
// up with it.
const known = "5c417d288cdff462e656fc5216c28ad3ef6c5ea78610d6d1f5d8d4c27a98a87a"

// Check runs every case on h and says what is wrong with it.
func Check(ctx context.Context, h sandbox.Host) error {
	m, err := h.Load(ctx, Module, Limits)
	if err != nil {
		return fmt.Errorf("selftest: load: %w", err)
	}
	defer m.Close()
	all := sha256.New()
	for _, c := range Cases {
		out, err := m.Run(ctx, []byte(c.Input))
		if err != nil {
			return fmt.Errorf("selftest: %q: %w", c.Input, err)
		}
		if out.Status != c.Status {
			return fmt.Errorf("selftest: %q: it %v, and should have %v", c.Input, out.Status, c.Status)
		}
		all.Write(out.Encode())
	}
	if got := hex.EncodeToString(all.Sum(nil)); got != known {
		return fmt.Errorf("selftest: outcomes have the hash %s, want %s", got, known)
	}
	return nil
}
