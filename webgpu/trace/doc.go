// Package trace commits to every step of a computation: the SHA-256 of every
// value that a program makes, and a Merkle tree over its ops. Whoever ran a
// program publishes 32 bytes, the root, and can afterwards show any op's
// outputs to be what the root stands for. Because every device returns the
// same bytes, two honest traces of one program and its inputs have the same
// root, whatever they ran on.
//
// A leaf is an op: the digests of its outputs, in order. The tree is that of
// RFC 6962, in which leaves and inner nodes are hashed apart, so that neither
// can stand for the other; its shape follows from the number of ops alone.
//
// Record runs a program on any device in stretches of ops with all their
// outputs exposed, and keeps digests only: at any time it holds the values that
// later ops need and those of one stretch. Values returns the bytes behind
// chosen digests by running again what they depend on.
//
// The package refuses to know who asks for a trace, and what is believed of
// it; package dispute settles two traces that differ.
package trace
