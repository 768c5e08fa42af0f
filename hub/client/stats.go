package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Stats is a hub in numbers.
type Stats struct {
	Hub             string `json:"hub"`
	Key             string `json:"key"`        // public: what it signs the logs of ended jobs with
	Volunteers      int    `json:"volunteers"` // connected
	VolunteersKnown int64  `json:"volunteers_known"`
	Leases          int    `json:"leases"`
	Jobs            int64  `json:"jobs"`
	JobsRunning     int    `json:"jobs_running"`
	JobsQueued      int    `json:"jobs_queued"`
	Shards          int64  `json:"shards"`
	Results         int64  `json:"results"`
	Refuted         int64  `json:"refuted"`
	Ops             int64  `json:"ops"`
	Credit          int64  `json:"credit"`
	Slashed         int64  `json:"slashed"`
}

// Stats returns the hub's numbers.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	return s, c.call(ctx, http.MethodGet, "/api/v1/stats", nil, nil, &s)
}

// Volunteer is a volunteer as the hub shows it.
type Volunteer struct {
	ID        string    `json:"id"`
	Agent     string    `json:"agent"`
	Connected bool      `json:"connected"`
	Lanes     []string  `json:"lanes"`
	Unfit     []Unfit   `json:"unfit"`
	Leases    int       `json:"leases"`
	Shards    int64     `json:"shards"`
	Credit    int64     `json:"credit"`
	Stake     int64     `json:"stake"`
	Marks     int       `json:"marks"`
	Seen      time.Time `json:"seen"`
}

// Unfit is a lane that failed on a volunteer's machine, in its words.
type Unfit struct {
	Lane   string `json:"lane"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}

// Volunteers returns up to limit volunteers, highest credit first.
func (c *Client) Volunteers(ctx context.Context, limit int) ([]Volunteer, error) {
	var answer struct {
		Volunteers []Volunteer `json:"volunteers"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/volunteers", url.Values{"limit": {strconv.Itoa(limit)}}, nil, &answer)
	return answer.Volunteers, err
}
