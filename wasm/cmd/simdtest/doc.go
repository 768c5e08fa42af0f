// Simdtest runs package simd in a real browser and compares what it
// computes there with the reference, natively. Built for js it is the page's
// program: it makes the cases of package devicetest from their seed, runs them
// and posts a digest of each to the page. Only its own test builds it.
package main
