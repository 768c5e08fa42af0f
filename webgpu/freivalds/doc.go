// Package freivalds checks a finished int8 x int8 -> int32 matrix product
// without computing it again: in O(MK + KN + MN) instead of O(MKN), for every
// layout that a contraction of the op set can have.
//
// # The check
//
// For C = A*B claimed, draw a vector r that the prover could not foresee and
// compare C*r with A*(B*r), modulo the prime p = 2^47 - 115. Three products of
// a matrix and a vector take the place of one of two matrices.
//
// # What it promises
//
// An exact product is never refused: equality of integers is equality modulo
// p. A wrong product passes one trial with probability at most 1/p, which is
// below 7.2e-15, and n trials with at most p^-n. Sketch of the proof: let D =
// C - A*B over the integers. Every entry of C lies within 2^31, and every entry
// of A*B within 2^17 * 2^14, so every entry of D lies within 2^32 < p, and an
// entry that is not 0 is not 0 modulo p either. Let D[i][j] be such an entry.
// The trial passes only if the sum over n of D[i][n]*r[n] is 0. Whatever the
// other entries of r are, D[i][j] has an inverse modulo p, so exactly one value
// of r[j] in 0..p-1 makes that sum 0; r[j] is uniform and independent of the
// others, so it has that value with probability 1/p. All batches of a product
// share r: one wrong entry anywhere is enough for the argument.
//
// The argument needs that C was fixed before r was drawn, and that the prover
// knows nothing of r: the key of a Checker is secret until every product to be
// checked with it is committed to. It may be published afterwards, so that
// anybody can repeat the check. Vectors come from ChaCha8, so the bound holds
// as long as the prover cannot tell its output from chance.
//
// # Cost
//
// Entries of r and of B*r are numbers modulo p, kept as three signed 16-bit
// digits where they meet int8 entries and as two signed 24-bit digits where
// they meet int32 entries: sums of products of digits fit machine words and
// are reduced modulo p once per row. Cost counts 2 operations for each digit
// and entry, as the contraction itself is counted.
//
// The package refuses to know who claims a product, and what follows from a
// wrong one.
package freivalds
