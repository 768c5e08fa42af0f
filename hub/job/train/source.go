package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/webgpu/nn"
)

// source is where rows come from: sequences of a text or labelled images.
// Rows are numbered values by the name of the program input they are for.
type source interface {
	// train returns the rows [from, from+n) of step t's batch.
	train(t, from, n int) rows
	// epoch is the number of steps of one pass over the data; 0 where
	// batches are drawn at random.
	epoch(batch int) int
	// held is the number of held-out rows.
	held() int
	// evaluate returns n held-out rows from the given one on; past the end,
	// the last one again.
	evaluate(from, n int) rows
}

// rows are the values of one program input each.
type rows map[string][]int32

// openSource reads the data a spec names.
func openSource(ctx context.Context, spec *job.Spec, env job.Env) (source, error) {
	set := 0
	for _, here := range []bool{spec.Data.File != "", spec.Data.Blob != "", spec.Data.IDX != nil, spec.Data.Tokens != ""} {
		if here {
			set++
		}
	}
	if set != 1 {
		return nil, job.Fieldf("data", "set exactly one of data.file, data.blob, data.idx and data.tokens")
	}
	text := spec.Model.Arch == "decoder"
	switch {
	case text && spec.Data.IDX != nil:
		return nil, job.Fieldf("data.idx", "a decoder reads text: use data.file, data.blob or data.tokens")
	case !text && spec.Data.IDX == nil:
		return nil, job.Fieldf("data.idx", "is missing: a classifier reads images and labels")
	case text:
		return openText(ctx, spec, env)
	}
	return openImages(ctx, spec, env)
}

// read returns the bytes of a data file or blob, blaming field for errors.
func read(ctx context.Context, env job.Env, field, name string) ([]byte, error) {
	var raw []byte
	var err error
	if strings.HasPrefix(name, "sha256:") {
		var h job.Hash
		if h, err = job.ParseHash(name); err == nil {
			raw, err = env.Blobs.Get(ctx, h)
		}
	} else if env.Data == nil {
		return nil, job.Fieldf(field, "files cannot be read here: upload the data and name it sha256:...")
	} else {
		raw, err = env.Data(ctx, name)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Fieldf(field, "there is no %s", name)
	case err != nil:
		return nil, job.Fieldf(field, "%v", err)
	}
	return raw, nil
}

// textSource gives sequences of a text.
type textSource struct {
	text    *data.Text
	context int
}

func openText(ctx context.Context, spec *job.Spec, env job.Env) (source, error) {
	m := spec.Model
	switch {
	case m.Vocab < 2 || m.Vocab > data.MaxVocab:
		return nil, job.Fieldf("model.vocab", "must be between 2 and %d, got %d", data.MaxVocab, m.Vocab)
	case m.Context < 1 || m.Context > 1<<20:
		return nil, job.Fieldf("model.context", "must be between 1 and %d, got %d", 1<<20, m.Context)
	}
	field, name, convert := "data.file", spec.Data.File, data.FromText
	switch {
	case spec.Data.Blob != "":
		field, name = "data.blob", spec.Data.Blob
		if !strings.HasPrefix(name, "sha256:") {
			return nil, job.Fieldf(field, "want sha256: and 64 hexadecimal digits, got %q", name)
		}
	case spec.Data.Tokens != "":
		field, name, convert = "data.tokens", spec.Data.Tokens, data.FromUint16
	}
	raw, err := read(ctx, env, field, name)
	if err != nil {
		return nil, err
	}
	tokens, err := convert(raw, m.Vocab)
	if err != nil {
		return nil, job.Fieldf(field, "%v", err)
	}
	text, err := data.NewText(tokens, m.Context, spec.Train.Seed)
	if err != nil {
		return nil, job.Fieldf(field, "%v", err)
	}
	return &textSource{text: text, context: m.Context}, nil
}

func (s *textSource) train(t, from, n int) rows {
	return s.rows(n, func(i int) data.Tokens { return s.text.Sequence(uint32(t), from+i) })
}

func (s *textSource) epoch(int) int { return 0 }

func (s *textSource) held() int { return s.text.Windows() }

func (s *textSource) evaluate(from, n int) rows {
	last := s.held() - 1
	return s.rows(n, func(i int) data.Tokens { return s.text.Window(min(from+i, last)) })
}

func (s *textSource) rows(n int, sequence func(i int) data.Tokens) rows {
	tokens := make([]int32, 0, n*s.context)
	targets := make([]int32, 0, n*s.context)
	for i := range n {
		seq := sequence(i)
		for k := range s.context {
			tokens = append(tokens, int32(seq[k]))
			targets = append(targets, int32(seq[k+1]))
		}
	}
	return rows{nn.InputTokens: tokens, nn.InputTargets: targets}
}

// imageSource gives labelled images. Pixels are halved: 0..127, so that they
// are int8 operands as they are.
type imageSource struct {
	examples *data.Examples
	batch    int
	test     data.Images
	labels   []byte
}

