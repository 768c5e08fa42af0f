// Package mapping is the job kind "map": somebody's WebAssembly module is run
// once for every input of a list. Which inputs there are, in which order, and
// what the finished job's files hold is written here; the results depend on the
// job file and the data it names, and on nothing else.
//
// The package refuses to know how a module is run (package sandbox makes that a
// function of module, limits and input) and who runs it.
//
// # The job file
//
//	kind: map
//	name: primes
//	map:
//	  module: primes.wasm                 # or sha256:...
//	  inputs: {lines: ranges.txt}         # exactly one of the following
//	  #       {range: {from: 0, to: 1000000, step: 1000}}
//	  #       {files: [a.png, b.png]}
//	  #       {blobs: ["sha256:...", "sha256:..."]}
//	  #       {tar: pictures.tar}
//	  batch: 16           # inputs per shard, 1 to 1024
//	  fuel: 1000000000    # instructions one run may execute, up to 2^40
//	  memory: 64MiB       # that one run may have, whole pages of 64KiB up to 256MiB
//	  output: 1MiB        # that one run may write, up to 16MiB
//	  on_error: keep      # or fail
//
// The values shown are the defaults; without a batch, it is smaller where 16
// outputs would not fit a result. A run that does not return (it trapped, ran
// out of fuel, exited with an error) is a result like any other: with "keep" it
// is reported in the job's files and in its reports (how many ended how, and why
// the first did), and the job is done all the same; with "fail" the first one
// ends the job, which has then failed.
//
// # Inputs
//
// They are numbered from 0. Lines are those of a text, without their line ends
// ("\n" or "\r\n"); a text that does not end in one ends in a last line all the
// same. Files, blobs and the regular files of a tar archive are taken as they
// are, in their order; their names do not matter. Range is the texts "0 1000",
// "1000 2000" and so on, the last one ending where the range does.
//
// # Rounds
//
// Shards have a batch of inputs each, in order, and rounds as many shards as the
// hub can be asked to hold the worst outputs of (roundBytes): the smaller
// map.output, the more volunteers can work at the same time. A checkpoint
// between rounds names blobs that hold every outcome so far, so that a killed
// hub repeats no finished round.
//
// # Files
//
//	outputs.jsonl   a line for every input, in order: index, status, fuel, and
//	                what it returned: as "output" where that is UTF-8, otherwise
//	                as "output_base64"; a failed run has a "complaint" instead
//	report.json     Summary: totals, and the first failures
//
// Where the inputs are files, so are the outputs: outputs.jsonl then has their
// "bytes" and "sha256", and each is a file of its own such as output-0003.png,
// named for what it looks like; more than 256 of them are in outputs.tar
// instead. outputs.jsonl pins every byte of every output either way, so its
// SHA-256 is what two computations of a job are compared by.
package mapping
