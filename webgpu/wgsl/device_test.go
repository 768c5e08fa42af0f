package wgsl_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	native "github.com/shoal-compute/shoal/native/gpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/gpu"
	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// drivers play a GPU on the processor. The Vulkan loader reads its variables
// once in a process, so that every driver has one of its own.
var drivers = map[string]string{
	"lavapipe":    "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json",
	"swiftshader": "/usr/lib/chromium/vk_swiftshader_icd.json",
}

const driverEnv = "SHOAL_TEST_WGSL_DRIVER"

// onDrivers runs the calling test once for each driver, in a process in which
// it returns true.
func onDrivers(t *testing.T) bool {
	if os.Getenv(driverEnv) != "" {
		return true
	}
	for name, file := range drivers {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(file); err != nil {
				if os.Getenv("SHOAL_REQUIRE") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			if testing.Short() && name != "lavapipe" {
				t.Skip("takes long")
			}
			args := []string{"-test.run=^" + strings.SplitN(t.Name(), "/", 2)[0] + "$", "-test.v"}
			if testing.Short() {
				args = append(args, "-test.short")
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), driverEnv+"="+name, "VK_ICD_FILENAMES="+file, "VK_DRIVER_FILES="+file)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(string(out), "--- PASS") {
				t.Fatalf("nothing ran:\n%s", out)
			}
		})
	}
	return false
}

// on runs f with a device whose printer has options o, but for the limits.
func on(t *testing.T, o wgsl.Options, f func(t *testing.T, dev device.Device, use *usage)) {
	t.Helper()
	t.Run(wgsl.New(o).Name(), func(t *testing.T) {
		m, err := native.Open(t.Context(), native.Config{Software: true})
		if err != nil {
			t.Fatal(err)
		}
		o.Limits = m.Info().Limits
		use := &usage{Printer: wgsl.New(o), keys: map[string]bool{}}
		dev, err := gpu.New(t.Context(), gpu.Config{Machine: m, Printer: use})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := dev.Close(); err != nil {
				t.Error("close:", err)
			}
		}()
		f(t, dev, use)
	})
}

// usage is a printer that notes which codes were asked for.
type usage struct {
	launch.Printer
	keys map[string]bool
}

func (u *usage) Step(in *kernel.Instance) (*launch.Step, error) {
	s, err := u.Printer.Step(in)
	if err == nil {
		for _, p := range s.Passes {
			u.keys[p.Code.Key] = true
		}
	}
	return s, err
}

// products are contractions in every pair of layouts: with columns that are
// multiples of four and not, and k that is and is not, all or one each. They
// are as large as the tile asks for.
func products(t *testing.T, def *ops.Def, tile wgsl.Tile, all bool) []devicetest.Case {
	t.Helper()
	m, n := 13, 20
	if tile.Shared {
		m, n = 16*tile.M-3, 16*tile.N-4
	}
	sizes := [][2]int{{n, 36}, {n + 3, 39}, {n, 39}, {n + 3, 36}}
	var cases []devicetest.Case
	for i, a := range "kxb" {
		for j, b := range "kxb" {
			some := sizes
			if !all {
				some = sizes[(i+j)%4:][:1]
			}
			for _, s := range some {
				cases = append(cases, product(t, def, a, b, ops.Layout{B0: 2, B1: 3, M: m, N: s[0], K: s[1]}))
			}
		}
	}
	return append(cases,
		product(t, def, 'k', 'k', ops.Layout{B0: 1, B1: 1, M: m, N: n, K: 1030}), // cut along k, if shared
		product(t, def, 'x', 'x', ops.Layout{B0: 2, B1: 1, M: m, N: n, K: 1036}),
		product(t, def, 'x', 'x', ops.Layout{B0: 1, B1: 1, M: 3*m - 1, N: 2*n + 4, K: 68})) // several tiles
}