func openImages(ctx context.Context, spec *job.Spec, env job.Env) (source, error) {
	names := spec.Data.IDX
	if len(names) != 2 && len(names) != 4 {
		return nil, job.Fieldf("data.idx", "want train images and labels, and optionally test images and labels: 2 or 4 names, got %d", len(names))
	}
	classes, err := checkClassifier(spec.Model)
	if err != nil {
		return nil, err
	}
	pair := func(i int) (*data.Examples, error) {
		field := func(k int) string { return fmt.Sprintf("data.idx[%d]", k) }
		raw, err := read(ctx, env, field(i), names[i])
		if err != nil {
			return nil, err
		}
		images, err := data.ReadImages(raw)
		if err != nil {
			return nil, job.Fieldf(field(i), "%v", err)
		}
		if err := fits(spec.Model, images); err != nil {
			return nil, err
		}
		if raw, err = read(ctx, env, field(i+1), names[i+1]); err != nil {
			return nil, err
		}
		labels, err := data.ReadLabels(raw)
		if err != nil {
			return nil, job.Fieldf(field(i+1), "%v", err)
		}
		e, err := data.NewExamples(images, labels, classes, spec.Train.Seed)
		if err != nil {
			return nil, job.Fieldf(field(i+1), "%v", err)
		}
		return e, nil
	}
	train, err := pair(0)
	if err != nil {
		return nil, err
	}
	s := &imageSource{examples: train, batch: spec.Train.Batch}
	if len(names) == 4 {
		test, err := pair(2)
		if err != nil {
			return nil, err
		}
		s.test, s.labels = test.Images, test.Labels
	} else if err := s.holdOut(classes, spec.Train.Seed); err != nil {
		return nil, job.Fieldf("data.idx[0]", "%v", err)
	}
	if s.examples.Steps(s.batch) == 0 {
		return nil, job.Fieldf("data.idx[0]", "holds %d images to train on, fewer than one batch of %d", len(s.examples.Labels), s.batch)
	}
	return s, nil
}

// holdOut keeps the last 5 % of the examples for evaluation, as with texts.
func (s *imageSource) holdOut(classes int, seed uint32) error {
	all := s.examples
	cut := len(all.Labels) * 95 / 100
	if cut == 0 || cut == len(all.Labels) {
		return fmt.Errorf("holds %d images, too few to hold some out", len(all.Labels))
	}
	size := all.Images.Height * all.Images.Width
	part := func(from, to int) data.Images {
		return data.Images{
			Count: to - from, Height: all.Images.Height, Width: all.Images.Width,
			Pixels: all.Images.Pixels[from*size : to*size],
		}
	}
	s.test, s.labels = part(cut, len(all.Labels)), all.Labels[cut:]
	var err error
	s.examples, err = data.NewExamples(part(0, cut), all.Labels[:cut], classes, seed)
	return err
}

func (s *imageSource) train(t, from, n int) rows {
	order := s.examples.Batch(t, s.batch)[from : from+n]
	return s.rows(s.examples.Images, s.examples.Labels, n, func(i int) int { return order[i] })
}

func (s *imageSource) epoch(batch int) int { return s.examples.Steps(batch) }

func (s *imageSource) held() int { return len(s.labels) }

func (s *imageSource) evaluate(from, n int) rows {
	last := s.held() - 1
	return s.rows(s.test, s.labels, n, func(i int) int { return min(from+i, last) })
}

func (s *imageSource) rows(images data.Images, labels []byte, n int, example func(i int) int) rows {
	pixels := make([]int32, 0, n*images.Height*images.Width)
	targets := make([]int32, 0, n)
	for i := range n {
		e := example(i)
		for _, p := range images.Image(e) {
			pixels = append(pixels, int32(p>>1))
		}
		targets = append(targets, int32(labels[e]))
	}
	return rows{nn.InputImages: pixels, nn.InputLabels: targets}
}

// checkClassifier checks the shape of a classifier and returns its number of
// classes.
func checkClassifier(m job.Model) (classes int, err error) {
	if m.Arch == "mlp" {
		if len(m.Layers.Widths) < 2 {
			return 0, job.Fieldf("model.layers", "want at least the input's and the output's width, as in [784, 128, 10]")
		}
		classes = m.Layers.Widths[len(m.Layers.Widths)-1]
		if classes < 2 {
			return 0, job.Fieldf("model.layers", "the last width, %d, is the number of classes: at least 2", classes)
		}
		return classes, nil
	}
	if len(m.Input) != 3 {
		return 0, job.Fieldf("model.input", "want height, width and channels, as in [28, 28, 1]")
	}
	if m.Classes < 2 {
		return 0, job.Fieldf("model.classes", "must be at least 2, got %d", m.Classes)
	}
	return m.Classes, nil
}

// fits checks that images are what the model takes.
func fits(m job.Model, images data.Images) error {
	if m.Arch == "mlp" {
		if w := m.Layers.Widths[0]; w != images.Height*images.Width {
			return job.Fieldf("model.layers", "the first width is %d, the images have %d by %d pixels", w, images.Height, images.Width)
		}
		return nil
	}
	if in := m.Input; in[0] != images.Height || in[1] != images.Width || in[2] != 1 {
		return job.Fieldf("model.input", "is %v, the images are [%d, %d, 1]", in, images.Height, images.Width)
	}
	return nil
}
