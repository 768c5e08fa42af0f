package sandbox

// Bounds of what a module may have. They are below what any engine accepts,
// also after rewriting, so that a module is refused here or nowhere.
const (
	MaxModule = 16 << 20 // bytes of a module

	maxCode      = 32 << 20 // bytes of a rewritten module
	maxName      = 1 << 10
	maxTypes     = 20_000
	maxParams    = 64 // and as many results
	maxImports   = 1_000
	maxFunctions = 200_000
	maxTables    = 16
	maxGlobals   = 50_000
	maxExports   = 100_000
	maxSegments  = 90_000   // of data, and as many of elements
	maxTable     = 1 << 20  // entries of a table, also of one that grew
	maxBody      = 1 << 20  // bytes of a function
	maxRewritten = 7 << 20  // bytes of a function, rewritten
	maxLocals    = 20_000   // of a function, parameters included
	maxEffort    = 4 << 20  // pieces of a function times its locals, and values that its calls and branches move: compiling it takes as long
	maxEfforts   = 32 << 20 // the same of all functions
	maxTargets   = 60_000   // of a br_table
	maxNesting   = 50_000   // of blocks
	maxPages     = 4096     // of memory, whatever the limits say
	pageSize     = 64 << 10 // bytes
)
