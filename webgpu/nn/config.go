package nn

import (
	"fmt"
	"slices"
)

// Architectures.
const (
	Decoder = "decoder" // a causal language model
	MLP     = "mlp"     // linear layers with ReLU between them
	CNN     = "cnn"     // 3x3 convolutions, each with ReLU and 2x2 max-pooling, then one linear layer
)

// Feed-forward layers of a decoder.
const (
	ReLU2  = "relu2"  // max(x W, 0)^2 V
	SwiGLU = "swiglu" // (silu(x G) * x U) V
)

// Config describes a model. Fields of other architectures are ignored.
type Config struct {
	Arch string

	// Decoder. Hidden is the width of the feed-forward layers, 0 for 4*Dim;
	// FF is the empty string for ReLU2.
	Vocab, Dim, Layers, Heads, Context, Hidden int
	FF                                         string

	// MLP: widths from input to output.
	Widths []int

	// CNN: height, width and channels of an image, channels after every
	// convolution, classes.
	Input    []int
	Channels []int
	Classes  int
}

// Bounds of a model. Classes and tokens are bounded by the cross-entropy's
// sum, widths by the contraction of 2^17 terms.
const (
	MaxClasses = 1<<15 - 2
	MaxWidth   = 1 << 17
	MaxLayers  = 200 // an update program has a port per parameter and state
	MaxContext = 1 << 13
)

// FieldError reports a field of a model that cannot be, by the name it has in
// a job file.
type FieldError struct {
	Field, Problem string
}

// Error names the field first.
func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

func fieldf(field, format string, args ...any) error {
	return &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// WithDefaults writes every default out.
func (c Config) WithDefaults() Config {
	if c.Arch == Decoder {
		if c.Hidden == 0 {
			c.Hidden = 4 * c.Dim
		}
		if c.FF == "" {
			c.FF = ReLU2
		}
	}
	c.Widths, c.Input, c.Channels = slices.Clone(c.Widths), slices.Clone(c.Input), slices.Clone(c.Channels)
	return c
}

// Validate reports the first field that cannot be, as a *FieldError.
func (c Config) Validate() error {
	c = c.WithDefaults()
	switch c.Arch {
	case Decoder:
		return c.validateDecoder()
	case MLP:
		return c.validateMLP()
	case CNN:
		return c.validateCNN()
	case "":
		return fieldf("model.arch", "is missing: want %s, %s or %s", Decoder, MLP, CNN)
	}
	return fieldf("model.arch", "want %s, %s or %s, got %q", Decoder, MLP, CNN, c.Arch)
}

func (c Config) validateDecoder() error {
	if err := first(
		within("model.vocab", c.Vocab, 2, MaxClasses),
		within("model.dim", c.Dim, 1, MaxWidth/4),
		within("model.layers", c.Layers, 1, MaxLayers),
		within("model.heads", c.Heads, 1, 1<<12),
		within("model.context", c.Context, 1, MaxContext),
		within("model.hidden", c.Hidden, 1, MaxWidth),
	); err != nil {
		return err
	}
	if c.Dim%c.Heads != 0 {
		return fieldf("model.heads", "must divide model.dim %d, got %d", c.Dim, c.Heads)
	}
	if c.FF != ReLU2 && c.FF != SwiGLU {
		return fieldf("model.ff", "want %s or %s, got %q", ReLU2, SwiGLU, c.FF)
	}
	return nil
}

func (c Config) validateMLP() error {
	n := len(c.Widths)
	if n < 2 || n > MaxLayers {
		return fieldf("model.layers", "want 2 to %d widths from input to output, got %d", MaxLayers, n)
	}
	for i, w := range c.Widths {
		if err := within(fmt.Sprintf("model.layers[%d]", i), w, 1, MaxWidth); err != nil {
			return err
		}
	}
	return within(fmt.Sprintf("model.layers[%d]", n-1), c.Widths[n-1], 2, MaxClasses)
}

func (c Config) validateCNN() error {
	if len(c.Input) != 3 {
		return fieldf("model.input", "want height, width and channels, got %d numbers", len(c.Input))
	}
	for i, n := range c.Input {
		if err := within(fmt.Sprintf("model.input[%d]", i), n, 1, 1<<12); err != nil {
			return err
		}
	}
	if n := len(c.Channels); n < 1 || n > MaxLayers {
		return fieldf("model.channels", "want 1 to %d numbers, got %d", MaxLayers, n)
	}
	h, w, in := c.Input[0], c.Input[1], c.Input[2]
	for i, n := range c.Channels {
		field := fmt.Sprintf("model.channels[%d]", i)
		if err := within(field, n, 1, MaxWidth/9); err != nil {
			return err
		}
		if in > MaxWidth/9 {
			return fieldf("model.input[2]", "must be at most %d, got %d", MaxWidth/9, in)
		}
		if h < 2 || w < 2 {
			return fieldf(field, "nothing is left to pool: the image is %dx%d by then", h, w)
		}
		h, w, in = h/2, w/2, n
	}
	if h*w*in > MaxWidth {
		return fieldf("model.channels", "leave %dx%dx%d values per image, at most %d are possible", h, w, in, MaxWidth)
	}
	return within("model.classes", c.Classes, 2, MaxClasses)
}

func within(field string, v, lo, hi int) error {
	switch {
	case v == 0 && lo > 0:
		return fieldf(field, "is missing or zero")
	case v < lo || v > hi:
		return fieldf(field, "must be %d to %d, got %d", lo, hi, v)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
