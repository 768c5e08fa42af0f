// Lane is the part of package peers' page that runs our lanes webgpu and
// webgl. Built for js, it gives the page an object shoal with four functions,
// all of which but result return promises:
//
//	open(lane, n, a, b)  prepares the product of two n x n matrices of bytes
//	run(lane)            computes it once, and reads it back
//	result(lane)         gives what was read, as bytes
//	close(lane)          frees everything
//
// Package peers builds it; it is of no use alone.
package main
