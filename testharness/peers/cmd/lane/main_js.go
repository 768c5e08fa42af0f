package main

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"

	"github.com/shoal-compute/shoal/webgpu/browser"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

func main() {
	ctx := context.Background()
	products := map[string]*product{"webgpu": {}, "webgl": {}}
	// offer makes f a function whose first argument is a lane.
	offer := func(f func(p *product, args []js.Value) error) js.Func {
		return js.FuncOf(func(_ js.Value, args []js.Value) any {
			return promise(func() error { return f(products[args[0].String()], args) })
		})
	}
	js.Global().Set("shoal", map[string]any{
		"open": offer(func(p *product, args []js.Value) error {
			a, b := make([]byte, args[2].Length()), make([]byte, args[3].Length())
			js.CopyBytesToGo(a, args[2])
			js.CopyBytesToGo(b, args[3])
			return p.open(ctx, args[0].String(), args[1].Int(), a, b)
		}),
		"run":   offer(func(p *product, _ []js.Value) error { return p.run(ctx) }),
		"close": offer(func(p *product, _ []js.Value) error { return p.close() }),
		"result": js.FuncOf(func(_ js.Value, args []js.Value) any {
			result := products[args[0].String()].result
			data := js.Global().Get("Uint8Array").New(len(result))
			js.CopyBytesToJS(data, result)
			return data
		}),
	})
	select {}
}

// promise runs f and settles with what it returns.
func promise(f func() error) js.Value {
	executor := js.FuncOf(func(_ js.Value, settle []js.Value) any {
		go func() {
			if err := f(); err != nil {
				settle[1].Invoke(js.Global().Get("Error").New(err.Error()))
				return
			}
			settle[0].Invoke()
		}()
		return nil
	})
	defer executor.Release() // the constructor has called it when it returns
	return js.Global().Get("Promise").New(executor)
}

// product is one product on one lane.
type product struct {
	dev    device.Device
	exe    device.Executable
	in     []device.Buffer
	result []byte
}

func (p *product) open(ctx context.Context, lane string, n int, operands ...[]byte) (err error) {
	cfg := browser.Config{Software: true, Version: "peers"} // tuned, as in production
	switch lane {
	case "webgpu":
		p.dev, err = browser.WebGPU(ctx, cfg)
	case "webgl":
		p.dev, err = browser.WebGL(ctx, cfg)
	default:
		err = fmt.Errorf("lane: no lane %q", lane)
	}
	if err != nil {
		return err
	}
	var b program.Builder
	x, y := b.Input("a", ops.Int8(-128, 127, n, n)), b.Input("b", ops.Int8(-128, 127, n, n))
	b.Output("c", b.One(ops.MatmulOp, []program.Value{x, y}, ops.NN(n, n, n).Attrs()...))
	prog, err := b.Build()
	if err != nil {
		return err
	}
	if p.exe, err = p.dev.Load(prog); err != nil {
		return err
	}
	for _, data := range operands {
		u, err := p.dev.Upload(data)
		if err != nil {
			return err
		}
		p.in = append(p.in, u)
	}
	p.result = make([]byte, 4*n*n)
	return nil
}

func (p *product) run(ctx context.Context) error {
	out, err := p.exe.Run(ctx, p.in)
	if err != nil {
		return err
	}
	defer out[0].Release()
	return out[0].Read(p.result)
}

func (p *product) close() error {
	for _, b := range p.in {
		b.Release()
	}
	err := errors.Join(p.exe.Close(), p.dev.Close())
	*p = product{}
	return err
}
