package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
)

// How much runs in the browser.
const (
	seed     = 1
	perOp    = 16
	programs = 40
	maxOps   = 24
)

func cases() ([]devicetest.Case, error) {
	all := devicetest.Cases(seed, perOp)
	for i := range programs {
		all = append(all, devicetest.ProgramCase(seed, i, maxOps))
	}
	models, err := devicetest.Models()
	return append(all, models...), err
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
