package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// BenchmarkLearn is what fitting the priors takes, for which the engine stands
// still: with so many classes of a hundred devices each, after 64 further results.
func BenchmarkLearn(b *testing.B) {
	for _, classes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(classes), func(b *testing.B) {
			d := newDevices()
			n := 0
			results := func(count int) {
				for range count {
					n++
					k := deviceKey{volunteer.ID{byte(n), byte(n >> 8), byte(n >> 16)}, fmt.Sprint("class ", n%classes)}
					for range 1 + n%40 {
						d.settle(k, true, time.Unix(1, 0))
					}
				}
			}
			results(20 * classes)
			for b.Loop() {
				b.StopTimer()
				results(2)
				b.StartTimer()
				d.learn()
				for c := range classes {
					d.curve(fmt.Sprint("class ", c))
				}
			}
		})
	}
}