// product is a contraction whose operands have their words along k, along the
// other dimension, or nowhere.
func product(t *testing.T, def *ops.Def, a, b rune, l ops.Layout) devicetest.Case {
	t.Helper()
	var sizeA, sizeB int
	l.AOff, l.AB0, l.AB1, l.AM, l.AK, sizeA = strides(a, l.M, l.K)
	l.BOff, l.BB0, l.BB1, l.BN, l.BK, sizeB = strides(b, l.N, l.K)
	var p program.Builder
	in := []program.Value{p.Input("a", ops.Int8(-128, 127, sizeA)), p.Input("b", ops.Int8(-128, 127, sizeB))}
	var extra []int32
	if def == ops.MatmulShiftOp {
		in = append(in, p.Input("ea", ops.Int32(-3, 3, l.B0*l.B1*l.M)), p.Input("eb", ops.Int32(-3, 3, 1)))
		extra = []int32{4, 1 << 20}
	}
	p.Output("out", p.One(def, in, l.Attrs(extra...)...))
	built, err := p.Build()
	if err != nil {
		t.Fatal(err)
	}
	return devicetest.Case{Name: fmt.Sprintf("%s %c%c %dx%dx%d", def.Name, a, b, l.M, l.N, l.K), Program: built, Seed: uint64(l.M + l.N + l.K)}
}

// strides lay an operand of x rows or columns out in a layout, two batches of
// three.
func strides(layout rune, x, k int) (off, b0, b1, sx, sk, size int) {
	up := func(n int) int { return (n + 3) / 4 * 4 }
	switch layout {
	case 'k':
		off, sx, sk, b1 = 4, up(k)+4, 1, x*(up(k)+4)
	case 'x':
		off, sx, sk, b1 = 8, 1, up(x), k*up(x)
	default:
		off, sx, sk, b1 = 3, k+2, 1, x*(k+2)+1
	}
	b0 = 3 * b1
	return off, b0, b1, sx, sk, off + 2*b0
}

// TestProducts compares products of every variant with the reference, those of
// the first in every text there is.
func TestProducts(t *testing.T) {
	if !onDrivers(t) {
		return
	}
	for i, o := range wgsl.Variants(limits, true) {
		first := i == 0
		on(t, o, func(t *testing.T, dev device.Device, use *usage) {
			cases := products(t, ops.MatmulOp, o.Tile, first)
			if first {
				cases = append(cases, products(t, ops.MatmulShiftOp, o.Tile, false)...)
			}
			for _, c := range cases {
				if err := devicetest.Compare(t.Context(), dev, c); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range use.Codes(ops.MatmulOp.Kernel) {
				if first && !use.keys[c.Key] {
					t.Errorf("%s was not run", c.Key)
				}
			}
			ran := fmt.Sprint(use.keys)
			if tile := fmt.Sprintf("matmul %v ", o.Tile); !strings.Contains(ran, tile) || strings.Contains(ran, "/matmul 4x4 ") && o.Tile.Shared {
				t.Errorf("not all products were made of %s", tile)
			}
			if o.Tile.Shared && !strings.Contains(ran, ".cut") {
				t.Error("nothing was cut along k")
			}
		})
	}
}

// TestTeams compares kernels that reduce rows, with teams of every size
// whatever the length of the rows.
func TestTeams(t *testing.T) {
	if !onDrivers(t) {
		return
	}
	var cases []devicetest.Case
	for _, c := range devicetest.Cases(3, 8) {
		if strings.Contains(strings.Join(uses(c), " "), "/rows") {
			cases = append(cases, c)
		}
	}
	for _, team := range []int{1, 16, 64, 256} {
		on(t, wgsl.Options{Team: team}, func(t *testing.T, dev device.Device, use *usage) {
			for _, c := range cases {
				if err := devicetest.Compare(t.Context(), dev, c); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// uses lists the keys of the codes that c runs.
func uses(c devicetest.Case) (keys []string) {
	p := wgsl.New(wgsl.Options{Limits: limits})
	for _, n := range c.Program.Nodes() {
		s, err := p.Step(&n.Instance)
		if err != nil {
			continue
		}
		for _, pass := range s.Passes {
			keys = append(keys, pass.Code.Key)
		}
	}
	return keys
}
