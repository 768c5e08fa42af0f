// Package worker is the volunteer: it connects to a hub, shows its consent,
// asks for leases, computes their shards on its devices and delivers the
// results, until told to stop.
//
// It owns the volunteer's side of a conversation: which leases are in hand,
// what is sealed and waits to be opened, what is delivered and waits for a
// verdict. These outlive a connection, so that a result computed while the
// hub was away is delivered when it is back. It trusts the hub no more than
// it must: whatever arrives is checked, and a shard that cannot be run is
// handed back with the reason.
//
// A lane computes with one of two things. Programs run on a device; people's
// modules run in a sandbox, if one is offered, and each kind of shard is handed
// back by the other kind of lane. How a module ended is its result, whatever it
// did; only what this machine could not do is handed back.
//
// It refuses to know any concrete device, sandbox or transport, where keys and
// consents are kept, and what a person sees: it reports Events. The same code
// runs in a browser's Web Worker (js), headless under a WebAssembly runtime
// (wasip1) and natively; in the first two there is one thread, and computing
// blocks everything else until the shard is done or the device yields.
//
// # Life of an attempt
//
//	fetching -> computing -> sealed -> delivered -> (gone)     Lease.Sealed
//	fetching -> computing ----------> delivered -> (gone)      otherwise
//
// fetching and computing end early, handing the lease back, on a pause or
// where the shard cannot be run; any state ends on a revocation. delivered
// ends with the verdict or the hub's refusal. After a reconnect everything
// sealed or delivered is said again: the hub ignores what it already has.
//
// # Life of a lane
//
//	computing -> lost -> reopened -> computing
//	             lost -> dropped
//
// A device that reports device.ErrLost loses what was kept on it; its shard is
// handed back and Config.Reopen is asked for another, though not twice within
// an hour. A dropped lane asks for nothing more; without any device Run ends.
// Out of memory is not lost: the shard goes back and the lane keeps less.
// A sandbox is never lost: each run begins anew.
//
// # Life of a dispute
//
//	(challenge) -> recording -> asked -> asked -> ... -> (forgotten)
//
// A hub that has two results which differ asks about one of ours. Its lane runs
// the shard again with a trace, between two leases, and answers what needs the
// device; Run answers the rest from the trace. A trace is kept for ten minutes
// after the last question, also without a connection, and ends with a pause.
//
// # Goroutines
//
//	Run        one, the caller's: owns all state, decides everything, never
//	           waits for anything but the next event
//	dial       one while there is no connection: dials, with growing pauses
//	receive    one per connection: Conn.Receive -> Run
//	send       one per connection: Run -> Conn.Send
//	fetch      one per lane: decodes and checks a lease's shard and fetches
//	           its blobs while the lane computes the one before
//	compute    one per lane: owns what is kept there and runs it
//
// Run starts all of them and waits for all of them.
package worker
