package selftest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/devicetest"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

var update = flag.Bool("update", false, "write answers.bin")

const (
	casesOfOp  = 6
	sizeBudget = 60 << 10 // every visitor of a hub's page downloads the answers
)

// wholes are the models whose programs are asked, beside single ops.
var wholes = map[string]bool{
	"decoder evaluation": true, "decoder gradient for adam": true, "decoder update by adam": true,
	"swiglu gradient for adam": true, "swiglu update by lion": true,
	"mlp gradient for sgd": true, "mlp update by sgd": true,
	"cnn evaluation": true, "cnn gradient for lion": true,
}

// questions makes the questions anew, with the reference's answers.
func questions(t *testing.T) []*question {
	t.Helper()
	var list []*question
	add := func(name string, p *program.Program) {
		q := &question{name: name, seed: uint64(len(list)) + 1, program: p}
		outputs, err := device.Run(t.Context(), reference.New(), p, inputs(p, q.seed))
		if err != nil {
			t.Fatalf("%s: reference: %v", name, err)
		}
		sum := digest(outputs)
		q.answer = sum[:]
		list = append(list, q)
	}
	for _, c := range devicetest.Cases(3, casesOfOp) {
		add(c.Name, c.Program)
	}
	models, err := devicetest.Models()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range models {
		if wholes[c.Name] {
			add(c.Name, c.Program)
		}
	}
	m, err := nn.New(nn.Config{Arch: nn.Decoder, Vocab: 128, Dim: 64, Layers: 2, Heads: 2, Context: 64})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Gradient(4, nn.Adam, 1)
	if err != nil {
		t.Fatal(err)
	}
	add(load, p)
	return list
}

func TestAnswersAreCurrent(t *testing.T) {
	var want []byte
	for _, q := range questions(t) {
		want = q.encode(want)
	}
	if *update {
		if err := os.WriteFile("answers.bin", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(answers, want) {
		t.Error("answers.bin is not what the reference answers: go generate ./webgpu/device/selftest")
	}
	if len(answers) > sizeBudget {
		t.Errorf("the answers have %d bytes, want at most %d", len(answers), sizeBudget)
	}
}

func TestEveryOpIsAsked(t *testing.T) {
	asked := map[string]int{}
	n := 0
	for q, err := range all() {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if nodes := q.program.Nodes(); len(nodes) == 1 {
			asked[nodes[0].Def.Name]++
		} else {
			asked[q.name]++
		}
	}
	for _, def := range ops.All {
		if asked[def.Name] < casesOfOp/2 {
			t.Errorf("%s is asked %d times alone", def.Name, asked[def.Name])
		}
	}
	for name := range wholes {
		if asked[name] != 1 {
			t.Errorf("%s is asked %d times", name, asked[name])
		}
	}
	t.Logf("%d questions, %d bytes", n, len(answers))
}

func TestGoodDevicePasses(t *testing.T) {
	dev, err := cpu.New(cpu.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	if err := Check(t.Context(), dev); err != nil {
		t.Error(err)
	}
	if speed, err := Speed(t.Context(), dev); err != nil || speed <= 0 {
		t.Errorf("speed %g, %v", speed, err)
	}
}

// faulty is a device that does something to the outputs of some programs.
type faulty struct {
	device.Device
	fault func(ctx context.Context, p *program.Program, outputs [][]byte) error
}

func (f faulty) Load(p *program.Program) (device.Executable, error) {
	exe, err := f.Device.Load(p)
	return faultyExe{exe, f, p}, err
}

type faultyExe struct {
	device.Executable
	of faulty
	p  *program.Program
}

func (e faultyExe) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	out, err := e.Executable.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	data := make([][]byte, len(out))
	for i, b := range out {
		data[i] = make([]byte, b.Size())
		if err := b.Read(data[i]); err != nil {
			return nil, err
		}
	}
	if err := e.of.fault(ctx, e.p, data); err != nil {
		return nil, err
	}
	for i := range out {
		if out[i], err = e.of.Upload(data[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// memo gives the same programs the outputs they had before: all they are ever
// run with is their question's inputs.
type memo struct {
	device.Device
	outputs map[program.ID][][]byte
}

func (m memo) Load(p *program.Program) (device.Executable, error) {
	exe, err := m.Device.Load(p)
	return memoExe{exe, m, p.ID()}, err
}

type memoExe struct {
	device.Executable
	of memo
	id program.ID
}

func (e memoExe) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	if known := e.of.outputs[e.id]; known != nil {
		out := make([]device.Buffer, len(known))
		for i, data := range known {
			out[i], _ = e.of.Upload(data)
		}
		return out, nil
	}
	out, err := e.Executable.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	known := make([][]byte, len(out))
	for i, b := range out {
		known[i] = make([]byte, b.Size())
		err = errors.Join(err, b.Read(known[i]))
	}
	e.of.outputs[e.id] = known
	return out, err
}

func TestOneWrongBitOfAnyOpIsNoticed(t *testing.T) {
	right := memo{reference.New(), map[program.ID][][]byte{}}
	for _, def := range ops.All {
		for output := range def.Outputs {
			hit := 0
			dev := faulty{right, func(_ context.Context, p *program.Program, outputs [][]byte) error {
				if nodes := p.Nodes(); len(nodes) == 1 && nodes[0].Def == def && hit == 0 {
					hit++
					data := outputs[output]
					data[(len(data)-1)*7/11] ^= 1 // one bit of one element, once
				}
				return nil
			}}
			err := Check(t.Context(), dev)
			if err == nil || !strings.Contains(err.Error(), "wrong answers: "+def.Name+"/") {
				t.Errorf("%s, output %s: got %v", def.Name, def.Outputs[output], err)
			}
		}
	}
}

func TestManyWrongAnswersEndTheTest(t *testing.T) {
	asked := 0
	err := Check(t.Context(), faulty{reference.New(), func(_ context.Context, _ *program.Program, outputs [][]byte) error {
		asked++
		outputs[0][0] ^= 128
		return nil
	}})
	if err == nil || asked != maxWrong {
		t.Errorf("after %d questions: %v", asked, err)
	}
}

func TestPanicAndErrorFailTheLane(t *testing.T) {
	lost := fmt.Errorf("driver reset: %w", device.ErrLost)
	for _, test := range []struct {
		name  string
		fault func() error
		want  string
	}{
		{"panic", func() error { panic("nil pointer in the driver") }, "selftest: shift/0: panic: nil pointer in the driver"},
		{"error", func() error { return lost }, "selftest: shift/0: driver reset: device: lost"},
	} {
		err := Check(t.Context(), faulty{reference.New(), func(_ context.Context, p *program.Program, _ [][]byte) error {
			if p.Nodes()[0].Def == ops.ShiftOp {
				return test.fault()
			}
			return nil
		}})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

func TestSlowDeviceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		err := Check(ctx, faulty{reference.New(), func(ctx context.Context, _ *program.Program, _ [][]byte) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrHung) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDeviceThatHangsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1)
		defer cancel()
		never := make(chan struct{})
		err := Check(ctx, faulty{reference.New(), func(context.Context, *program.Program, [][]byte) error {
			<-never
			return nil
		}})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrHung) {
			t.Errorf("got %v", err)
		}
		close(never)
	})
}
