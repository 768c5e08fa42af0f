package peers

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/shoal-compute/shoal/wasm/simd"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Lanes that the page offers, ours first.
var Lanes = []string{
	"shoal wasm", "shoal wasm, b transposed", "shoal webgpu", "shoal webgl",
	"ort wasm u8xu8", "ort wasm u8xu8, constant b", "ort wasm u8xs8", "ort wasm u8xs8, constant b",
	"ort wasm s8xs8", "ort wasm s8xs8, constant b", "ort wasm f32",
	"ort webgpu s8xs8", "ort webgpu f32",
	"tfjs wasm f32", "tfjs webgl f32", "tfjs webgpu f32",
}

// Options say what Browser measures.
type Options struct {
	Lanes  []string      // nil: all
	Sizes  []int         // of the square products
	Rounds int           // every lane has a turn in each
	Turn   time.Duration // how long a turn lasts, at least; one run may take longer
	Budget time.Duration // a lane that has used so much for one size has no more turns
	Log    io.Writer     // progress, for people
}

// Browser measures products of square matrices in one page: all lanes take
// turns, size by size. A lane that fails has the reason in its result.
func Browser(ctx context.Context, m Modules, o Options) (*Report, error) {
	if o.Lanes == nil {
		o.Lanes = Lanes
	}
	program, err := buildLane(ctx, m)
	if err != nil {
		return nil, err
	}
	tab, stop, err := openPage(ctx, m, program)
	if err != nil {
		return nil, err
	}
	defer stop()
	rep := newReport("matmul in a page", ForPage)
	if rep.Browser, err = call[string](tab, "navigator.userAgent"); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	if rep.Device, err = call[string](tab, deviceOfPage); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	dev := simd.New(instance{tab}, device.Caps{Detail: "simd128 in a browser"})
	defer dev.Close()
	for _, n := range o.Sizes {
		results, err := compareSize(tab, dev, o, n)
		if err != nil {
			return nil, fmt.Errorf("peers: size %d: %w", n, err)
		}
		rep.Results = append(rep.Results, results...)
	}
	return rep, nil
}

// deviceOfPage names what stands behind WebGPU and WebGL2.
const deviceOfPage = `(async () => {
	const gl = new OffscreenCanvas(1, 1).getContext("webgl2"), gpu = await navigator.gpu?.requestAdapter();
	const info = gl?.getExtension("WEBGL_debug_renderer_info");
	return "WebGPU: " + (gpu ? gpu.info.vendor + " " + gpu.info.architecture : "none") +
		"; WebGL2: " + (gl ? gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "none");
})()`

// compareSize measures one size.
func compareSize(tab context.Context, dev device.Device, o Options, n int) ([]Result, error) {
	data := newOperands(n)
	signed := data.digest(true, true)
	unsigned := map[string]string{"u8xu8": data.digest(false, false), "u8xs8": data.digest(false, true)}
	for lane, l := range map[string]struct {
		data   operands
		layout ops.Layout
	}{
		"shoal wasm":               {data, ops.NN(n, n, n)},
		"shoal wasm, b transposed": {data.transposed(), ops.NT(n, n, n)},
	} {
		free, err := record(tab, dev, lane, l.data, l.layout)
		defer free()
		if err != nil {
			return nil, err
		}
	}
	results := make([]Result, len(o.Lanes))
	for i, lane := range o.Lanes {
		fmt.Fprintf(o.Log, "%d: %s\n", n, lane)
		r := &results[i]
		*r = Result{Lane: lane, Work: 2 * int64(n) * int64(n) * int64(n), Name: fmt.Sprintf("%d^3", n)}
		digest, err := call[string](tab, "peers.open(%q, %d)", lane, n)
		if err != nil {
			r.Failed = err.Error()
			continue
		}
		want := signed
		for kind, d := range unsigned {
			if strings.Contains(lane, kind) {
				want = d
			}
		}
		r.Digest, r.Exact = digest, digest == want
		// What a compiler learns from the first runs does not count.
		if r.took, err = call[[]float64](tab, "peers.run(%q, %d)", lane, o.warm().Milliseconds()); err != nil {
			return nil, fmt.Errorf("%s: %w", lane, err)
		}
		if sum(r.took) < o.spent() {
			r.took = nil
		}
	}
	for range o.Rounds {
		for i := range results {
			r := &results[i]
			if r.Failed != "" || sum(r.took) >= o.spent() {
				continue
			}
			took, err := call[[]float64](tab, "peers.run(%q, %d)", r.Lane, o.Turn.Milliseconds())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Lane, err)
			}
			r.took = append(r.took, took...)
		}
	}
	for i := range results {
		if r := &results[i]; r.Failed == "" {
			r.summarise()
			if _, err := call[chromedp.Void](tab, "peers.close(%q)", r.Lane); err != nil {
				return nil, fmt.Errorf("%s: %w", r.Lane, err)
			}
		}
	}
	return results, nil
}

// warm is how long a lane runs before its first turn.
func (o Options) warm() time.Duration { return 4 * o.Turn }

// spent is the budget in milliseconds.
func (o Options) spent() float64 { return o.Budget.Seconds() * 1e3 }

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
