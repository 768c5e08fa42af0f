package nn

import (
	"slices"

	"github.com/shoal-compute/shoal/webgpu/ops"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Names of the inputs that programs take after the parameters, and of their
// outputs after the gradients.
const (
	InputTokens  = "tokens"  // decoder: [batch, context]
	InputTargets = "targets" // decoder: the tokens that follow, [batch, context]
	InputImages  = "images"  // classifiers: int8, a pixel p of 0..255 as p/2; [batch, width] or [batch, height, width, channels]
	InputLabels  = "labels"  // classifiers: [batch]
	InputKey     = "key"     // gradients: of stochastic rounding; [1]
	InputRate    = "lr"      // updates: [1]

	OutputLoss   = "loss"   // of every row, in nats, Q16; [rows]
	OutputHit    = "hit"    // 1 where the target has the largest logit; [rows]
	OutputLogits = "logits" // Q16; [rows, classes]
)

// Model is a network whose programs can be made. It is immutable.
type Model struct {
	config  Config
	params  []Param
	network network
}

// network is the composition of layers that an architecture is.
type network interface {
	// inputs declares the inputs that rows come in, and the targets.
	inputs(g *graph, batch int) (rows, targets program.Value)
	// forward makes the logits of rows.
	forward(g *graph, rows program.Value) (program.Value, backward)
}

// layer maps activations (Q16) to activations.
type layer interface {
	forward(g *graph, x program.Value) (program.Value, backward)
}

// backward maps the gradient of a layer's output to that of its input, both
// Q24, and leaves the gradients of its parameters in the graph. It is called
// once or not at all. A layer whose input is data returns no value.
type backward func(dy program.Value) program.Value

// New checks the configuration and makes the model. Its errors are
// *FieldError.
func New(c Config) (*Model, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	m := &Model{config: c}
	p := &params{&m.params}
	if c.Arch == Decoder {
		m.network = newDecoder(p, c)
	} else {
		m.network = newClassifier(p, c)
	}
	for _, p := range m.params {
		if p.Len() > ops.MaxElements {
			return nil, fieldf("model", "parameter %s of shape %v has more than 2^28 elements", p.Name, p.Shape)
		}
	}
	return m, nil
}

// Config returns the configuration with every default written out.
func (m *Model) Config() Config { return m.config.WithDefaults() }

// Params lists the parameters in the order of every program's inputs.
func (m *Model) Params() []Param { return slices.Clone(m.params) }

// Init makes the initial master weights of every parameter: a function of the
// model and seed alone.
func (m *Model) Init(seed uint32) [][]int32 {
	out := make([][]int32, len(m.params))
	for i, p := range m.params {
		out[i] = p.initialise(seed*100 + uint32(i))
	}
	return out
}

// Gradient is the program of a micro-batch of the given number of sequences or
// images. Its inputs are every parameter, the batch and the key; its outputs
// the gradient of the batch's summed loss with respect to every parameter, by
// the parameters' names and in the fixed point that o wants, and then
// OutputLoss and OutputHit. Gradients are limited so that the sum of parts of
// them fits 32 bits.
func (m *Model) Gradient(batch int, o Optimizer, parts int) (*program.Program, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if parts < 1 {
		return nil, fieldf("train.batch", "makes %d micro-batches", parts)
	}
	return m.build("train.micro_batch", batch, func(g *graph, rows, targets program.Value) {
		g.key = g.b.Input(InputKey, ops.Int32(-1<<31, 1<<31-1, 1))
		g.fraction, g.limit = o.GradientFraction(), o.gradientLimit(parts)
		logits, back := m.network.forward(g, rows)
		loss := g.apply(ops.CrossEntropyOp, values{logits, targets})
		back(g.one(ops.CrossEntropyGradOp, values{logits, targets}))
		for i, p := range m.params {
			g.b.Output(p.Name, g.grads[i])
		}
		g.b.Output(OutputLoss, loss[0])
		g.b.Output(OutputHit, loss[1])
	})
}

// Eval is the program of a held-out batch: OutputLoss and OutputHit.
func (m *Model) Eval(batch int) (*program.Program, error) {
	return m.build("batch", batch, func(g *graph, rows, targets program.Value) {
		logits, _ := m.network.forward(g, rows)
		loss := g.apply(ops.CrossEntropyOp, values{logits, targets})
		g.b.Output(OutputLoss, loss[0])
		g.b.Output(OutputHit, loss[1])
	})
}

// Logits is the program of a batch without targets: OutputLogits.
func (m *Model) Logits(batch int) (*program.Program, error) {
	return m.build("batch", batch, func(g *graph, rows, _ program.Value) {
		logits, _ := m.network.forward(g, rows)
		g.b.Output(OutputLogits, logits)
	})
}

// build declares the inputs and builds the program body makes. Where it
// leaves a bound, of a sum's range or a tensor's size, the batch is what is too
// large: the model's sizes have been checked.
func (m *Model) build(field string, batch int, body func(g *graph, rows, targets program.Value)) (*program.Program, error) {
	if batch < 1 || batch > 1<<16 {
		return nil, fieldf(field, "must be 1 to %d, got %d", 1<<16, batch)
	}
	g := &graph{params: make([]program.Value, len(m.params)), grads: make([]program.Value, len(m.params))}
	for i, p := range m.params {
		g.params[i] = g.b.Input(p.Name, ops.Int32(-ops.WeightLimit, ops.WeightLimit, p.Shape...))
	}
	rows, targets := m.network.inputs(g, batch)
	body(g, rows, targets)
	p, err := g.b.Build()
	if err != nil {
		return nil, fieldf(field, "%d is too large for this model: %v", batch, err)
	}
	return p, nil
}
