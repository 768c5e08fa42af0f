package trace_test

import (
	"testing"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/trace"
)

// BenchmarkRecord measures what a trace adds to one gradient of the sample
// language model: 1024 tokens, on one thread of the cpu lane.
func BenchmarkRecord(b *testing.B) {
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 128, Layers: 4, Heads: 4, Context: 64})
	if err != nil {
		b.Fatal(err)
	}
	p, err := m.Gradient(16, nn.Adam, 1)
	if err != nil {
		b.Fatal(err)
	}
	dev, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer dev.Close()
	inputs := devicetest.RandomInputs(p, 1)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			if _, err := device.Run(b.Context(), dev, p, inputs); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("traced", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := trace.Record(b.Context(), dev, p, inputs, trace.Config{}); err != nil {
				b.Fatal(err)
			}
		}
		var hashed int
		for v := range p.Values() {
			hashed += p.Type(v).Bytes()
		}
		b.ReportMetric(float64(hashed)/(1<<20), "MiB-hashed")
		b.ReportMetric(float64(len(p.Nodes())), "ops")
	})
}
