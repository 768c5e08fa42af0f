package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/freivalds"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/witness"
)

// newWitness is `shoal program witness`: what full verification takes.
func newWitness(s streams) *cobra.Command {
	var (
		set    []string
		name   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "witness FILE",
		Short: "Verify a run of a program without doing its matrix products again, and print what it took",
		Long: "Witness runs a program, or each program that a job file makes, on random inputs; runs it once more keeping\n" +
			"the accumulators of its matrix products; and verifies that run from them: products by Freivalds' check, all\n" +
			"other ops by computing them again. It prints what each of the three took.",
		Args: exactly(1, "a program file or a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := findLane(c, name)
			if err != nil {
				return err
			}
			if l.open == nil {
				return usagef(c, "--device: %s needs a browser", name)
			}
			programs, err := readPrograms(c.Context(), s, args[0], set)
			if err != nil {
				return err
			}
			return witnessPrograms(c.Context(), s, l, programs, asJSON)
		},
	}
	setFlag(c, &set)
	deviceFlag(c, &name)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// witnessed is what verification of one program took.
type witnessed struct {
	ID           string  `json:"program"`
	Use          string  `json:"use,omitempty"`
	Products     int     `json:"products"`
	RunOps       int64   `json:"run_ops"`
	VerifyOps    int64   `json:"verify_ops"`
	ProverOps    int64   `json:"prover_ops"`
	WitnessBytes int64   `json:"witness_bytes"`
	OutputBytes  int64   `json:"output_bytes"`
	RunSeconds   float64 `json:"run_seconds"`
	ProveSeconds float64 `json:"prove_seconds"`
	CheckSeconds float64 `json:"verify_seconds"`
}

func witnessPrograms(ctx context.Context, s streams, l lane, programs []train.Program, asJSON bool) error {
	dev, err := openLane(ctx, l)
	if err != nil {
		return err
	}
	var all []witnessed
	for _, p := range programs {
		w, failed := witnessProgram(ctx, dev, p)
		if failed != nil {
			err = failed
			break
		}
		all = append(all, w)
	}
	if err := errors.Join(err, dev.Close()); err != nil {
		return err
	}
	if asJSON {
		return writeJSON(s.out, map[string]any{"programs": all, "device": l.name})
	}
	for _, w := range all {
		if w.Use != "" {
			fmt.Fprintf(s.out, "# %s\n", w.Use)
		}
		fmt.Fprintf(s.out, "program  %s\nproducts %d\nwitness  %d bytes, beside %d of outputs\n", w.ID, w.Products, w.WitnessBytes, w.OutputBytes)
		fmt.Fprintf(s.out, "run      %d operations, %.4f s\nprove    %d operations, %.4f s\nverify   %d operations, %.4f s\n",
			w.RunOps, w.RunSeconds, w.ProverOps, w.ProveSeconds, w.VerifyOps, w.CheckSeconds)
	}
	return nil
}

// witnessProgram runs, proves and verifies one program. Programs are loaded
// before the clock starts: a hub loads one for many shards.
func witnessProgram(ctx context.Context, dev device.Device, p train.Program) (w witnessed, err error) {
	split, err := witness.New(p.Program, nil)
	if err != nil {
		return w, err
	}
	price := split.Price()
	w = witnessed{
		ID: p.ID().String(), Use: p.Use, Products: len(split.Products()),
		RunOps: price.Run, VerifyOps: price.Verify(), ProverOps: price.Prover, WitnessBytes: price.Witness,
	}
	for _, o := range p.Outputs() {
		w.OutputBytes += int64(o.Type.Bytes())
	}
	inputs := randomInputs(p.Program)
	if _, w.RunSeconds, err = timed(ctx, dev, p.Program, inputs); err != nil {
		return w, err
	}
	var all [][]byte
	if all, w.ProveSeconds, err = timed(ctx, dev, split.Prover(), inputs); err != nil {
		return w, err
	}
	outputs, parts, err := split.Divide(all)
	if err != nil {
		return w, err
	}
	v, err := witness.Load(split, dev)
	if err != nil {
		return w, err
	}
	for range 2 { // the first warms up
		start := time.Now()
		err = v.Check(ctx, freivalds.NewKey(), 1, inputs, outputs, parts)
		w.CheckSeconds = time.Since(start).Seconds()
		if err != nil {
			break
		}
	}
	var product *witness.ProductError
	var output *witness.OutputError
	if errors.As(err, &product) || errors.As(err, &output) {
		err = &verificationError{err.Error()} // the lane contradicts itself
	}
	return w, errors.Join(err, v.Close())
}

// timed loads and runs p.
func timed(ctx context.Context, dev device.Device, p *program.Program, inputs [][]byte) (outputs [][]byte, seconds float64, err error) {
	exe, err := dev.Load(p)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, exe.Close()) }()
	for range 2 { // the first warms up
		start := time.Now()
		if outputs, err = device.Execute(ctx, dev, exe, inputs); err != nil {
			return nil, 0, err
		}
		seconds = time.Since(start).Seconds()
	}
	return outputs, seconds, nil
}

// randomInputs are values within the ranges that the program declares, the
// same ones every time.
func randomInputs(p *program.Program) [][]byte {
	rng := rand.New(rand.NewPCG(1, 0))
	inputs := make([][]byte, len(p.Inputs()))
	for i, port := range p.Inputs() {
		size, r := port.Type.DType.Size(), port.Type.Range
		data := make([]byte, 0, port.Type.Bytes()+8)
		for len(data) < port.Type.Bytes() {
			v := uint64(r.Lo + rng.Int64N(r.Hi-r.Lo+1))
			data = binary.LittleEndian.AppendUint64(data, v)[:len(data)+size]
		}
		inputs[i] = data
	}
	return inputs
}
