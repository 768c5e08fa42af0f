// Command cost measures what full verification of a training shard takes, by
// running it again and by a witness, for decoders of growing width, on one
// thread of the cpu lane.
//
//	go run ./webgpu/witness/cmd/cost                                     # the lane this processor has
//	go run ./webgpu/witness/cmd/cost -features avx2                      # a lesser one
//	GODEBUG=cpu.avx2=off go run ./webgpu/witness/cmd/cost -widths 128,256,512   # no vector units, checks included
//
// It writes cost.csv, cost.svg and the tables of COST.md. Rows of other lanes
// and widths stay as they are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/nn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	flags.SetOutput(log)
	dir := flags.String("o", "webgpu/witness", "directory of cost.csv, cost.svg and COST.md")
	widths := flags.String("widths", "128,256,512,1024,2048", "widths of the decoder; none: tables and picture alone, from cost.csv")
	features := flags.String("features", "", "features of the cpu lane; empty: the best there are")
	layers := flags.Int("layers", 2, "layers of the decoder")
	batch := flags.Int("batch", 16, "sequences of 64 tokens in a shard")
	rounds := flags.Int("rounds", 9, "rounds of measuring, of which the shortest counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	debug.SetMemoryLimit(7 << 29) // tensors are few and large: garbage should not double them

	t, err := load(filepath.Join(*dir, "cost.csv"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, field := range strings.Split(*widths, ",") {
		if field == "none" {
			break
		}
		width, err := strconv.Atoi(field)
		if err != nil || width < 32 || width%32 != 0 {
			return fmt.Errorf("-widths: %q is no multiple of 32", field)
		}
		r, err := measure(ctx, nn.Config{
			Arch: nn.Decoder, Vocab: 128, Dim: width, Layers: *layers, Heads: width / 32, Context: 64,
		}, *batch, bench{features: *features, rounds: *rounds})
		if err != nil {
			return fmt.Errorf("width %d: %w", width, err)
		}
		fmt.Fprintln(log, r.line())
		t = t.with(r)
		if err := t.save(filepath.Join(*dir, "cost.csv")); err != nil {
			return err
		}
	}
	svg, err := t.picture()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*dir, "cost.svg"), svg, 0o644); err != nil {
		return err
	}
	return t.writePage(filepath.Join(*dir, "COST.md"))
}
