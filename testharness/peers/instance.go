package peers

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// instance is the wasm lane's module in the page; the device's logic runs
// here.
type instance struct{ tab context.Context }

var _ simd.Instance = instance{}

// call evaluates an expression in a page, which may give a promise.
func call[T any](tab context.Context, format string, args ...any) (T, error) {
	return chromedp.Run(tab, chromedp.Evaluate[T](fmt.Sprintf(format, args...), chromedp.EvalAwaitPromise))
}

// Size implements simd.Instance. A page that does not answer has no memory.
func (i instance) Size() uint64 {
	n, err := call[float64](i.tab, "peers.instance.size()")
	if err != nil {
		return 0
	}
	return uint64(n)
}

// Grow implements simd.Instance.
func (i instance) Grow(pages uint32) error {
	_, err := call[float64](i.tab, "peers.instance.grow(%d)", pages)
	return err
}

// chunk bounds what one message to the page carries.
const chunk = 3 << 20

// Write implements simd.Instance.
func (i instance) Write(ptr uint32, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), chunk)
		if _, err := call[chromedp.Void](i.tab, "peers.instance.write(%d, %q)", ptr, base64.StdEncoding.EncodeToString(data[:n])); err != nil {
			return err
		}
		ptr, data = ptr+uint32(n), data[n:]
	}
	return nil
}

// Read implements simd.Instance.
func (i instance) Read(ptr uint32, dst []byte) error {
	text, err := call[string](i.tab, "peers.instance.read(%d, %d)", ptr, len(dst))
	if err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(data) != len(dst) {
		return fmt.Errorf("peers: the page gave %d bytes, want %d: %w", len(data), len(dst), err)
	}
	copy(dst, data)
	return nil
}

// Run implements simd.Instance.
func (i instance) Run(steps, count uint32) error {
	_, err := call[chromedp.Void](i.tab, "peers.instance.run(%d, %d)", steps, count)
	return err
}

// Close implements simd.Instance.
func (i instance) Close() error { return nil }

// record runs a product on the wasm lane once, so that the page can make the
// same calls again. What the product needs stays on the device until free is
// called.
func record(tab context.Context, dev device.Device, lane string, o operands, l ops.Layout) (free func(), err error) {
	var owned []interface{ Release() }
	free = func() {
		for _, b := range owned {
			b.Release()
		}
	}
	var b program.Builder
	x, y := b.Input("a", ops.Int8(-128, 127, o.n, o.n)), b.Input("b", ops.Int8(-128, 127, o.n, o.n))
	b.Output("c", b.One(ops.MatmulOp, []program.Value{x, y}, l.Attrs()...))
	p, err := b.Build()
	if err != nil {
		return free, err
	}
	exe, err := dev.Load(p)
	if err != nil {
		return free, err
	}
	owned = append(owned, closing{exe})
	var in []device.Buffer
	for _, data := range [][]byte{o.a, o.b} {
		u, err := dev.Upload(data)
		if err != nil {
			return free, err
		}
		owned, in = append(owned, u), append(in, u)
	}
	if _, err := call[chromedp.Void](tab, "peers.instance.record(%q)", lane); err != nil {
		return free, err
	}
	out, err := exe.Run(tab, in)
	if err != nil {
		return free, err
	}
	owned = append(owned, out[0])
	// Reading tells the page where the result is.
	return free, out[0].Read(make([]byte, out[0].Size()))
}

// closing releases an executable.
type closing struct{ device.Executable }

func (c closing) Release() { _ = c.Close() }
