package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

func main() {
	var s selection
	lane := flag.String("lane", "wasm", "lane to run")
	printers := flag.String("printers", "", "variants of the lane's code, divided by commas; empty: the safest")
	binding := flag.Int64("binding", 0, "bytes of one binding at most; 0: as many as can be")
	explain := flag.Bool("explain", false, "compare with the reference here, and say what differs")
	speed := flag.Bool("speed", false, "measure the lane's speed too")
	flag.Uint64Var(&s.seed, "seed", 1, "of the cases")
	flag.IntVar(&s.perOp, "per-op", 1, "cases of each op")
	flag.IntVar(&s.programs, "programs", 1, "random programs")
	flag.StringVar(&s.only, "only", "", "names of the cases to run, divided by commas")
	flag.IntVar(&s.largest, "largest", 0, "bytes of a tensor of the cases at most; 0: any size")
	flag.Parse()
	for printer := range strings.SplitSeq(*printers, ",") {
		ctx := context.Background()
		dev, err := open(ctx, *lane, printer, *binding)
		if err == nil {
			err = errors.Join(run(ctx, dev, s, *explain, *speed), dev.Close())
		}
		if err != nil {
			post("error", err.Error())
			return
		}
	}
	post("done", "")
}

func post(kind, value string) {
	js.Global().Call("postMessage", map[string]any{"kind": kind, "value": value})
}

func run(ctx context.Context, dev device.Device, s selection, explain, speed bool) error {
	post("device", dev.Caps().Detail)
	all, err := s.cases()
	if err != nil {
		return err
	}
	if explain {
		return explainAll(ctx, dev, all)
	}
	if err := digestAll(ctx, dev, all); err != nil {
		return err
	}
	if speed {
		return measureAll(ctx, dev)
	}
	return nil
}

// digestAll posts the digests as they come, some to a message.
func digestAll(ctx context.Context, dev device.Device, all []devicetest.Case) error {
	const most = 32
	var lines []string
	flush := func() {
		post("digests", strings.Join(lines, "\n"))
		lines = lines[:0]
	}
	for _, c := range all {
		d, err := digest(ctx, dev, c)
		if errors.Is(err, device.ErrLost) {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		if err != nil { // stands in the digest's place, on one line
			d = strings.Join(strings.Fields(err.Error()), " ")
		}
		if lines = append(lines, d); len(lines) == most {
			flush()
		}
	}
	if len(lines) > 0 {
		flush()
	}
	return nil
}

// explainAll runs the cases beside the reference, which reduces each fault to
// its smallest part.
func explainAll(ctx context.Context, dev device.Device, all []devicetest.Case) error {
	for _, c := range all {
		if err := devicetest.Compare(ctx, dev, c); err != nil {
			post("fault", err.Error())
		}
	}
	return nil
}
