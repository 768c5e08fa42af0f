// Package dispute settles two results of one program and the same inputs that
// differ: it finds the first op whose outputs the two sides claim differently
// and runs that one op again.
//
//	Commit   both show a root, and open from it the outputs they returned
//	Descend  both show the two children of the node at which they differ; the
//	         left one is followed where it differs, or else the right one
//	Reveal   at a single op, both show the digests of its outputs
//	Supply   one of them shows that op's inputs, opened from its root
//	(judge)  the op is run on the reference: whoever claimed other outputs lied
//
// A tree of n ops takes ceil(log2 n) rounds of Descend. Going left first means
// that everything before the op reached is the same in both traces, so inputs
// opened from one root are agreed by both, whoever supplies them. Whoever does
// not answer, or shows what does not belong to the root, loses; both can.
//
// A Referee is a state machine without clock, transport or randomness: it says
// what it asks of whom, is given answers as data, and is told when a party has
// given up. A Player answers from a trace. Every answer is signed for one
// question of one case, so the transcript is evidence that anybody can replay
// without trusting the referee; only that somebody failed to answer in time is
// the referee's word, and the verdict says so.
//
// That a party returned the outputs that the case says it did is shown by its
// signed result, which receipts keep, and not by the evidence.
//
// What a verdict is worth: a party at fault signed something untrue, or stayed
// away. The other party is not thereby right in every op: a lie that both tell
// alike, before the op found or after it, is not looked for.
//
// The package refuses to know how messages travel, what a fault costs, and
// whether a broken driver or a person is to blame.
package dispute
