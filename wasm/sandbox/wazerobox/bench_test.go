//go:build !js && !wasip1

package wazerobox_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

// BenchmarkOverhead runs kernels in C and a program in Go: in the sandbox
// (boxed), as they are (plain), and as they are with wazero's own way of ending
// a run with its context (stoppable).
func BenchmarkOverhead(b *testing.B) {
	kernel := build(b, "testdata/kernel.c", "clang-16", "--target=wasm32", "-mbulk-memory", "-O2", "-ffreestanding", "-nostdlib", "-Wl,--no-entry", "kernel.c")
	for _, input := range []string{"product", "sieve", "xorshift", "mandelbrot", "fib"} {
		b.Run("c/"+input, func(b *testing.B) { compare(b, kernel, input, callExport) })
	}
	program := build(b, "testdata/work", "go", "build")
	for _, input := range []string{"nothing", "sha256", "primes", "json and sort", "floats"} {
		b.Run("go/"+input, func(b *testing.B) { compare(b, program, input, startCommand) })
	}
}

// build builds a program; the benchmark ends where there is no compiler.
func build(b *testing.B, path, compiler string, args ...string) []byte {
	if _, err := exec.LookPath(compiler); err != nil {
		b.Skip(err)
	}
	out := filepath.Join(b.TempDir(), "out.wasm")
	cmd := exec.CommandContext(b.Context(), compiler, append(args, "-o", out)...)
	cmd.Dir, cmd.Env = path, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if filepath.Ext(path) != "" {
		cmd.Dir = filepath.Dir(path)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v\n%s", compiler, err, text)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return code
}

func compare(b *testing.B, code []byte, input string, run func(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, input string) error) {
	b.Run("boxed", func(b *testing.B) {
		box := open(b, wazerobox.Options{})
		m, err := box.Load(b.Context(), code, sandbox.Limits{Fuel: job.MaxFuel, Memory: job.MaxPages, Output: 1 << 20})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			o, err := m.Run(b.Context(), []byte(input))
			if err != nil || o.Status != job.Returned {
				b.Fatal(o, err)
			}
			b.ReportMetric(float64(o.Fuel)/1e6, "Mfuel")
		}
	})
	for name, stoppable := range map[string]bool{"plain": false, "stoppable": true} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCloseOnContextDone(stoppable))
			defer r.Close(ctx)
			wasi_snapshot_preview1.MustInstantiate(ctx, r)
			c, err := r.CompileModule(ctx, code)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := run(ctx, r, c, input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func callExport(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, input string) error {
	m, err := r.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return err
	}
	defer m.Close(ctx)
	ptr, err := m.ExportedFunction("shoal_alloc").Call(ctx, uint64(len(input)))
	if err != nil {
		return err
	}
	m.Memory().Write(uint32(ptr[0]), []byte(input))
	_, err = m.ExportedFunction("shoal_run").Call(ctx, ptr[0], uint64(len(input)))
	return err
}

func startCommand(ctx context.Context, r wazero.Runtime, c wazero.CompiledModule, input string) error {
	config := wazero.NewModuleConfig().WithName("").WithStdin(bytes.NewReader([]byte(input))).WithStdout(io.Discard).WithSysNanotime().WithSysWalltime()
	m, err := r.InstantiateModule(ctx, c, config)
	if err != nil {
		return err
	}
	return m.Close(ctx)
}
