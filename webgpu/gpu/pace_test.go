package gpu

import (
	"testing"
	"time"
)

// TestPace follows the budget on machines of different speeds.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name   string
		speed  int64 // operations a second
		want   int   // dispatches of a submission in the end
		linger time.Duration
	}{
		{"fast", 1e12, 1000, 0},
		{"slow", 1e8, 50, 0},
		{"dead slow", 1e3, 1, 0},
		{"fast, read late", 1e12, 1000, time.Minute},
	} {
		var at time.Time
		p := newPace(defaultTurn, func() time.Time { return at })
		list := make([]Dispatch, 1000)
		for i := range list {
			list[i].Cost = 1e6
		}
		n, first := 0, 0
		for round := range 60 {
			for rest := list; ; {
				n = p.take(rest)
				if first == 0 {
					first = n
				}
				at = at.Add(time.Duration(int64(n) * 1e6 * int64(time.Second) / c.speed))
				if rest = rest[n:]; len(rest) == 0 {
					break
				}
				p.waited()
				if round == 59 {
					break
				}
			}
			at = at.Add(c.linger)
			p.idle()
		}
		if n != c.want {
			t.Errorf("%s: %d dispatches at once, want %d", c.name, n, c.want)
		}
		if first != firstTurn/1_000_000 {
			t.Errorf("%s: %d dispatches at first, want %d", c.name, first, firstTurn/1_000_000)
		}
	}
}
