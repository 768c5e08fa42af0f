// Package train is the job kind that trains a network, method sync: every
// optimiser step is one round whose shards compute the gradients of parts of
// the step's batch, and the rounds of an evaluation compute losses on
// held-out data.
//
// The package owns the definition of a run: which data is seen when, how
// gradients are added, which learning rate a step has, what a finished job's
// files hold. It refuses to know how a network is computed (package nn makes
// the programs), and who runs the shards. Because all of it is integers and
// nothing depends on who or when, the final weights are a function of the job
// file and the data alone.
//
// # A step
//
// Step t, from 1, has batch rows: sequences of context tokens (package data,
// "sequence") or examples of the epoch's shuffle ("epochs"). They are cut in
// order into batch/micro_batch micro-batches; micro-batch j is shard j of the
// round. Its inputs are the weights (blobs) and, inline, its rows and the
// stochastic-rounding key (package data, "key"). Its outputs are one int32
// gradient per parameter and the loss of every row in nats, Q16.
//
// Rounding happens inside a micro-batch, so micro_batch is part of the
// result's definition. Its default is the smallest divisor of batch that
// leaves at most four micro-batches.
//
// Fold adds the shards' gradients as int32. That no sum leaves the range the
// update program is proved for is checked before the job starts: the number
// of micro-batches times the gradient's proved range must fit. The update
// program then makes new weights and optimiser state from the sum and the
// step's learning rate (rates.go).
//
// # Evaluation
//
// After every eval_every steps and after the last, one round evaluates the
// new weights: the validation windows of a text, or the test images, a fixed
// number per shard. The last shard is filled up with repetitions of the last
// window or image; their losses are not counted. eval_every: -1 leaves all of
// that out.
//
// # Numbers
//
// A row's loss is an integer; means are made of exact sums and turned into
// nats for people only. weights_sha256 is the SHA-256 of all master tensors
// in the order of the network's parameters, each as little-endian int32,
// without anything between them.
package train
