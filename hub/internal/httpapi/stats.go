package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/engine"
	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// statsJSON is the hub in numbers.
type statsJSON struct {
	Hub             string `json:"hub"`
	Key             string `json:"key"`              // public: what it signs the logs of ended jobs with
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
	Slashed         int64  `json:"slashed"` // stakes lost for lies
}

func (a *api) stats(w http.ResponseWriter, r *http.Request) {
	t, err := a.Engine.Totals(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, statsJSON{
		Hub: a.Name, Key: a.Archive.Key(), Volunteers: t.Connected, VolunteersKnown: t.Volunteers, Leases: t.Leases,
		Jobs: t.Jobs, JobsRunning: t.Running, JobsQueued: t.Queued,
		Shards: t.Shards, Results: t.Results, Refuted: t.Refuted, Ops: t.Ops, Credit: t.Credit, Slashed: t.Slashed,
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
	Credit    int64        `json:"credit"` // what it may dispose of
	Stake     int64        `json:"stake"`  // what it has earned besides, and would lose for a lie
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
			Shards: p.Shards, Credit: int64(p.Credit), Stake: int64(p.Stake), Marks: p.Marks, Seen: p.Seen.UTC(),
		}
		for _, u := range p.Unfit {
			out[i].Unfit = append(out[i].Unfit, unfitJSON(u))
		}
	}
	writeJSON(w, http.StatusOK, map[string][]volunteerJSON{"volunteers": out})
}

// transactions explains a volunteer's credit line by line.
func (a *api) transactions(w http.ResponseWriter, r *http.Request) {
	id, limit, ok := accountOf(w, r)
	if !ok {
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

// ledgerJSON is what a volunteer's account holds, and why.
type ledgerJSON struct {
	Volunteer    volunteer.ID         `json:"volunteer"`
	Credit       int64                `json:"credit"` // what it may dispose of
	Stake        int64                `json:"stake"`  // what it has earned and would lose for a lie
	Transactions []ledger.Transaction `json:"transactions"`
}

// ledger explains what a volunteer holds: both its accounts, and every
// transaction that touched one, newest first.
func (a *api) ledger(w http.ResponseWriter, r *http.Request) {
	id, limit, ok := accountOf(w, r)
	if !ok {
		return
	}
	out := ledgerJSON{Volunteer: id, Transactions: []ledger.Transaction{}}
	seen := map[string]bool{} // a payment may touch both
	for _, account := range []struct {
		name ledger.Account
		held *int64
	}{{ledger.VolunteerAccount(id), &out.Credit}, {ledger.StakeAccount(id), &out.Stake}} {
		balance, err := a.Engine.Balance(r.Context(), account.name)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		*account.held = int64(balance)
		list, err := a.Engine.Transactions(r.Context(), account.name, limit)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		for _, t := range list {
			if text := encode(t); !seen[text] {
				seen[text] = true
				out.Transactions = append(out.Transactions, t)
			}
		}
	}
	slices.SortStableFunc(out.Transactions, func(x, y ledger.Transaction) int {
		return cmp.Or(y.At.Compare(x.At), cmp.Compare(y.Reference.Job, x.Reference.Job), cmp.Compare(y.Reference.Shard, x.Reference.Shard))
	})
	out.Transactions = out.Transactions[:min(limit, len(out.Transactions))]
	writeJSON(w, http.StatusOK, out)
}

// accountOf reads whose account is asked for, and how much of it.
func accountOf(w http.ResponseWriter, r *http.Request) (id volunteer.ID, limit int, ok bool) {
	id, err := volunteer.Parse(r.PathValue("id"))
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: "the path must name a volunteer by 64 hexadecimal digits", Field: "id"})
		return id, 0, false
	}
	limit, err = limitOf(r, manyRows)
	if err != nil {
		writeProblem(w, problem{Status: http.StatusBadRequest, Detail: err.Error(), Field: "limit"})
		return id, 0, false
	}
	return id, limit, true
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
	limit, err := limitOf(r, manyRows)
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
