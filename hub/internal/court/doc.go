// Package court conducts disputes: two volunteers have signed different results
// of one shard, and are asked, question by question, until one op is left that
// this side runs itself.
//
// It owns who is asked what and when, the deadlines, and what counts as staying
// away; package dispute owns what an answer must hold and who is at fault. It
// refuses to know stores, connections and what a fault costs: a party is
// somebody who can be asked, and a ruling is data.
package court
