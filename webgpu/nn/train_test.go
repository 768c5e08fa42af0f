package nn_test

import (
	"context"
	"math"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// trainer trains a model on one device, its gradients made in parts, as a job
// does.
type trainer struct {
	model            *nn.Model
	device           device.Device
	gradient, update device.Executable
	parts            int
	inputs, updates  []program.Port
	weights          []device.Buffer
	state            []device.Buffer
}

func newTrainer(t *testing.T, d device.Device, m *nn.Model, o nn.Optimizer, batch, parts int, seed uint32) *trainer {
	t.Helper()
	g, err := m.Gradient(batch/parts, o, parts)
	if err != nil {
		t.Fatal(err)
	}
	_, bits := o.RateBits()
	u, err := m.Update(o, min(bits, 26))
	if err != nil {
		t.Fatal(err)
	}
	tr := &trainer{model: m, device: d, parts: parts, inputs: g.Inputs(), updates: u.Inputs()}
	if tr.gradient, err = d.Load(g); err != nil {
		t.Fatal(err)
	}
	if tr.update, err = d.Load(u); err != nil {
		t.Fatal(err)
	}
	for i, w := range m.Init(seed) {
		tr.weights = append(tr.weights, tr.upload(t, encode(w, 4)))
		for range o.State() {
			tr.state = append(tr.state, tr.upload(t, make([]byte, 4*m.Params()[i].Len())))
		}
	}
	return tr
}

func (tr *trainer) upload(t *testing.T, data []byte) device.Buffer {
	t.Helper()
	b, err := tr.device.Upload(data)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// step trains on the rows of every part with a learning rate, and returns the
// mean loss.
func (tr *trainer) step(t *testing.T, rate int32, rows func(part int) map[string][]int32) float64 {
	t.Helper()
	n := len(tr.weights)
	sums := make([][]int32, n)
	loss, count := 0.0, 0
	for part := range tr.parts {
		r := rows(part)
		in := append([]device.Buffer(nil), tr.weights...)
		for _, port := range tr.inputs[n:] {
			in = append(in, tr.upload(t, encode(r[port.Name], port.Type.DType.Size())))
		}
		out, err := tr.gradient.Run(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range out[:n+1] {
			data := make([]byte, b.Size())
			if err := b.Read(data); err != nil {
				t.Fatal(err)
			}
			v := decode(data)
			if i == n {
				for _, l := range v {
					loss += float64(l) / 65536
				}
				count += len(v)
				break
			}
			if sums[i] == nil {
				sums[i] = make([]int32, len(v))
			}
			for j, x := range v {
				sums[i][j] += x
			}
		}
		for _, b := range append(out, in[n:]...) {
			b.Release()
		}
	}
	per := len(tr.state) / n
	var in []device.Buffer
	for i, w := range tr.weights {
		in = append(in, w)
		in = append(in, tr.state[i*per:(i+1)*per]...)
		in = append(in, tr.upload(t, encode(sums[i], 4)))
	}
	in = append(in, tr.upload(t, encode([]int32{rate}, 4)))
	out, err := tr.update.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range in {
		b.Release()
	}
	for i := range n {
		tr.weights[i] = out[i*(per+1)]
		copy(tr.state[i*per:], out[i*(per+1)+1:(i+1)*(per+1)])
	}
	return loss / float64(count)
}

// rate is the learning rate lr at step t from 1, as the optimiser's update
// takes it for a batch of some rows.
func rate(o nn.Optimizer, lr float64, t, rows int) int32 {
	switch o {
	case nn.Adam:
		lr *= math.Sqrt(1-math.Pow(63./64, float64(t))) / (1 - math.Pow(115./128, float64(t))) * (1 << 26)
	case nn.Lion:
		lr *= 1 << 26
	case nn.SGD:
		lr *= (1 << 18) / float64(rows)
	}
	return int32(lr)
}

// TestOverfit trains tiny decoders on a sentence that they must learn by heart.
func TestOverfit(t *testing.T) {
	const text = "the sea is full of fish and the fish swim in a shoal; one is small, many are strong. "
	const steps, batch, context = 60, 8, 16
	tests := []struct {
		ff        string
		optimizer nn.Optimizer
		lr        float64
		below     float64
	}{
		{nn.ReLU2, nn.Adam, 0.003, 1},
		{nn.SwiGLU, nn.Adam, 0.003, 1},
		{nn.ReLU2, nn.Lion, 0.003, 1.5},
		{nn.ReLU2, nn.SGD, 0.1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.ff+"/"+string(tt.optimizer), func(t *testing.T) {
			m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 32, Layers: 2, Heads: 2, Context: context, FF: tt.ff, Hidden: 64})
			if err != nil {
				t.Fatal(err)
			}
			d, err := cpu.New(cpu.Config{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			tr := newTrainer(t, d, m, tt.optimizer, batch, 2, 1)
			var first, last float64
			for step := 1; step <= steps; step++ {
				last = tr.step(t, rate(tt.optimizer, tt.lr, step, batch*context), func(part int) map[string][]int32 {
					var in, out []int32
					for s := range batch / 2 {
						from := (part*batch/2 + s) * 8
						for i := range context {
							in = append(in, int32(text[(from+i)%len(text)]))
							out = append(out, int32(text[(from+i+1)%len(text)]))
						}
					}
					return map[string][]int32{nn.InputTokens: in, nn.InputTargets: out, nn.InputKey: {int32(step*2 + part)}}
				})
				if step == 1 {
					first = last
				}
			}
			t.Logf("loss %.3f to %.3f", first, last)
			if first < 4 || last > tt.below {
				t.Errorf("loss went from %.3f to %.3f nats, want below %g", first, last, tt.below)
			}
		})
	}
}
