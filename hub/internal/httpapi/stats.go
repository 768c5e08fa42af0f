package httpapi

import (
	"net/http"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// statsJSON is the hub in numbers.
type statsJSON struct {
	Hub             string `json:"hub"`
	Volunteers      int    `json:"volunteers"`       // connected
	VolunteersKnown int64  `json:"volunteers_known"` // ever seen
	Leases          int    `json:"leases"`           // live
	Jobs            int64  `json:"jobs"`
	JobsRunning     int    `json:"jobs_running"`
	JobsQueued      int    `json:"jobs_queued"`
	Shards          int64  `json:"shards"`  // settled
	Results         int64  `json:"results"` // committed
	Refuted         int64  `json:"refuted"` // of them
	Ops             int64  `json:"ops"`     // of settled shards, each counted once
	Credit          int64  `json:"credit"`  // paid
}

func (a *api) stats(w http.ResponseWriter, r *http.Request) {
	t, err := a.Engine.Totals(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, statsJSON{
		Hub: a.Name, Volunteers: t.Connected, VolunteersKnown: t.Volunteers, Leases: t.Leases,
		Jobs: t.Jobs, JobsRunning: t.Running, JobsQueued: t.Queued,
		Shards: t.Shards, Results: t.Results, Refuted: t.Refuted, Ops: t.Ops, Credit: t.Credit,
	})
}

// volunteerJSON is one volunteer on the wire.
type volunteerJSON struct {
	ID        volunteer.ID `json:"id"`
	Agent     string       `json:"agent"`
	Connected bool         `json:"connected"`
	Lanes     []string     `json:"lanes,omitempty"` // of a connected one
	Unfit     []unfitJSON  `json:"unfit,omitempty"` // of a connected one
	Leases    int          `json:"leases"`
	Shards    int64        `json:"shards"` // confirmed
	Credit    int64        `json:"credit"`
	Marks     int          `json:"marks"`
	Seen      time.Time    `json:"seen"`
}

// unfitJSON is a lane that failed on a volunteer's machine, in its words.
type unfitJSON struct {
	Lane   string `json:"lane"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}

func (a *api) volunteers(w http.ResponseWriter, r *http.Request) {
	list, ok := a.presences(w, r)
	if !ok {
		return
	}
	out := make([]volunteerJSON, len(list))
	for i, p := range list {
		out[i] = volunteerJSON{
			ID: p.ID, Agent: p.Agent, Connected: p.Connected, Lanes: p.Lanes, Leases: p.Leases,
			Shards: p.Shards, Credit: int64(p.Credit), Marks: p.Marks, Seen: p.Seen.UTC(),
		}
		for _, u := range p.Unfit {
			out[i].Unfit = append(out[i].Unfit, unfitJSON(u))
		}
	}
	writeJSON(w, http.StatusOK, map[string][]volunteerJSON{"volunteers": out})
}

// transactions explains a volunteer's credit line by line.
func (a *api) transactions(w http.ResponseWriter, r *http.Request) {
	id, err := volunteer.Parse(r.PathValue("id"))
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must name a volunteer by 64 hexadecimal digits", Field: "id"})
		return
	}
	limit, err := limitOf(r)
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: err.Error(), Field: "limit"})
		return
	}
	list, err := a.Engine.Transactions(r.Context(), ledger.VolunteerAccount(id), limit)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if list == nil {
		list = []ledger.Transaction{}
	}
	writeJSON(w, http.StatusOK, map[string][]ledger.Transaction{"transactions": list})
}

// rankJSON is one line of the leaderboard.
type rankJSON struct {
	Rank      int          `json:"rank"`
	Volunteer volunteer.ID `json:"volunteer"`
	Credit    int64        `json:"credit"`
	Shards    int64        `json:"shards"`
}

func (a *api) leaderboard(w http.ResponseWriter, r *http.Request) {
	list, ok := a.presences(w, r)
	if !ok {
		return
	}
	out := make([]rankJSON, 0, len(list))
	for i, p := range list {
		if p.Credit > 0 {
			out = append(out, rankJSON{i + 1, p.ID, int64(p.Credit), p.Shards})
		}
	}
	writeJSON(w, http.StatusOK, map[string][]rankJSON{"leaderboard": out})
}

func (a *api) presences(w http.ResponseWriter, r *http.Request) ([]engine.Presence, bool) {
	limit, err := limitOf(r)
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: err.Error(), Field: "limit"})
		return nil, false
	}
	list, err := a.Engine.Volunteers(r.Context(), limit)
	if err != nil {
		a.fail(w, r, err)
		return nil, false
	}
	return list, true
}
