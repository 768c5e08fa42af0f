// Package glsl prints kernels as GLSL ES 3.00 fragment shaders: what WebGL2
// runs, where there is no compute and no shared memory. Fragments are the
// invocations, textures the memories, and what a shader computes is what it
// would draw.
//
// It owns the text, how the elements of an instance are dealt out to
// fragments, and which of several texts serves an instance. It refuses to
// know the API, the browser, and whole programs.
//
// # What a machine does with a Code
//
// Memory is a texture of four consecutive elements a texel: RGBA8I, RGBA16I
// or RGBA32I. Texel t of a memory lies at (t mod Width, t / Width).
//
// The bindings that are read come first: binding i is the sampler b<i>. Those
// that are written follow: the j-th of them is the target at location j. The
// uniform block Params holds Code.Params words of Pass.Params, rounded up to a
// multiple of four. A pass draws at least the first Pass.Groups texels of its
// targets; fragments beyond them write what has no meaning.
//
// # How forms become passes
//
// A map is one pass: a fragment stores the four elements of its texel, in as
// many outputs as there are targets.
//
// Reductions come first, stage by stage: a fragment sees one row, or one
// stretch of a long row, and leaves what was reduced in a texel per row, along
// with what is dear to derive from it. Later passes read that.
//
// A matmul is two passes. In the first a fragment sums up a tile of four rows
// and four columns, one row in each target. The second is a map in which the
// accumulator is a load.
//
// An adding store is turned round, because a fragment writes only its own
// place: each element of the output looks for the rows and columns that add to
// it. Where they follow from the index, as for patches, it visits only those.
//
// All arithmetic is on 32-bit integers, which wrap in GLSL ES 3.00. Shift
// counts lie in 0 to 31 and divisors above 0 wherever the result matters.
package glsl
