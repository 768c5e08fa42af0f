// Package data turns training data into batches by written integer rules, so
// that which sequence or example is seen at which step is part of a job's
// definition and the same everywhere.
//
// It owns the readers (text, raw tokens, IDX, their compressed forms), the
// split of a text into training and validation part, and the sampling rules.
// It refuses to know models, programs and where bytes are kept.
//
// All arithmetic below is on unsigned 32-bit integers that wrap, unless said
// otherwise; pcg is the permutation of package-level function PCG.
//
//	split      of n tokens the first floor(n*95/100) train, the rest validate
//	sequence   b of step s (from 1) starts at token
//	           pcg(seed*7919 + pcg(s*1000 + b)) mod (train - context - 1)
//	           and is context+1 tokens long: inputs are all but its last,
//	           targets all but its first
//	windows    of the validation part: W = min(1024, validate - context - 1);
//	           window i starts at floor(i*(validate-context-1)/W), 64-bit
//	epochs     the examples' order starts as 0..n-1 and is shuffled again at
//	           the start of every epoch e (from 1): for i = n-1 down to 1 swap
//	           places i and pcg(seed*1000003 + e*n + i) mod (i+1);
//	           an epoch has floor(n/batch) steps; example b of its k-th step
//	           (from 0) stands in place k*batch + b
//	key        of stochastic rounding in micro-batch j of step s:
//	           pcg(seed*31337 + s*64 + j)
package data
