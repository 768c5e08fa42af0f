// Lab runs package lab inside a page's worker, on the lanes of a real browser:
// `shoal bench` and `shoal reproduce` open such a page. It is part of the shoal
// program and of no page that a visitor sees.
//
// Its arguments are -software where a GPU that a processor plays will do, what
// to do, the lane, and numbers:
//
//	product LANE SIZE                        -> result: lab.Measured
//	train LANE STEPS                         -> result: lab.Steps
//	reproduce LANE                           -> progress: job.Report, ...; result: lab.Reproduced
//	suites LANE SEED CASES PROGRAMS MAXOPS   -> suite: lab.Suite, ...; result: lane's name and detail
//
// Each is posted as {kind, value}, value being JSON; {kind: "error"} ends it
// otherwise, and "unavailable" says that the browser lacks the lane. The job
// file and its data are fetched from /job and /data/NAME.
package main
