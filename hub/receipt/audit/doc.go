// Package audit finds out whether a finished job is what its hub says it is:
// it checks the signed head, every receipt and every file, and computes shards
// again on a machine of the auditor's.
//
// It owns the order of checks and what is said of each. It refuses to trust
// the hub for anything but the availability of blobs: every byte is checked
// against a hash, and every hash against the head. It refuses to know how
// shards are computed and where bytes come from: an Executor and a Source do.
//
// # What an audit shows
//
// A sample checks shards: that the program, run on the inputs named in the
// receipt, gives the output named there. It says nothing of what the hub does
// between rounds, where outputs are folded into the next round's inputs. An
// audit of every shard (Sample{All: true}) of a job whose data is there
// replays the whole job: splitting, shards, folding and the final files.
package audit
