package nn_test

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/nn/twin"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

func encode(v []int32, size int) []byte {
	b := make([]byte, 0, size*len(v))
	for _, x := range v {
		if size == 1 {
			b = append(b, byte(x))
		} else {
			b = binary.LittleEndian.AppendUint32(b, uint32(x))
		}
	}
	return b
}

func decode(b []byte) []int32 {
	v := make([]int32, len(b)/4)
	for i := range v {
		v[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// execute runs p on weights and the inputs named in rows.
func execute(t *testing.T, d device.Device, p *program.Program, weights [][]int32, rows map[string][]int32) map[string][]int32 {
	t.Helper()
	var in [][]byte
	for i, port := range p.Inputs() {
		v := rows[port.Name]
		if i < len(weights) {
			v = weights[i]
		}
		in = append(in, encode(v, port.Type.DType.Size()))
	}
	out, err := device.Run(context.Background(), d, p, in)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]int32{}
	for i, port := range p.Outputs() {
		values[port.Name] = decode(out[i])
	}
	return values
}

// batch makes random rows and targets of a model.
func batch(m *nn.Model, n int, seed uint32) map[string][]int32 {
	c := m.Config()
	draw := func(count, limit int, stream uint32) []int32 {
		v := make([]int32, count)
		for i := range v {
			v[i] = int32(pcg(seed*977+stream*131071+uint32(i)) % uint32(limit))
		}
		return v
	}
	if c.Arch == nn.Decoder {
		return map[string][]int32{
			nn.InputTokens:  draw(n*c.Context, c.Vocab, 1),
			nn.InputTargets: draw(n*c.Context, c.Vocab, 2),
			nn.InputKey:     {int32(seed)},
		}
	}
	size, classes := 1, c.Classes
	if c.Arch == nn.MLP {
		size, classes = c.Widths[0], c.Widths[len(c.Widths)-1]
	}
	for _, n := range c.Input {
		size *= n
	}
	return map[string][]int32{nn.InputImages: draw(n*size, 128, 1), nn.InputLabels: draw(n, classes, 2), nn.InputKey: {int32(seed)}}
}

func rowsOf(m *nn.Model, rows map[string][]int32) (in, targets []int32) {
	if m.Config().Arch == nn.Decoder {
		return rows[nn.InputTokens], rows[nn.InputTargets]
	}
	return rows[nn.InputImages], rows[nn.InputLabels]
}

// TestGradient compares losses and every parameter's gradient to the float32
// twin: the direction, and the length.
func TestGradient(t *testing.T) {
	tests := []struct {
		name   string
		config nn.Config
		batch  int
		cosine float64
	}{
		{"relu2", nn.Config{Arch: nn.Decoder, Vocab: 40, Dim: 32, Layers: 2, Heads: 2, Context: 16}, 4, 0.99},
		{"swiglu", nn.Config{Arch: nn.Decoder, Vocab: 40, Dim: 24, Layers: 2, Heads: 3, Context: 17, Hidden: 40, FF: nn.SwiGLU}, 4, 0.99},
		{"mlp", nn.Config{Arch: nn.MLP, Widths: []int{60, 40, 20, 10}}, 32, 0.985}, // a ReLU may be on the other side of its kink,
		{"cnn", nn.Config{Arch: nn.CNN, Input: []int{9, 8, 2}, Channels: []int{6, 8}, Classes: 5}, 16, 0.998},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := nn.New(tt.config)
			if err != nil {
				t.Fatal(err)
			}
			weights := m.Init(3)
			rows := batch(m, tt.batch, 5)
			x, targets := rowsOf(m, rows)
			losses, want := twin.New(m, weights).Gradient(twin.Batch{Rows: x, Targets: targets})
			for _, o := range []nn.Optimizer{nn.Adam, nn.SGD} {
				p, err := m.Gradient(tt.batch, o, 4)
				if err != nil {
					t.Fatal(err)
				}
				got := execute(t, reference.New(), p, weights, rows)
				for r, l := range losses {
					if g := float64(got[nn.OutputLoss][r]) / 65536; math.Abs(g-float64(l)) > 0.06 {
						t.Errorf("loss of row %d is %.4f, want %.4f", r, g, l)
					}
				}
				for i, param := range m.Params() {
					g := make([]float32, param.Len())
					for j, v := range got[param.Name] {
						g[j] = float32(v) / float32(int(1)<<o.GradientFraction())
					}
					if !strings.HasSuffix(param.Name, ".qkv") {
						compare(t, param.Name, g, want[i], tt.cosine)
						continue
					}
					// Small gradients of queries and keys must not hide behind those of values.
					n := len(g) / 3
					for k, part := range []string{".q", ".k", ".v"} {
						compare(t, param.Name+part, g[k*n:(k+1)*n], want[i][k*n:(k+1)*n], tt.cosine)
					}
				}
			}
		})
	}
}

// compare wants got in the direction of want, and about as long.
func compare(t *testing.T, name string, got, want []float32, cosine float64) {
	t.Helper()
	length := math.Sqrt(dot(got, got) / dot(want, want))
	c := dot(got, want) / math.Sqrt(dot(got, got)*dot(want, want))
	t.Logf("%-26s cosine %.5f length %.4f", name, c, length)
	if c < cosine || math.Abs(length-1) > 0.06 {
		t.Errorf("gradient of %s has cosine %.5f and length %.4f of the float32 one", name, c, length)
	}
}

func dot(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// pcg scatters numbers.
func pcg(x uint32) uint32 {
	s := x*747796405 + 2891336453
	w := ((s >> (s>>28 + 4)) ^ s) * 277803737
	return w>>22 ^ w
}
