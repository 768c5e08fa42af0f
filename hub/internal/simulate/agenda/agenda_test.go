package agenda

import (
	"math/rand/v2"
	"testing"
)

func TestEntriesLeaveInOrder(t *testing.T) {
	var a Agenda[int, int]
	r := rand.New(rand.NewPCG(5, 6))
	came := 0
	add := func() {
		a.Add(r.IntN(50), came)
		came++
	}
	for range 500 {
		add()
	}
	lastAt, lastCame := -1, -1
	for a.Len() > 0 {
		next := a.Next()
		at, what := a.Take()
		if at != next {
			t.Fatalf("an entry of %d was announced, one of %d came", next, at)
		}
		if at < lastAt || at == lastAt && what < lastCame {
			t.Fatalf("entry %d of time %d came after entry %d of time %d", what, at, lastCame, lastAt)
		}
		lastAt, lastCame = at, what
		if came < 600 {
			a.Add(at+r.IntN(9), came)
			came++
		}
	}
	if came != 600 {
		t.Fatalf("%d entries, want 600", came)
	}
}
