#include "textflag.h"

// The bounds on n and pairs, which keep every lane from overflowing, are in
// vector.go.

// Sum the eight 32-bit lanes of acc as 64-bit numbers and store the sum.
#define NARROW(acc, low, offset) \
	VEXTRACTI128 $1, acc, X8    \
	VPMOVSXDQ    low, Y9        \
	VPMOVSXDQ    X8, Y8         \
	VPADDQ       Y8, Y9, Y9     \
	VEXTRACTI128 $1, Y9, X8     \
	VPADDQ       X8, X9, X9     \
	VPSRLDQ      $8, X9, X8     \
	VPADDQ       X8, X9, X9     \
	VMOVQ        X9, offset(DI)

// func dotNarrow(m *byte, d0, d1, d2 *int16, n int, out *sums)
TEXT ·dotNarrow(SB), NOSPLIT, $0-48
	MOVQ  m+0(FP), SI
	MOVQ  d0+8(FP), R8
	MOVQ  d1+16(FP), R9
	MOVQ  d2+24(FP), R10
	MOVQ  n+32(FP), CX
	MOVQ  out+40(FP), DI
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2

narrow:
	PREFETCHT0 1024(SI)(AX*1)
	VPMOVSXBW (SI)(AX*1), Y4
	VPMADDWD  (R8)(AX*2), Y4, Y5
	VPMADDWD  (R9)(AX*2), Y4, Y6
	VPMADDWD  (R10)(AX*2), Y4, Y7
	VPADDD    Y5, Y0, Y0
	VPADDD    Y6, Y1, Y1
	VPADDD    Y7, Y2, Y2
	ADDQ      $16, AX
	CMPQ      AX, CX
	JLT       narrow

	NARROW(Y0, X0, 0)
	NARROW(Y1, X1, 8)
	NARROW(Y2, X2, 16)
	VZEROUPPER
	RET

// One digit of two rows, times their bytes side by side in Y8 and Y9.
#define COLUMNS(digit, low, high) \
	VPBROADCASTD (digit)(AX*4), Y10 \
	VPMADDWD     Y10, Y8, Y11       \
	VPMADDWD     Y10, Y9, Y12       \
	VPADDD       Y11, low, low      \
	VPADDD       Y12, high, high

// Interleaving words works within 128 bits: low holds columns 0-3 and 8-11,
// high 4-7 and 12-15.
#define ORDER(low, high, offset) \
	VPERM2I128 $0x20, high, low, Y8 \
	VPERM2I128 $0x31, high, low, Y9 \
	VMOVDQU    Y8, offset(DI)       \
	VMOVDQU    Y9, (offset+32)(DI)

// func dotColumns(m *byte, stride, pairs int, d0, d1, d2 *int16, out *[3][16]int32)
TEXT ·dotColumns(SB), NOSPLIT, $0-56
	MOVQ  m+0(FP), SI
	MOVQ  stride+8(FP), DX
	MOVQ  pairs+16(FP), CX
	MOVQ  d0+24(FP), R8
	MOVQ  d1+32(FP), R9
	MOVQ  d2+40(FP), R10
	MOVQ  out+48(FP), DI
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5

columns:
	VPMOVSXBW  (SI), Y6
	VPMOVSXBW  (SI)(DX*1), Y7
	VPUNPCKLWD Y7, Y6, Y8
	VPUNPCKHWD Y7, Y6, Y9
	COLUMNS(R8, Y0, Y1)
	COLUMNS(R9, Y2, Y3)
	COLUMNS(R10, Y4, Y5)
	LEAQ       (SI)(DX*2), SI
	INCQ       AX
	CMPQ       AX, CX
	JLT        columns

	ORDER(Y0, Y1, 0)
	ORDER(Y2, Y3, 64)
	ORDER(Y4, Y5, 128)
	VZEROUPPER
	RET

// func dotWide(c *byte, w0, w1 *int32, n int, out *[2][4]int64)
TEXT ·dotWide(SB), NOSPLIT, $0-40
	MOVQ  c+0(FP), SI
	MOVQ  w0+8(FP), R8
	MOVQ  w1+16(FP), R9
	MOVQ  n+24(FP), CX
	MOVQ  out+32(FP), DI
	XORQ  AX, AX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

	// VPMULDQ multiplies the even 32-bit lanes: once as loaded, and once
	// with the odd ones moved there, for which digits are loaded one later.
	// Rows are read once, often a page each, where the processor's own
	// prefetching stops: the next rows' bytes are asked for by hand.
wide:
	PREFETCHT0 2048(SI)(AX*4)
	VMOVDQU (SI)(AX*4), Y4
	VPSRLQ  $32, Y4, Y5
	VPMULDQ (R8)(AX*4), Y4, Y6
	VPMULDQ 4(R8)(AX*4), Y5, Y7
	VPMULDQ (R9)(AX*4), Y4, Y8
	VPMULDQ 4(R9)(AX*4), Y5, Y9
	VPADDQ  Y6, Y0, Y0
	VPADDQ  Y7, Y1, Y1
	VPADDQ  Y8, Y2, Y2
	VPADDQ  Y9, Y3, Y3
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     wide

	VPADDQ  Y1, Y0, Y0
	VPADDQ  Y3, Y2, Y2
	VMOVDQU Y0, (DI)
	VMOVDQU Y2, 32(DI)
	VZEROUPPER
	RET
