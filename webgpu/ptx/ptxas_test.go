package ptx_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/ptx"
)

// assembler finds NVIDIA's ptxas: $SHOAL_PTXAS, what .ci/ptxas fetched, or the
// PATH.
func assembler(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SHOAL_PTXAS"); path == "none" {
		t.Skip("no ptxas: it could not be fetched here")
	} else if path != "" {
		return path
	}
	if path, err := filepath.Abs("../../.cache/tools/ptxas"); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath("ptxas")
	if err != nil {
		if os.Getenv("SHOAL_REQUIRE") != "" {
			t.Fatal("no ptxas, though SHOAL_REQUIRE is set: run .ci/ptxas")
		}
		t.Skip("no ptxas: run .ci/ptxas to have it")
	}
	return path
}

// spills is what ptxas says of registers that it had to keep in memory.
var spills = regexp.MustCompile(`(\d+) bytes spill stores`)

// TestPtxas assembles every code of every kernel: for compute capability 8.0,
// which all of it is written for, and 9.0 and 8.9 where matrices are
// multiplied. It fails where registers do not suffice, since tiles are chosen
// so that they do.
func TestPtxas(t *testing.T) {
	ptxas := assembler(t)
	dir := t.TempDir()
	type task struct {
		code   *launch.Code
		target string
	}
	tasks, done := make(chan task), make(chan error, 1000)
	var workers sync.WaitGroup
	for i := range 2 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for x := range tasks {
				if err := assemble(ptxas, filepath.Join(dir, fmt.Sprint(i)), x.target, x.code); err != nil {
					done <- err
				}
			}
		}()
	}
	o := options()
	o.Hopper = true
	p, seen, runs := ptx.New(o), map[string]bool{}, 0
	for _, k := range append(plan.Kernels(), plan.FusedKernels()...) {
		for _, c := range p.Codes(k) {
			if seen[c.Key] {
				continue
			}
			seen[c.Key] = true
			targets := []string{"sm_80"}
			switch {
			case strings.Contains(c.Text, ".target sm_90a"):
				targets = []string{"sm_90a"}
			case testing.Short():
			case strings.Contains(c.Text, "mma.sync"):
				targets = []string{"sm_80", "sm_89", "sm_90"}
			}
			for _, target := range targets {
				runs++
				tasks <- task{c, target}
			}
		}
	}
	close(tasks)
	workers.Wait()
	close(done)
	for err := range done {
		t.Error(err)
	}
	t.Logf("%d codes, %d runs of %s", len(seen), runs, ptxas)
}

func assemble(ptxas, base, target string, c *launch.Code) error {
	if err := os.WriteFile(base+".ptx", []byte(c.Text), 0o600); err != nil {
		return err
	}
	out, err := exec.Command(ptxas, "-v", "-arch="+target, base+".ptx", "-o", base+".cubin").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s for %s: %w\n%s", c.Key, target, err, out)
	}
	if m := spills.FindSubmatch(out); m == nil || string(m[1]) != "0" {
		return fmt.Errorf("%s for %s spills registers:\n%s", c.Key, target, out)
	}
	if strings.Contains(string(out), "Performance Loss") {
		return fmt.Errorf("%s for %s:\n%s", c.Key, target, out)
	}
	return nil
}

// TestPtxasRefuses checks that the test above can fail.
func TestPtxasRefuses(t *testing.T) {
	ptxas := assembler(t)
	c := *ptx.New(options()).Codes(plan.Kernels()[0])[0]
	c.Text = strings.Replace(c.Text, "ld.param.b32", "ld.param.b31", 1)
	if err := assemble(ptxas, filepath.Join(t.TempDir(), "x"), "sm_80", &c); err == nil {
		t.Error("ptxas took a type that does not exist")
	}
}
