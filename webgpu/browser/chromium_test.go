//go:build !js && !wasip1

package browser_test

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/webgpu/browser/browsertest"
)

// TestChromium runs this package's tests for js in browsers. Processors play
// their GPUs: SwiftShader, and llvmpipe, which shares nothing with it.
func TestChromium(t *testing.T) {
	if testing.Short() {
		t.Skip("drives a browser, which takes seconds")
	}
	browsertest.Chromium(t) // or skip, before anything is built
	program := browsertest.Build(t, "test", "-c")
	for _, c := range []struct {
		name    string
		browser func(testing.TB) string
		args    []string
	}{
		{"webgpu", browsertest.Chromium, []string{"-test.run=WebGPU", "-test.skip=Crash"}},
		{"webgl", browsertest.Chromium, []string{"-test.run=WebGL", "-test.skip=Crash"}},
		{"webgl-llvmpipe", browsertest.Llvmpipe, []string{"-test.run=WebGL", "-test.skip=Crash"}},
		// In browsers of their own, which they spoil.
		{"webgpu-crash", browsertest.Chromium, []string{"-test.run=WebGPUCrash"}},
		{"webgl-crash", browsertest.Chromium, []string{"-test.run=WebGLCrash"}},
	} {
		t.Run(c.name, func(t *testing.T) { run(t, program, c.browser(t), c.args...) })
	}
}

func run(t *testing.T, program, browser string, args ...string) {
	page := browsertest.Open(t, browsertest.Options{
		Browser: browser,
		Flags:   map[string]any{"enable-unsafe-webgpu": true},
		Program: program,
		Args:    append(args, "-test.v"),
		Timeout: 5 * time.Minute,
	})
	for {
		for _, m := range page.Hear() {
			switch m.Kind {
			case "line":
				if !strings.HasPrefix(m.Value, "=== ") {
					t.Log(m.Value)
				}
			case "crash":
				page.CrashGPU()
			case "error":
				t.Fatal(m.Value)
			case "exit":
				if m.Value != "0" {
					t.Errorf("the tests in the browser ended with %s", m.Value)
				}
				return
			}
		}
	}
}
