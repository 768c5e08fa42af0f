package train

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/nn"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// network is a model as training needs it: its parameters and three programs,
// with the places of their inputs and outputs.
//
//	gradient  inputs: every parameter, then rows and the key by name;
//	          outputs: every parameter's gradient, then losses and hits
//	evaluate  inputs: every parameter, then rows by name;
//	          outputs: losses and hits
//	update    inputs: parameters, optimiser state, gradients, learning rate;
//	          outputs: parameters and state
type network struct {
	model   job.Model // with defaults written out
	names   []string  // of parameters, in declared order
	shapes  [][]int
	initial func() [][]int32
	rates   []int32 // of step 1, 2, ...

	gradient     *program.Program
	gradientLoss int // which output

	evaluate           *program.Program
	evalLoss, evalHits int // which outputs

	update          *program.Program
	updateWeights   []int // which input is parameter i
	updateState     []int // which inputs are state
	updateGradients []int // which input is the gradient of parameter i
	updateRate      int   // which input is the learning rate
	newWeights      []int // which output is parameter i
	newState        []int // which output replaces updateState's input
}

// newNetwork makes the programs. s.Steps must be known.
func newNetwork(spec *job.Spec, s settings) (*network, error) {
	m, err := nn.New(nnConfig(spec.Model))
	if err != nil {
		return nil, fieldError(err)
	}
	n := &network{
		model:   withDefaults(spec.Model, m.Config()),
		initial: func() [][]int32 { return m.Init(s.Seed) },
	}
	for _, p := range m.Params() {
		n.names = append(n.names, p.Name)
		n.shapes = append(n.shapes, p.Shape)
	}
	optimizer := nn.Optimizer(s.Optimizer)
	if n.gradient, err = m.Gradient(s.MicroBatch, optimizer, s.shards()); err != nil {
		return nil, fieldError(err)
	}
	if n.evaluate, err = m.Eval(evalRows(spec.Model)); err != nil {
		return nil, fieldError(err)
	}
	if err := n.makeUpdate(m, optimizer, s); err != nil {
		return nil, fieldError(err)
	}
	return n, n.bind(optimizer)
}

// makeUpdate makes the learning rates and the update program that takes them:
// of the fraction bits that the optimiser allows, the most at which the
// highest rate there can be fits the program's input. That is the rate of a
// first step without warm-up, when Adam's bias is 16/13.
func (n *network) makeUpdate(m *nn.Model, optimizer nn.Optimizer, s settings) error {
	u := unit{divisor: 1}
	if optimizer == nn.SGD {
		u = unit{divisor: int64(s.Batch), nearest: true}
	}
	highest := s.schedule()
	highest.shape, highest.steps, highest.warmup = "constant", 1, 0
	lo, hi := optimizer.RateBits()
	for bits := hi; bits >= lo; bits-- {
		p, err := m.Update(optimizer, bits)
		if err != nil {
			return err
		}
		at, err := port(p.Inputs(), nn.InputRate)
		if err != nil {
			return err
		}
		u.bits = uint(bits)
		if highest.rates(u)[0].Cmp(big.NewInt(p.Inputs()[at].Type.Range.Hi)) > 0 {
			continue
		}
		n.update, n.updateRate = p, at
		for _, r := range s.schedule().rates(u) {
			n.rates = append(n.rates, int32(r.Int64()))
		}
		return nil
	}
	return job.Fieldf("train.lr", "%s is too large for %s", s.LR, s.Optimizer)
}

// bind finds the places of the programs' inputs and outputs.
func (n *network) bind(optimizer nn.Optimizer) error {
	var errs error
	find := func(ports []program.Port, name string) int {
		i, err := port(ports, name)
		errs = errors.Join(errs, err)
		return i
	}
	for i, name := range n.names {
		// Shards take weights and give gradients in the parameters' order.
		if find(n.gradient.Inputs(), name) != i || find(n.gradient.Outputs(), name) != i || find(n.evaluate.Inputs(), name) != i {
			return fmt.Errorf("train: parameter %s is out of order in the model's programs", name)
		}
		n.updateWeights = append(n.updateWeights, find(n.update.Inputs(), name))
		n.updateGradients = append(n.updateGradients, find(n.update.Inputs(), name+".grad"))
		n.newWeights = append(n.newWeights, find(n.update.Outputs(), name))
		for _, state := range optimizer.State() {
			n.updateState = append(n.updateState, find(n.update.Inputs(), name+"."+state))
			n.newState = append(n.newState, find(n.update.Outputs(), name+"."+state))
		}
	}
	n.gradientLoss = find(n.gradient.Outputs(), nn.OutputLoss)
	n.evalLoss = find(n.evaluate.Outputs(), nn.OutputLoss)
	n.evalHits = find(n.evaluate.Outputs(), nn.OutputHit)
	return errs
}

func port(ports []program.Port, name string) (int, error) {
	for i, p := range ports {
		if p.Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("train: the model's programs have no %q", name)
}

// fieldError makes nn's field errors the job's: they name fields as the job
// file does.
func fieldError(err error) error {
	var e *nn.FieldError
	if errors.As(err, &e) {
		return &job.FieldError{Field: e.Field, Problem: e.Problem}
	}
	return err
}

func nnConfig(m job.Model) nn.Config {
	return nn.Config{
		Arch:     m.Arch,
		Vocab:    m.Vocab,
		Dim:      m.Dim,
		Layers:   m.Layers.Blocks,
		Heads:    m.Heads,
		Context:  m.Context,
		Hidden:   m.Hidden,
		FF:       m.FF,
		Widths:   m.Layers.Widths,
		Input:    m.Input,
		Channels: m.Channels,
		Classes:  m.Classes,
	}
}

// withDefaults is m with the defaults that nn has filled in.
func withDefaults(m job.Model, c nn.Config) job.Model {
	m.Hidden, m.FF = c.Hidden, c.FF
	return m
}
