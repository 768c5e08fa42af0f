// Package export makes an incident of a real job, so that the simulator can
// play again what happened on a hub.
//
// It owns what of a job's past can be told, and how: who counts as there,
// which answers were wrong, how fast a device was and how far away. A History
// holds what a source knows; FromRecord reads the public record of a job,
// which anybody may do, and FromDatabase the hub's own database, which knows
// more: results that were withdrawn, proofs, and what devices had earned
// before. Neither writes anything. The package refuses to know how an incident
// is played.
//
// An incident may be shown to anybody, so what identifies people stays behind:
// volunteers become numbers in the order in which they came, device classes
// become numbers as well because a volunteer may name its device as it likes,
// and no date, address, agent, signature or token is written. A hub's secret
// for drawing lots stays with the hub; the incident has one of its own.
//
// A hub does not note everything. Nothing is known of people who were there
// and delivered nothing, of leases that expired, of results that came too late
// and of canaries. A volunteer is taken to be there from its first lease to its
// last result, and to have gone where it delivered nothing for a quarter of an
// hour. Lies that nobody has found are right answers here.
package export
