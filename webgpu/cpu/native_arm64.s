#include "textflag.h"

// func enter(fn uintptr, a *args)
//
// The frame is the C stack: C code starts at its upper end, aligned, and pushes
// downward. C code is compiled to leave R18, the system's, and R28, Go's g,
// alone.
TEXT ·enter(SB), 0, $65536-16
	MOVD fn+0(FP), R1
	MOVD a+8(FP), R0
	MOVD RSP, R19        // callee-saved in C
	MOVD $65472, R2
	ADD  R19, R2
	AND  $~15, R2
	MOVD R2, RSP
	CALL (R1)
	MOVD R19, RSP
	RET
