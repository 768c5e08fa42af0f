//go:build !js && !wasip1

package wazerobox_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, o wazerobox.Options) *wazerobox.Box {
	t.Helper()
	b, err := wazerobox.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestCompiler(t *testing.T) { sandboxtest.Run(t, open(t, wazerobox.Options{})) }

func TestInterpreter(t *testing.T) { sandboxtest.Run(t, open(t, wazerobox.Options{Interpreter: true})) }

func TestRandomProgramsAgree(t *testing.T) {
	compiler, interpreter := open(t, wazerobox.Options{}), open(t, wazerobox.Options{Interpreter: true})
	for i := range 200 {
		c := sandboxtest.Random(2, i)
		a, b := c.Digest(t.Context(), compiler), c.Digest(t.Context(), interpreter)
		if a != b || strings.HasPrefix(a, "error") {
			t.Errorf("%s: compiled, the outcome is %s; interpreted %s", c.Name, a, b)
		}
	}
}

// The sandbox takes a module for valid exactly when wazero does.
func TestBrokenProgramsAreRefused(t *testing.T) {
	box := open(t, wazerobox.Options{})
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { r.Close(context.Background()) })
	valid := 0
	for i := range 1500 {
		c := sandboxtest.Broken(3, i)
		compiled, wrong := r.CompileModule(t.Context(), c.Module)
		if wrong == nil {
			compiled.Close(t.Context())
		}
		_, err := c.Outcome(t.Context(), box)
		var refused *sandbox.ModuleError
		switch {
		case wrong == nil && err != nil:
			t.Errorf("%s is valid, but: %v", c.Name, err)
		case wrong != nil && !errors.As(err, &refused):
			t.Errorf("%s is not valid (%v), but the sandbox says %v", c.Name, wrong, err)
		case wrong == nil:
			valid++
		}
	}
	t.Logf("%d of 1500 were still valid", valid)
}

func TestGoPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and compiles Go programs, which takes seconds")
	}
	box := sandboxtest.Keep(open(t, wazerobox.Options{}))
	defer box.Close()
	for _, c := range sandboxtest.GoCases(sandboxtest.Build(t)) {
		if err := c.Check(t.Context(), box); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// load loads the case of a name.
func load(t *testing.T, box *wazerobox.Box, name string, l sandbox.Limits) sandbox.Module {
	t.Helper()
	for _, c := range sandboxtest.Cases() {
		if c.Name != name {
			continue
		}
		m, err := box.Load(t.Context(), c.Module, l)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Fatalf("there is no case %s", name)
	return nil
}

// A run ends soon after its context, however much fuel it has: here nothing
// else would end it for hours.
func TestContextEndsARun(t *testing.T) {
	m := load(t, open(t, wazerobox.Options{}), "fuel/for ever", sandbox.Limits{Fuel: job.MaxFuel, Memory: 4})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if o, err := m.Run(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the outcome is %v, error %v", o, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if o, err := m.Run(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the outcome is %v, error %v", o, err)
	}
}

// When the machine has less memory than the module may have, that is no
// outcome of the module's.
func TestMachineWithoutMemory(t *testing.T) {
	box := open(t, wazerobox.Options{Memory: 2})
	l := sandbox.Limits{Fuel: 1 << 20, Memory: 4, Output: 1 << 10}
	if o, err := load(t, box, "memory/grow to the limit", l).Run(t.Context(), nil); err == nil {
		t.Errorf("it grew by what the machine does not have: %v", o)
	}
	if o, err := load(t, box, "memory/grow beyond the limit", l).Run(t.Context(), nil); err != nil || o.Status != job.Returned {
		t.Errorf("what is refused everywhere was not refused here: %v, %v", o, err)
	}
}

// Modules of one box run beside one another.
func TestSideBySide(t *testing.T) {
	box := open(t, wazerobox.Options{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range 10 {
				c := sandboxtest.Random(4, 10*i+k)
				if _, err := c.Outcome(t.Context(), box); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		})
	}
	wg.Wait()
}
