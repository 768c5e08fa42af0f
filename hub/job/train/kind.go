package train

import (
	"context"
	"slices"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Kind is the job kind "train".
type Kind struct{}

var _ job.Kind = Kind{}

// Name is the word in the job file.
func (Kind) Name() string { return "train" }

// Check validates spec with its data and programs.
func (Kind) Check(ctx context.Context, spec *job.Spec, env job.Env) (job.Plan, error) {
	s, err := newSetup(ctx, spec, env)
	if err != nil {
		return job.Plan{}, err
	}
	return s.plan(), nil
}

// Start begins or resumes a run.
func (Kind) Start(ctx context.Context, spec *job.Spec, env job.Env, checkpoint []byte) (job.Run, error) {
	s, err := newSetup(ctx, spec, env)
	if err != nil {
		return nil, err
	}
	return newRun(ctx, s, env, checkpoint)
}

// Programs returns the programs of a job with what they are for: what a
// person may want to read before volunteers run them. Their shapes do not
// depend on the data, which is not read.
func Programs(spec *job.Spec) ([]Program, error) {
	if err := checkModel(spec.Model); err != nil {
		return nil, err
	}
	s, err := newSettings(spec)
	if err != nil {
		return nil, err
	}
	s.Steps = max(s.Steps, 1) // epochs are not known without the data; programs do not depend on them
	net, err := newNetwork(spec, s)
	if err != nil {
		return nil, err
	}
	return []Program{{"gradient", net.gradient}, {"evaluate", net.evaluate}, {"update", net.update}}, nil
}

// Program is a program and what it is for.
type Program struct {
	Use string // gradient | evaluate | update
	*program.Program
}

// checkModel refuses a model field that says nothing about the model's
// architecture: it was meant to say something.
func checkModel(m job.Model) error {
	fields := map[string]bool{
		"model.layers":   !m.Layers.IsZero(),
		"model.vocab":    m.Vocab != 0,
		"model.dim":      m.Dim != 0,
		"model.heads":    m.Heads != 0,
		"model.context":  m.Context != 0,
		"model.hidden":   m.Hidden != 0,
		"model.ff":       m.FF != "",
		"model.input":    m.Input != nil,
		"model.channels": m.Channels != nil,
		"model.classes":  m.Classes != 0,
	}
	var takes []string
	switch m.Arch {
	case "decoder":
		takes = []string{"model.layers", "model.vocab", "model.dim", "model.heads", "model.context", "model.hidden", "model.ff"}
	case "mlp":
		takes = []string{"model.layers"}
	case "cnn":
		takes = []string{"model.input", "model.channels", "model.classes"}
	case "":
		return job.Fieldf("model.arch", "is missing: want decoder, mlp or cnn")
	default:
		return job.Fieldf("model.arch", "want decoder, mlp or cnn, got %q", m.Arch)
	}
	for _, name := range sortedKeys(fields) {
		if fields[name] && !slices.Contains(takes, name) {
			return job.Fieldf(name, "does not belong to arch %s", m.Arch)
		}
	}
	switch {
	case m.Arch == "decoder" && m.Layers.Widths != nil:
		return job.Fieldf("model.layers", "want a number of blocks for arch decoder, got a list")
	case m.Arch == "mlp" && m.Layers.Widths == nil:
		return job.Fieldf("model.layers", "want a list of widths for arch mlp, as in [784, 128, 10]")
	}
	return nil
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
