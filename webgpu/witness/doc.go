// Package witness verifies one run of a program against any adversary without
// doing its matrix products again.
//
// Whoever runs the program also hands over the int32 accumulators of its
// contractions: the witness. Whoever verifies checks each against its operands
// as package freivalds does, in O(n^2), and computes every other op again, from
// the inputs and from checked accumulators only. Nothing claimed is believed:
// the operands of a contraction are recomputed, and so are the outputs.
//
// # How
//
// New splits the contractions of a program and makes two programs of it:
//
//   - the prover's has the same ops and outputs, and the accumulators as further
//     outputs. An op that does more than contract becomes a contraction and the
//     ops that follow from its definition, with the same bytes. It is a program
//     like any other: whoever runs it, on any device, need not know why.
//   - the verifier's takes the accumulators as inputs in place of the
//     contractions, and outputs what the contractions should have read and what
//     the program should have returned.
//
// # What it promises
//
// An honest run is never refused. If outputs or accumulators are not those of
// the program, Verify returns nil with a probability of at most
// freivalds.Prime^-trials, below 7.2e-15 for one trial, whatever the program's
// size. For let every check pass, and let some accumulators not be those of an
// honest run. The first such contraction in the order of the program has the
// operands of an honest run, because they were recomputed from right values; so
// its product is wrong, and its check alone passes with at most that probability.
// If all accumulators are right, so is everything recomputed from them, and
// outputs are compared byte for byte.
//
// The promise needs that outputs and witness were fixed before the key was
// drawn, and that the device which verifies is trusted.
//
// The package refuses to know who claims a result, who wants it verified, and
// what follows from a wrong one.
package witness
