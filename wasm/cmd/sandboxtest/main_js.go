package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/jsbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/sandboxtest"
)

func main() {
	var s selection
	flag.Uint64Var(&s.seed, "seed", 1, "of the random programs")
	flag.IntVar(&s.programs, "programs", 0, "random programs")
	flag.StringVar(&s.only, "only", "", "names of the cases to run, divided by commas")
	programs := flag.String("built", "", "address under which the Go programs are")
	flag.Parse()
	built := map[string][]byte{}
	for _, name := range sandboxtest.GoPrograms {
		built[name] = fetch(*programs + "/" + name)
	}
	if err := run(context.Background(), s.cases(built)); err != nil {
		post("error", err.Error())
		return
	}
	post("done", "")
}

func post(kind, value string) {
	js.Global().Call("postMessage", map[string]any{"kind": kind, "value": value})
}

// fetch waits for a file as only a worker may.
func fetch(address string) []byte {
	request := js.Global().Get("XMLHttpRequest").New()
	request.Call("open", "GET", address, false)
	request.Set("responseType", "arraybuffer")
	request.Call("send")
	array := js.Global().Get("Uint8Array").New(request.Get("response"))
	b := make([]byte, array.Length())
	js.CopyBytesToGo(b, array)
	return b
}

// run posts what came of the cases, some to a message.
func run(ctx context.Context, all []sandboxtest.Case) error {
	box, err := jsbox.New()
	if err != nil {
		return err
	}
	post("name", box.Name())
	const most = 32
	var lines []string
	flush := func() {
		post("digests", strings.Join(lines, "\n"))
		lines = lines[:0]
	}
	keep := sandboxtest.Keep(box)
	for _, c := range all {
		if lines = append(lines, c.Digest(ctx, keep)); len(lines) == most {
			flush()
		}
	}
	if len(lines) > 0 {
		flush()
	}
	if err := keep.Close(); err != nil {
		return err
	}
	return deadline(ctx, box, all)
}

// deadline holds the box to ending a run with the deadline of its context,
// though no timer can ring while a module runs.
func deadline(ctx context.Context, box *jsbox.Box, all []sandboxtest.Case) error {
	for _, c := range all {
		if c.Name != "fuel/for ever" {
			continue
		}
		m, err := box.Load(ctx, c.Module, sandbox.Limits{Fuel: job.MaxFuel, Memory: 4})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		switch o, err := m.Run(ctx, nil); {
		case err == nil:
			return fmt.Errorf("a run beyond its deadline had the outcome %v", o)
		case !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("a run beyond its deadline: %w", err)
		}
	}
	return nil
}
