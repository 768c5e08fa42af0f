// Package twin is the float32 twin of the models of package nn: the same
// layers, initial weights and optimisers as textbooks write them. Tests compare
// gradients with it, and learning curves are drawn next to it.
//
// It is for people: floating point differs between processors in the last
// bits, so nothing a volunteer computes or a job's result depends on may come
// from here.
package twin
