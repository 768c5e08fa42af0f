package freivalds

import "golang.org/x/sys/cpu"

// vectorised tells whether the assembly may be called. A test turns it off.
var vectorised = cpu.X86.HasAVX2

// dotNarrow sums n int8 at m times the digits, for n a multiple of 16 up to
// narrowBlock.
//
//go:noescape
func dotNarrow(m *byte, d0, d1, d2 *int16, n int, out *sums)

// dotColumns sums 16 columns of int8 at m, times a digit of each row, over
// pairs of rows that lie stride bytes apart, up to columnBlock/2 pairs.
//
//go:noescape
func dotColumns(m *byte, stride, pairs int, d0, d1, d2 *int16, out *[3][16]int32)

// dotWide sums n int32 at c times the wide digits in four lanes, for n a
// multiple of 8 up to wideBlock. It loads one digit past the n.
//
//go:noescape
func dotWide(c *byte, w0, w1 *int32, n int, out *[2][4]int64)
