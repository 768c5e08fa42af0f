//go:build !js && !wasip1

package main

import (
	"context"
	"fmt"

	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// truth is what the reference says, by the names of cases: lanes run the same
// ones. It is used from one goroutine at a time.
type truth map[string]string

// learn runs the cases that are not known yet.
func (k truth) learn(ctx context.Context, all []devicetest.Case) error {
	for _, c := range all {
		if k[c.Name] != "" {
			continue
		}
		d, err := digest(ctx, reference.New(), c)
		if err != nil {
			return fmt.Errorf("reference: %s: %w", c.Name, err)
		}
		k[c.Name] = d
	}
	return nil
}
