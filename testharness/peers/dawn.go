package peers

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/shoal-compute/shoal/webgpu/launch"
)

//go:embed node/dawn.mjs
var dawnScript string

// Dawn is Chromium's implementation of WebGPU in a process of node. It runs and
// compiles what our printers print. It is for one goroutine.
type Dawn struct {
	Adapter string

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Backends of Dawn.
const (
	// Vulkan runs code on the device whose driver VK_ICD_FILENAMES names, or
	// on the system's.
	Vulkan = "vulkan"
	// Null has no device: it only checks code.
	Null = "null"
)

// OpenDawn starts Dawn with a backend.
func OpenDawn(ctx context.Context, m Modules, backend string) (*Dawn, error) {
	d := &Dawn{cmd: exec.CommandContext(ctx, "node", "--input-type=module", "--eval", dawnScript, backend)}
	d.cmd.Dir = m.dir
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("peers: dawn: %w", err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("peers: dawn: %w", err)
	}
	d.out = bufio.NewReaderSize(out, 1<<20)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("peers: dawn: %w", err)
	}
	if d.Adapter, err = ask[string](d, request{Do: "info"}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close ends the process.
func (d *Dawn) Close() error {
	d.in.Close()
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("peers: dawn: %w", err)
	}
	return nil
}

// request is a line to the script.
type request struct {
	Do     string    `json:"do"`
	Code   *dawnCode `json:"code,omitempty"`
	Step   *dawnStep `json:"step,omitempty"`
	Memory int       `json:"memory"`
	Size   int       `json:"size"`
	Ms     int64     `json:"ms"`
}

type dawnCode struct {
	Text     string        `json:"text"`
	Entry    string        `json:"entry"`
	Params   int           `json:"params"`
	Bindings []dawnBinding `json:"bindings"`
}

type dawnBinding struct {
	Write bool `json:"write"`
}

type dawnStep struct {
	Memories []dawnMemory `json:"memories"`
	Passes   []dawnPass   `json:"passes"`
}

type dawnMemory struct {
	Size int    `json:"size"`
	Data []byte `json:"data,omitempty"`
}

type dawnPass struct {
	Code   *dawnCode `json:"code"`
	Clear  []int     `json:"clear"`
	Refs   []int     `json:"refs"`
	Params []int32   `json:"params"`
	Grid   [2]int    `json:"grid"`
}

// ask sends a request and waits for its answer.
func ask[T any](d *Dawn, r request) (T, error) {
	var answer struct {
		Value T
		Error string
	}
	line, err := json.Marshal(r)
	if err != nil {
		return answer.Value, fmt.Errorf("peers: dawn: %w", err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		return answer.Value, fmt.Errorf("peers: dawn: %w", err)
	}
	line, err = d.out.ReadBytes('\n')
	if err != nil {
		return answer.Value, fmt.Errorf("peers: dawn: %w", err)
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return answer.Value, fmt.Errorf("peers: dawn: %w", err)
	}
	if answer.Error != "" {
		return answer.Value, fmt.Errorf("peers: dawn: %s", answer.Error)
	}
	return answer.Value, nil
}

// Compile reports what Dawn's compiler has against a code, and against what it
// is bound to.
func (d *Dawn) Compile(c *launch.Code) error {
	if _, err := ask[bool](d, request{Do: "compile", Code: codeOf(c)}); err != nil {
		return fmt.Errorf("%s: %w", c.Key, err)
	}
	return nil
}

func codeOf(c *launch.Code) *dawnCode {
	d := &dawnCode{Text: c.Text, Entry: c.Entry, Params: c.Params, Bindings: []dawnBinding{}}
	for _, b := range c.Bindings {
		d.Bindings = append(d.Bindings, dawnBinding{Write: b.Write})
	}
	return d
}
