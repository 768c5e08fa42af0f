// Package kernel is the integer intermediate representation in which every op
// is defined once: 32-bit scalar expressions inside four forms.
//
//   - map: every output element is an expression of gathered inputs;
//   - rows: per row, reductions over its columns (or, max, sum), scalars made
//     of them, and maps that use those;
//   - matmul: an int8 contraction whose 32-bit accumulator enters a map, the
//     epilogue;
//   - scatter: expressions added into computed positions of an output.
//
// All four are one structure, Kernel: an iteration space of Rows x Cols, and
// stores into buffers. What makes a kernel rows, matmul or scatter is whether
// its expressions hold a reduction, the accumulator or an adding store.
//
// A plain store covers its output exactly: it stands at every element (Here) or
// every row (Row), and Prove checks that nothing is left out. An adding store
// may go anywhere inside its output.
//
// Every value is a signed 32-bit integer and no operation may overflow, shift
// by 32 or more, or divide by less than 1: Prove carries an interval for every
// expression of a kernel instance and refuses the instance otherwise. The only
// operation that wraps is Rand. That is why a kernel has one meaning on every
// device, and why sums may be taken in any order.
//
// Two rewrites keep the bytes of a kernel: Fuse makes a producer and a consumer
// into one, and Simplify leaves out what the proof of an instance shows
// needless. Both results can be proved again, which is how they are checked.
//
// A Kernel may be read from many goroutines once it is built. Prove, Cost,
// Walk and Levels work on a table of its distinct expressions, made on first
// use and kept: proving an instance allocates little, because a volunteer proves
// every op of every program it is sent.
//
// The package knows no device, no tensor shape beyond rows and columns, and no
// op: it imports nothing of this module.
package kernel
