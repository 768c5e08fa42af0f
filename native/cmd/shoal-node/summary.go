package main

import (
	"time"

	"github.com/shoal-compute/shoal/wasm/worker"
)

// summary is what --json and `status --json` print.
type summary struct {
	Volunteer string          `json:"volunteer"`
	Hub       string          `json:"hub"`
	State     worker.State    `json:"state"`
	Connected bool            `json:"connected"`
	Shards    uint64          `json:"shards"` // computed
	Accepted  uint64          `json:"accepted"`
	Rejected  uint64          `json:"rejected"`
	Waiting   int             `json:"waiting"` // for a verdict
	Credit    int64           `json:"credit"`
	Seconds   float64         `json:"seconds"`
	Devices   []deviceSummary `json:"devices"`
}

type deviceSummary struct {
	Lane        string  `json:"lane"`
	Detail      string  `json:"detail"`
	Threads     int     `json:"threads"`
	Shards      uint64  `json:"shards"`
	BusySeconds float64 `json:"busy_seconds"`
	Ops         int64   `json:"ops"`
}

func summarise(s worker.Stats, hub string, took time.Duration) summary {
	sum := summary{
		Volunteer: s.Volunteer,
		Hub:       hub,
		State:     s.State,
		Connected: s.Connected,
		Shards:    s.Computed,
		Accepted:  s.Accepted,
		Rejected:  s.Rejected,
		Waiting:   s.Waiting,
		Credit:    s.Credit,
		Seconds:   took.Round(time.Millisecond).Seconds(),
	}
	for _, d := range s.Devices {
		sum.Devices = append(sum.Devices, deviceSummary{
			Lane:        d.Lane,
			Detail:      d.Detail,
			Threads:     d.Threads,
			Shards:      d.Computed,
			BusySeconds: d.Busy.Round(time.Millisecond).Seconds(),
			Ops:         d.Ops,
		})
	}
	return sum
}
