package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// doublePrinter prints kernels as their names. Steps write their first output
// by way of a temporary, in two passes, unless it is added to.
type doublePrinter struct {
	binding int64
	refuse  func(*kernel.Kernel) bool
}

func (*doublePrinter) Name() string { return "double" }

var errRefused = errors.New("refused")

func (p *doublePrinter) Step(in *kernel.Instance) (*launch.Step, error) {
	k := in.Kernel
	if p.refuse != nil && p.refuse(k) {
		return nil, errRefused
	}
	added := map[int]bool{}
	for _, s := range k.Stores {
		added[s.Buf] = added[s.Buf] || s.Add
	}
	code := &launch.Code{Key: k.Name, Text: k.Name, Entry: "main", Lanes: 64, Params: 2 + len(in.Params) + len(in.Lens)}
	pass := launch.Pass{Code: code, Params: []int32{int32(in.Rows), int32(in.Cols)}, Groups: in.Rows*in.Cols/64 + 1}
	pass.Params = append(pass.Params, in.Params...)
	step := &launch.Step{}
	temp := -1
	for b, buf := range k.Bufs {
		n := in.Lens[b]
		pass.Params = append(pass.Params, int32(n))
		at := b
		switch {
		case buf.Out && added[b]:
			pass.Clear = append(pass.Clear, b)
		case buf.Out && temp < 0:
			temp = b
			at = len(k.Bufs)
			step.Temps = []launch.Temp{{DType: buf.DType, Elems: n}}
		}
		p.bind(&pass, at, buf.DType, n, buf.Out)
	}
	step.Passes = []launch.Pass{pass}
	if temp >= 0 {
		buf, n := k.Bufs[temp], in.Lens[temp]
		c := launch.Pass{
			Code:   &launch.Code{Key: "copy " + buf.DType.String(), Text: "copy", Entry: "main", Lanes: 64, Params: 1},
			Params: []int32{int32(n)}, Groups: n/64 + 1,
		}
		p.bind(&c, len(k.Bufs), buf.DType, n, false)
		p.bind(&c, temp, buf.DType, n, true)
		step.Passes = append(step.Passes, c)
	}
	return step, nil
}

// bind binds all parts of memory buf. Their number is part of the code.
func (p *doublePrinter) bind(pass *launch.Pass, buf int, t kernel.DType, elems int, write bool) {
	parts := int((int64(elems*t.Size()) + p.binding - 1) / p.binding)
	for i := range parts {
		pass.Refs = append(pass.Refs, launch.Ref{Buf: buf, Part: i})
		pass.Code.Bindings = append(pass.Code.Bindings, launch.Binding{DType: t, Write: write})
	}
	pass.Code.Key += fmt.Sprint(" ", parts)
}

func (p *doublePrinter) Codes(*kernel.Kernel) []*launch.Code { return nil }

var kernels = func() map[string]*kernel.Kernel {
	all := map[string]*kernel.Kernel{}
	for _, k := range append(plan.Kernels(), plan.FusedKernels()...) {
		all[k.Name] = k
	}
	return all
}()

// perform runs one dispatch on its parts.
func perform(code *launch.Code, params []int32, parts [][]byte) error {
	join := func(from [][]byte) []byte {
		var all []byte
		for _, p := range from {
			all = append(all, p...)
		}
		return all
	}
	split := func(all []byte, to [][]byte) {
		for _, p := range to {
			all = all[copy(p, all):]
		}
	}
	if code.Text == "sum" {
		for i := range int(params[0]) {
			v := element(kernel.I32, parts[0][4*i:]) + element(kernel.I32, parts[1][4*i:]) + int64(params[1])
			binary.LittleEndian.PutUint32(parts[2][4*i:], uint32(v))
		}
		return nil
	}
	// Bindings of one memory are those that the key counts.
	fields := strings.Fields(code.Key)
	var counts []int
	for len(fields) > 0 {
		var n int
		if _, err := fmt.Sscan(fields[len(fields)-1], &n); err != nil {
			break
		}
		counts = append([]int{n}, counts...)
		fields = fields[:len(fields)-1]
	}
	var groups [][][]byte
	for _, n := range counts {
		groups = append(groups, parts[:n])
		parts = parts[n:]
	}
	if fields[0] == "copy" {
		n := int(params[0]) * map[string]int{"i8": 1, "i16": 2, "i32": 4}[fields[1]]
		split(join(groups[0])[:n], groups[1])
		return nil
	}
	k := kernels[code.Text]
	in := &kernel.Instance{Kernel: k, Rows: int(params[0]), Cols: int(params[1]), Params: params[2 : 2+len(k.Params)]}
	var bufs [][]byte
	for b, n := range params[2+len(k.Params):] {
		in.Lens = append(in.Lens, int(n))
		bufs = append(bufs, join(groups[b])[:int(n)*k.Bufs[b].DType.Size()])
	}
	for _, s := range k.Stores {
		if !s.Add {
			clear(bufs[s.Buf])
		}
	}
	if err := reference.Interpret(context.Background(), in, bufs); err != nil {
		return err
	}
	for b, buf := range k.Bufs {
		if buf.Out {
			split(bufs[b], groups[b])
		}
	}
	return nil
}
