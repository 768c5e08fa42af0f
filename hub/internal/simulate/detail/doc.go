// Package detail simulates a hub shard by shard, in virtual time: leases and
// their deadlines, backups, seals, messages that take time, volunteers that
// leave in the middle, fall silent or lie.
//
// What is leased to whom is decided by package scheduler, what is believed by
// package trust, and what is known of whom is kept by package reputation: the code
// that the hub runs. This package stands in for what is around them: the engine's
// bookkeeping (hub.go, plan.go, judge.go, memory.go, repair.go, court.go), and the
// people (people.go, device.go). A run is drawn from one seed, or played again from
// an incident; the same input gives the same Report, on the same kind of processor.
//
// Package simulate, which knows nothing of leases, follows many more results
// over months. The two agree on what cheats do: simulate.Cheat.
package detail
