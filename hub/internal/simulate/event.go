package simulate

// event is the next stretch of one volunteer's work.
type event struct {
	at   float64 // days
	turn uint64  // of scheduling: ties are broken by it
	who  *volunteer
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.turn < f.turn }

// events is a heap with four children to a node: half as deep as a binary one.
type events struct {
	heap []event
	turn uint64
}

func (q *events) push(at float64, v *volunteer) {
	q.turn++
	e := event{at, q.turn, v}
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
}

func (q *events) pop() event {
	first := q.heap[0]
	last := q.heap[len(q.heap)-1]
	q.heap[len(q.heap)-1] = event{}
	q.heap = q.heap[:len(q.heap)-1]
	if len(q.heap) == 0 {
		return first
	}
	i := 0
	for {
		best := -1
		for c := 4*i + 1; c <= 4*i+4 && c < len(q.heap); c++ {
			if best < 0 || q.heap[c].before(q.heap[best]) {
				best = c
			}
		}
		if best < 0 || !q.heap[best].before(last) {
			break
		}
		q.heap[i] = q.heap[best]
		i = best
	}
	q.heap[i] = last
	return first
}
