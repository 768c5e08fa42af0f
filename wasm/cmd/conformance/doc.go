// Conformance runs the lanes of a browser in a real one and compares what they
// compute there with the reference, natively. Built for js it is a page's
// program: it makes the cases of package devicetest from their seed, runs them
// on the lane that its flags name, and posts a digest of each. Only its own
// test builds it.
//
// A failure names its case. SHOAL_CASES, a list of names, runs only these:
//
//	SHOAL_CASES=matmul/17,"program 1048580" go test ./wasm/cmd/conformance -run TestChromium/webgpu
//
// where matmul/16-31 is a batch of cases in one program, as the test runs them
// otherwise, and matmul all of matmul's.
package main
