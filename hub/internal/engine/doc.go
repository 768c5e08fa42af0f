// Package engine is the hub's core: it drives every job's rounds from shards
// to leases to verified results to the next round.
//
// It owns the order of events: which results are being judged, what is
// written before what is acknowledged, when a round is folded, when a
// checkpoint is taken, what is kept after that. The decisions themselves are
// made by the pure packages scheduler, trust and ledger. It refuses to know
// the wire (package session has it), HTTP, and which database the Store is.
//
// # What survives kill -9
//
// A result's outputs are a durable blob before the transaction that records
// the result; verdict, payment and marks are in the same transaction; a
// volunteer hears of it only after the commit. A job is resumed from its last
// checkpoint and folds again what was accepted since; only shards without an
// accepted result are leased again. Leases, seals and connections are lost:
// leases are signed, so late results still count.
//
// # How a result is believed
//
// What a policy of package trust asks for is done here. A device's risk is noted
// when its lease is handed out (schedule.go) and stored with its result; every
// settled result adds to what is known of its device (package reputation). Where two
// results differ the volunteers play a dispute (challenge.go); where that tells
// nothing, where a lot falls, or where nobody unrelated is left to ask, the hub
// runs the shard itself (inquiry.go). One idle, little-known device at a time is
// given a shard whose answer is known (canary.go). Who may vouch for whom is in
// company.go, what a job's limit allows for it in credits.go.
//
// Whoever is proved wrong loses the lane and the stake (consequence.go), and
// everything that rests on its word alone is run again (repair.go). If a result
// that a round was folded from turns out wrong, all who returned it are caught,
// and the job goes back to a checkpoint before it (rewind.go): verdicts from the
// wrong one on are withdrawn, the generation that is part of every lease is
// raised, and the rounds are done anew. For that the inputs of settled rounds
// (retain.go) and some checkpoints (checkpoint.go) are kept. What is needed of this
// is in the store with the mark itself, so a hub that is killed in between takes it
// up with the job. A job that is done is reopened for it, for some time after its
// end (mend.go).
//
// # What a run's blobs are
//
// What a job.Run puts in Start is kept until the job ends. What it puts in
// Fold or Checkpoint is kept as long as the current round or the last
// checkpoint names it, and until the next checkpoint in any case. Outputs are
// kept until a checkpoint has made them superfluous; programs and uploads for
// good, artifacts as long as the end stands that they are of. A job that is done
// keeps its checkpoints while it may be reopened.
//
// # Goroutines
//
//   - Run owns one goroutine that plans (schedule.go) whenever it is kicked,
//     a lease passes its deadline or an attempt becomes overdue;
//   - a job's inquiries and its repair, which its driver waits for before it
//     ends the job;
//   - one goroutine that reopens ended jobs (mend.go);
//   - one driver per running job (drive.go), which alone touches the job's
//     job.Run, and with it one that writes the last round's report;
//   - sessions call Member's methods from goroutines of their own. A result is
//     judged and committed on its session's goroutine, one at a time per shard.
//
// Everything shared is guarded by Engine.mu, which is never held across a
// call to the store, to blobs or to a job kind.
package engine
