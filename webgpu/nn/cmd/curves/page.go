package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const preface = `# Learning curves

<!-- Made by "go run ./webgpu/nn/cmd/curves". Do not edit. -->

Every example trained in integers, as a job computes it (micro-batches, integer sums, the update program), next to its
float32 twin (package ` + "`twin`" + `), which starts from the same weights and sees the same batches in the same order. Losses are
nats per row. One seed each: differences below 0.01 nats or 0.3 % are noise.

The integer columns are the same on every machine, and so is the hash of the final weights. The float32 columns may
differ in their last digits.
`

// writePage makes CURVES.md and its pictures of the curves on disk.
func writePage(dir string) error {
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range subjects {
		c, err := load(dir, s.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		svg, err := c.picture(s.name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "curves", s.name+".svg"), svg, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n## %s\n\n", s.name)
		fmt.Fprintf(&b, "`examples/%s.yaml` with %s. Goal: %s (%s).\n\n", s.name, "`"+strings.Join(s.set, " ")+"`", s.goal, s.reason)
		fmt.Fprintf(&b, "![loss of %s](curves/%s.svg)\n\n", s.name, s.name)
		c.table(&b)
		fmt.Fprintf(&b, "\n`weights_sha256 %s`\n", c.weights)
	}
	return os.WriteFile(filepath.Join(dir, "CURVES.md"), []byte(b.String()), 0o644)
}

func (c *curve) table(b *strings.Builder) {
	if len(c.accuracy) > 0 {
		b.WriteString("| step | float32 loss | integer loss | float32 accuracy | integer accuracy |\n|---:|---:|---:|---:|---:|\n")
		for i, p := range c.val {
			a := c.accuracy[i]
			fmt.Fprintf(b, "| %d | %.4f | %.4f | %.2f %% | %.2f %% |\n", p.step, p.float, p.integer, 100*a.float, 100*a.integer)
		}
		return
	}
	b.WriteString("| step | float32 | integer | difference |\n|---:|---:|---:|---:|\n")
	for _, p := range c.val {
		fmt.Fprintf(b, "| %d | %.4f | %.4f | %+.4f |\n", p.step, p.float, p.integer, p.integer-p.float)
	}
}
