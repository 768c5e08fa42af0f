package reputation

import (
	"fmt"
	"testing"
)

// BenchmarkLearn is what fitting the priors takes, for which the hub stands
// still: with so many classes of a hundred devices each, after 64 further results.
func BenchmarkLearn(b *testing.B) {
	for _, classes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(classes), func(b *testing.B) {
			book := New(nil, nil)
			n := 0
			results := func(count int) {
				for range count {
					n++
					d := Device{person(n), fmt.Sprint("class ", n%classes)}
					for range 1 + n%40 {
						book.Settle(d, true, t0)
					}
				}
			}
			results(20 * classes)
			for b.Loop() {
				b.StopTimer()
				results(2)
				b.StartTimer()
				book.learn()
				for c := range classes {
					book.curve(fmt.Sprint("class ", c))
				}
			}
		})
	}
}
