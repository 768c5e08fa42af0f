package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// selection says which cases run.
type selection struct {
	seed     uint64
	perOp    int    // cases of each op
	programs int    // random programs
	only     string // names, divided by commas; empty: all
	largest  int    // bytes of a tensor; 0: any size
}

// maxOps is how many ops a random program has at most.
const maxOps = 24

func (s selection) cases() ([]devicetest.Case, error) {
	all := devicetest.Batches(s.seed, s.perOp)
	for i := range s.programs {
		all = append(all, devicetest.ProgramCase(s.seed, i, maxOps))
	}
	models, err := devicetest.Models()
	if err != nil {
		return nil, err
	}
	all = append(all, models...)
	if s.largest > 0 {
		all = slices.DeleteFunc(all, func(c devicetest.Case) bool { return largest(c.Program) > s.largest })
	}
	if s.only == "" {
		return all, nil
	}
	names := strings.Split(s.only, ",")
	all = slices.DeleteFunc(all, func(c devicetest.Case) bool {
		op, _, _ := strings.Cut(c.Name, "/")
		return !slices.Contains(names, c.Name) && !slices.Contains(names, op)
	})
	for _, c := range devicetest.Cases(s.seed, s.perOp) {
		if slices.Contains(names, c.Name) {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("conformance: none of the cases is named %s", s.only)
	}
	return all, nil
}

// largest is the size of a program's largest tensor in bytes.
func largest(p *program.Program) int {
	size := 0
	for v := range p.Values() {
		size = max(size, p.Type(v).Bytes())
	}
	return size
}

// digest runs a case and hashes the program with everything it returns.
func digest(ctx context.Context, dev device.Device, c devicetest.Case) (string, error) {
	out, err := device.Run(ctx, dev, c.Program, devicetest.RandomInputs(c.Program, c.Seed))
	if err != nil {
		return "", err
	}
	h := sha256.New()
	h.Write(c.Program.Encode())
	for _, o := range out {
		h.Write(o)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
