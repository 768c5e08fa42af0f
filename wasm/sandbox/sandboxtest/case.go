package sandboxtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Case is a module, an input, and what comes of them.
type Case struct {
	Name   string
	Module []byte
	Limits sandbox.Limits
	Input  []byte
	Want   *job.Outcome // nil: nobody knows, but hosts agree; a Fuel of 0 stands for any
	Refuse string       // part of the ModuleError's reason
}

// Outcome runs a case on a host: twice, since nothing may be left over from
// the first time.
func (c Case) Outcome(ctx context.Context, h sandbox.Host) (job.Outcome, error) {
	m, err := h.Load(ctx, c.Module, c.Limits)
	if err != nil {
		return job.Outcome{}, err
	}
	first, err := m.Run(ctx, c.Input)
	if err != nil {
		return job.Outcome{}, errors.Join(err, m.Close())
	}
	second, err := m.Run(ctx, c.Input)
	if err == nil && !equal(first, second) {
		err = fmt.Errorf("the second run had the outcome %s, the first %s", show(second), show(first))
	}
	return first, errors.Join(err, m.Close())
}

// Check holds a host to the outcome that a case wants.
func (c Case) Check(ctx context.Context, h sandbox.Host) error {
	got, err := c.Outcome(ctx, h)
	var refused *sandbox.ModuleError
	switch {
	case c.Refuse != "" && errors.As(err, &refused):
		if !strings.Contains(refused.Reason, c.Refuse) {
			return fmt.Errorf("refused because %q, want %q", refused.Reason, c.Refuse)
		}
	case c.Refuse != "" && err == nil:
		return fmt.Errorf("outcome %s, want it refused because %q", show(got), c.Refuse)
	case c.Refuse != "":
		return fmt.Errorf("want it refused because %q: %w", c.Refuse, err)
	case err != nil:
		return err
	case c.Want != nil && (got.Status != c.Want.Status || c.Want.Fuel > 0 && got.Fuel != c.Want.Fuel || !bytes.Equal(got.Output, c.Want.Output)):
		return fmt.Errorf("outcome %s, want %s", show(got), show(*c.Want))
	}
	return nil
}

// Digest is a line that says all of what came of a case. Hosts agree on it.
func (c Case) Digest(ctx context.Context, h sandbox.Host) string {
	o, err := c.Outcome(ctx, h)
	if err != nil {
		return strings.Join(strings.Fields("error: "+err.Error()), " ")
	}
	return fmt.Sprintf("%s, fuel %d, %x", o.Status, o.Fuel, sha256.Sum256(o.Output))
}

func equal(a, b job.Outcome) bool {
	return a.Status == b.Status && a.Fuel == b.Fuel && bytes.Equal(a.Output, b.Output)
}

func show(o job.Outcome) string {
	const most = 64
	if n := len(o.Output); n > most {
		return fmt.Sprintf("{%s, fuel %d, %d bytes of output, at the end %q}", o.Status, o.Fuel, n, o.Output[n-most:])
	}
	return fmt.Sprintf("{%s, fuel %d, output %q}", o.Status, o.Fuel, o.Output)
}
