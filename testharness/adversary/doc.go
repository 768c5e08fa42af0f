// Package adversary is the other side: volunteers that speak the real
// protocol, with keys of their own, and cheat.
//
// It owns the ways of cheating (All), each with what it does and what is to
// become of it, and the account of the lies each told (Book). Two families:
// liars are the honest worker over a device that answers falsely; breakers
// speak the protocol by hand and break its rules. Both do the same for the
// same seed, as far as the hub deals them the same cards.
//
// The package refuses to know the hub's insides: it sees what a volunteer
// sees. Tests put its players beside honest ones and compare the weights that
// come out with those of a run without any volunteers.
package adversary
