package cluster

import "testing"

// BenchmarkRounds is what a round of one shard costs beside its computing:
// lease, result, commit, fold, report.
func BenchmarkRounds(b *testing.B) {
	for _, replicas := range []int{1, 2} {
		b.Run(map[int]string{1: "alone", 2: "replicated"}[replicas], func(b *testing.B) {
			x := Start(b, Config(b.TempDir()))
			crowd(x, replicas)
			b.ResetTimer()
			id := x.Submit(ChainFile("bench", b.N, 1, replicas))
			if err := x.Client.Watch(x.ctx, id, nothing); err != nil {
				b.Fatal(err)
			}
		})
	}
}
