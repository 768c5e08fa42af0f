// Package agenda is what is to happen in virtual time: a queue from which the
// earliest entry comes first. It knows nothing of what happens.
package agenda

import "cmp"

// Agenda holds entries of type T by their time; those of one time leave in the
// order in which they came. The zero Agenda is empty.
//
// It is a heap with four children to a node: half as deep as a binary one.
type Agenda[Time cmp.Ordered, T any] struct {
	heap []entry[Time, T]
	turn uint64
}

type entry[Time cmp.Ordered, T any] struct {
	at   Time
	turn uint64 // of coming: ties are broken by it
	what T
}

func (e *entry[Time, T]) before(f *entry[Time, T]) bool {
	return e.at < f.at || e.at == f.at && e.turn < f.turn
}

// Len is how many entries there are.
func (a *Agenda[Time, T]) Len() int { return len(a.heap) }

// Next is the time of the earliest entry; there must be one.
func (a *Agenda[Time, T]) Next() Time { return a.heap[0].at }

// Add puts what on the agenda.
func (a *Agenda[Time, T]) Add(at Time, what T) {
	a.turn++
	e := entry[Time, T]{at, a.turn, what}
	a.heap = append(a.heap, e)
	i := len(a.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&a.heap[up]) {
			break
		}
		a.heap[i] = a.heap[up]
		i = up
	}
	a.heap[i] = e
}

// Take removes the earliest entry and returns it; there must be one.
func (a *Agenda[Time, T]) Take() (Time, T) {
	h := a.heap
	first, last := h[0], h[len(h)-1]
	h[len(h)-1] = entry[Time, T]{}
	h = h[:len(h)-1]
	a.heap = h
	if len(h) == 0 {
		return first.at, first.what
	}
	i := 0
	for {
		best := -1
		for c := 4*i + 1; c <= 4*i+4 && c < len(h); c++ {
			if best < 0 || h[c].before(&h[best]) {
				best = c
			}
		}
		if best < 0 || !h[best].before(&last) {
			break
		}
		h[i] = h[best]
		i = best
	}
	h[i] = last
	return first.at, first.what
}
