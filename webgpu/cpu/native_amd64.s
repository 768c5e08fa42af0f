#include "textflag.h"

// func enter(fn uintptr, a *args)
//
// The frame is the C stack: C code starts at its upper end, aligned, and pushes
// downward. The calling convention is System V on every system, because the
// code called is ours; what it may clobber covers all that Go expects to be
// clobbered, and g is in thread-local storage, not in R14, for ABI0 and for
// signal handlers.
TEXT ·enter(SB), 0, $65536-16
	MOVQ fn+0(FP), AX
	MOVQ a+8(FP), DI
	MOVQ SP, BX          // callee-saved in C
	LEAQ 65472(SP), SP
	ANDQ $~63, SP
	CALL AX
	MOVQ BX, SP
	RET
