package engine

import (
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
)

// BenchmarkPlan compares what planning costs under a policy that weighs with
// what it costs where replicas are counted: filling an idle crowd's hands, and
// looking over a round that is all handed out.
func BenchmarkPlan(b *testing.B) {
	const members, shards = 1000, 1000
	for name, t := range map[string]job.Trust{"replicas": {Replicas: 2}, "epsilon": {Epsilon: "0.000001"}} {
		h := newHall(b, t, members, shards)
		b.Run("fill/"+name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				h.reset()
				b.StartTimer()
				h.plans(b)
			}
			for _, s := range h.job.round.shards {
				if len(s.attempts) != 2 {
					b.Fatalf("shard %v has %d attempts", s.id, len(s.attempts))
				}
			}
		})
		b.Run("look/"+name, func(b *testing.B) {
			for b.Loop() { // as after any change
				if _, err := h.planOnce(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
