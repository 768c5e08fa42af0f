package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strconv"
	"syscall/js"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/testharness/lab"
	"github.com/shoal-compute/shoal/wasm/browser"
	"github.com/shoal-compute/shoal/wasm/simd"
	gpu "github.com/shoal-compute/shoal/webgpu/browser"
	"github.com/shoal-compute/shoal/webgpu/device"
)

func main() {
	software := flag.Bool("software", false, "accept a GPU that a processor plays")
	flag.Parse()
	err := run(context.Background(), flag.Args(), *software)
	switch {
	case errors.Is(err, device.ErrUnavailable):
		post("unavailable", err.Error())
	case err != nil:
		post("error", err.Error())
	}
}

// post says something to the page, and with it to whoever opened it.
func post(kind string, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		kind, text = "error", []byte(strconv.Quote(err.Error()))
	}
	js.Global().Call("postMessage", map[string]any{"kind": kind, "value": string(text)})
}

func run(ctx context.Context, args []string, software bool) error {
	if len(args) < 2 {
		return errors.New("lab: want what to do and a lane")
	}
	numbers := make([]int, len(args)-2)
	for i, text := range args[2:] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		numbers[i] = n
	}
	dev, err := open(ctx, args[1], software)
	if err != nil {
		return err
	}
	defer dev.Close()
	result, err := work(ctx, dev, args[0], numbers)
	if err != nil {
		return err
	}
	post("result", result)
	return nil
}

func work(ctx context.Context, dev device.Device, what string, numbers []int) (any, error) {
	switch {
	case what == "product" && len(numbers) == 1:
		n := numbers[0]
		p, err := lab.NewProduct(n, n, n)
		if err != nil {
			return nil, err
		}
		return p.Measure(ctx, dev)
	case what == "train" && len(numbers) == 1:
		spec, err := spec(ctx)
		if err != nil {
			return nil, err
		}
		return lab.Train(ctx, dev, spec, file, numbers[0])
	case what == "reproduce" && len(numbers) == 0:
		spec, err := spec(ctx)
		if err != nil {
			return nil, err
		}
		_, r, err := lab.Reproduce(ctx, dev, spec, file, func(r job.Report) { post("progress", r) })
		return r, err
	case what == "suites" && len(numbers) == 4:
		o := lab.SuiteOptions{Seed: uint64(numbers[0]), Cases: numbers[1], Programs: numbers[2], MaxOps: numbers[3]}
		caps := dev.Caps()
		return map[string]string{"lane": caps.Lane, "detail": caps.Detail},
			lab.Suites(ctx, dev, o, func(s lab.Suite) { post("suite", s) })
	}
	return nil, fmt.Errorf("lab: cannot do %q with %d numbers", what, len(numbers))
}

func open(ctx context.Context, lane string, software bool) (device.Device, error) {
	switch lane {
	case "webgpu":
		return gpu.WebGPU(ctx, gpu.Config{Software: software, Version: "lab"})
	case "webgl":
		return gpu.WebGL(ctx, gpu.Config{Software: software, Version: "lab"})
	case "wasm":
		m, err := browser.Instantiate(ctx, simd.Module, simd.MemoryName, simd.RunName, browser.NewYielder())
		if err != nil {
			return nil, err
		}
		return simd.New(m, device.Caps{Detail: "simd128 " + browser.Name(), Memory: 1 << 30}), nil
	}
	return nil, fmt.Errorf("lab: no lane %q", lane)
}

// maxFile bounds what is fetched.
const maxFile = 1 << 30

func spec(ctx context.Context) (*job.Spec, error) {
	text, err := browser.Fetch(ctx, "/job", maxFile)
	if err != nil {
		return nil, fmt.Errorf("lab: job file: %w", err)
	}
	return jobfile.Parse(text)
}

func file(ctx context.Context, name string) ([]byte, error) {
	return browser.Fetch(ctx, "/data/"+url.PathEscape(name), maxFile)
}
