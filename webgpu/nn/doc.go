// Package nn makes programs of models: the loss of a batch, the gradient of
// every parameter, and the optimiser's update, each as a graph of ops.
//
// The package owns what a model is: its parameters, their initial values, its
// layers forward and backward, and where every fixed point lies. It refuses to
// know where data comes from, who runs a program, how gradients are added and
// which learning rate a step has.
//
// A layer is one file: it declares its parameters, its forward pass, and the
// backward pass as a function made by the forward pass. Models (decoder.go,
// classifier.go) are lists of layers.
//
// # Numbers
//
// Tensors that travel between layers are int32 with a fixed point (package
// ops): activations Q16 (FX), gradients of the summed loss Q24 (FG). Operands
// of a matmul are int8 mantissas with exponents, and a tensor t of fraction F
// stands for q * 2^(e-F). Every comment "a is b * 2^n" below derives the
// constant that makes an op's shift; the exponents themselves are data.
//
//	activations    one exponent per row: a token, a head of a token, an image
//	weights        one exponent per tensor, as the bits of its largest
//	               magnitude: q = w / 2^(bits-7)
//	gradients      per row where the input's gradient is made of them; one per
//	               tensor, with the other operand's row exponents folded in,
//	               where the weight's gradient is
//
// All rounding of gradients to int8 is stochastic: the random bits are those
// of the program's "key" input, the op's salt, and the element's index.
// Everything else rounds to the nearest. So a forward pass has no randomness,
// and a row of it depends on nothing but the row (a token on its past).
package nn
