package selftest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

func TestEveryEngineIsFit(t *testing.T) {
	for name, options := range map[string]wazerobox.Options{"compiler": {}, "interpreter": {Interpreter: true}} {
		host, err := wazerobox.New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		if err := selftest.Check(t.Context(), host); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// bent is a sandbox that gets one thing wrong.
type bent struct {
	sandbox.Host
	bend func(input string, o *job.Outcome)
}

func (b bent) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	m, err := b.Host.Load(ctx, code, l)
	return bentModule{m, b.bend}, err
}

type bentModule struct {
	sandbox.Module
	bend func(input string, o *job.Outcome)
}

func (m bentModule) Run(ctx context.Context, input []byte) (job.Outcome, error) {
	o, err := m.Module.Run(ctx, input)
	m.bend(string(input), &o)
	return o, err
}

func TestEngineThatIsWrongIsFound(t *testing.T) {
	host, err := wazerobox.New(t.Context(), wazerobox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for name, c := range map[string]struct {
		bend func(input string, o *job.Outcome)
		want string
	}{
		"counts one instruction more":  {func(in string, o *job.Outcome) { o.Fuel++ }, "the hash"},
		"chooses other bits for a nan": {func(in string, o *job.Outcome) { o.Output = flipped(in == "nan bits", o.Output) }, "the hash"},
		"keeps memory between runs":    {func(in string, o *job.Outcome) { o.Output = flipped(in == "runs so far", o.Output) }, "the hash"},
		"calls no depth too deep": {func(in string, o *job.Outcome) {
			if o.Status == job.OutOfStack {
				o.Status = job.Trapped
			}
		}, "nested calls too deep"},
	} {
		err := selftest.Check(t.Context(), bent{host, c.bend})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("a sandbox that %s: got %v, want %q", name, err, c.want)
		}
	}
}

func flipped(yes bool, b []byte) []byte {
	if yes && len(b) > 0 {
		b[0] ^= 1
	}
	return b
}
