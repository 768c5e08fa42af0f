// Package receipt is the public record of a finished job: one line for every
// settled shard, a Merkle tree over the lines, and a head that the hub signs
// once, when the job ends. A job that comes to another end, because one whose
// word it rested on was proved wrong, gets another record, which names the first.
//
// It owns the line (what is said of a shard, and the one way to write it), the
// log (the tree over the lines and proofs that a line is in it) and the head
// (what the hub puts its name to). All of them can be checked with nothing but
// their bytes: a line carries the signatures of the volunteers and the leases
// they answer, a head carries the hub's key.
//
// It refuses to know what programs compute: whether an output is right is for
// package audit to find out. And it refuses to know where logs are kept.
//
// # What the parts prove
//
// A signature proves that a volunteer returned this output for this shard of
// this job. The root proves that no line was changed, added, removed or moved
// since the head was signed. The head's own signature proves which hub signed
// it, to those who know the hub's key from elsewhere; to others only that all
// parts are of one piece. A hub that lies from the start can sign a log of
// lies; re-executing a sample finds those.
package receipt
