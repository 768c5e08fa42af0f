// Package hub is the coordinator: jobs in, verified results out.
//
// New wires the parts under internal/ into a Hub, the one place where that
// happens; Run serves until its context ends. Everything that must survive is
// in the data directory, so a hub that was killed at any moment is started
// again by the same two calls. The package refuses to know which job kinds,
// devices and pages there are: they come in by Config.
//
// The data directory:
//
//	hub.db        SQLite: jobs, results, verdicts, the ledger
//	blobs/        immutable bytes, named by their SHA-256
//	receipts/     the signed logs of ended jobs
//	lease.key     the secret that signs leases
//	receipts.key  the secret that signs those logs: it makes this hub this one
//	admin.sha256  SHA-256 of the admin key; the key itself is shown once
//	lock          held while a hub runs
//
// What hub.db has to say decides which blobs are kept, so a directory that has
// lost it is refused (ErrDamaged) and left as it is.
package hub
