package cpu_test

import (
	"bytes"
	"io"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

// TestHammer runs programs from many goroutines, on devices that come and go,
// while garbage is collected without pause and the profiler's signals arrive:
// machine code on goroutine stacks must stand all of that.
func TestHammer(t *testing.T) {
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	stop := make(chan struct{})
	var gc sync.WaitGroup
	gc.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	var runs sync.WaitGroup
	for g := range 4 {
		runs.Go(func() {
			for round := range 3 {
				hammer(t, uint64(g), round)
			}
		})
	}
	runs.Wait()
	close(stop)
	gc.Wait()
}

func hammer(t *testing.T, seed uint64, round int) {
	d, err := cpu.New(cpu.Config{Threads: 1 + round})
	if err != nil {
		t.Error(err)
		return
	}
	defer d.Close()
	p := steps(t)[seed%2].Program
	inputs := devicetest.RandomInputs(p, seed)
	var first [][]byte
	for range 50 {
		out, err := device.Run(t.Context(), d, p, inputs)
		if err != nil {
			t.Error(err)
			return
		}
		if first == nil {
			first = out
		}
		for i := range out {
			if !bytes.Equal(out[i], first[i]) {
				t.Errorf("seed %d: output %d changed from one run to the next", seed, i)
			}
		}
	}
}
