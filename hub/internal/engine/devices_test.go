package engine

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/reputation"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// A driver that fails for many is told from people who lie: the first stakes
// are lost, and given back once the whole class is seen to fail.
func TestBrokenDriverIsPardoned(t *testing.T) {
	e := &Engine{log: slog.New(slog.DiscardHandler), repute: reputation.New(nil, nil)}
	now := time.Unix(1, 0)
	for i := range 100 {
		for range 300 {
			e.repute.Settle(reputation.Device{Volunteer: volunteer.ID{1, byte(i)}, Class: "cpu"}, true, now)
		}
	}
	terms := weighed(t)
	const class = "webgl broken driver"
	slashed, restored := ledger.Amount(0), ledger.Amount(0)
	for i := range 10 {
		v := volunteer.ID{2, byte(i)}
		m := &Member{engine: e, id: v, devices: []Device{{Lane: "webgl", Detail: "broken driver"}}, classes: []string{class}, marks: map[string]int{}, excluded: []bool{false}}
		e.members = append(e.members, m)
		for range 5 + i {
			e.repute.Settle(reputation.Device{Volunteer: v, Class: class}, true, now)
		}
		if e.repute.Withhold(terms, v, 10*ledger.OpsPerUnit) != 10 {
			t.Fatal("no stake")
		}
		var c Commit
		r := Result{Job: "j", Shard: 1, Volunteer: v, Lane: "webgl", Class: class, Output: job.Hash{1}}
		if err := e.punish(&c, r, fault{auditedWrong, true}, now); err != nil {
			t.Fatal(err)
		}
		if len(c.Marks) != 1 || len(c.Devices) != 1 || !c.Devices[0].Caught {
			t.Fatalf("device %d: %d marks, devices %+v", i, len(c.Marks), c.Devices)
		}
		for _, tx := range c.Ledger {
			if err := tx.Validate(); err != nil {
				t.Fatal(err)
			}
			for _, entry := range tx.Entries {
				if entry.Account == ledger.SlashedAccount {
					slashed += max(entry.Amount, 0)
					restored -= min(entry.Amount, 0)
				}
			}
		}
	}
	if slashed == 0 || slashed != restored {
		t.Errorf("%d were slashed, %d given back", slashed, restored)
	}
	for _, m := range e.members {
		if !m.excluded[0] || e.repute.Stake(m.id) != 10 || m.credit != 0 || e.repute.Lied(m.id) {
			t.Errorf("volunteer %s: lane closed: %t, stake %d, shown %d more, blamed: %t",
				m.id.Short(), m.excluded[0], e.repute.Stake(m.id), m.credit, e.repute.Lied(m.id))
		}
	}
	// One liar among many who are right stays a liar.
	var c Commit
	r := Result{Job: "j", Volunteer: volunteer.ID{1, 7}, Lane: "cpu", Class: "cpu", Output: job.Hash{1}}
	e.repute.Withhold(terms, r.Volunteer, 10*ledger.OpsPerUnit)
	if err := e.punish(&c, r, fault{auditedWrong, true}, now); err != nil {
		t.Fatal(err)
	}
	if len(c.Ledger) != 1 || e.repute.Stake(r.Volunteer) != 0 || !e.repute.Lied(r.Volunteer) {
		t.Errorf("a liar keeps %d: %+v", e.repute.Stake(r.Volunteer), c.Ledger)
	}
}

func weighed(t *testing.T) trust.Terms {
	t.Helper()
	terms, err := trust.NewTerms(1e-6, trust.Audited, 0)
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

// That more volunteers say otherwise costs the lane and no stake: it may be
// they who lie.
func TestMajorityIsNoProof(t *testing.T) {
	for _, tc := range []struct {
		news    news
		dispute bool
		lost    bool
	}{
		{news{}, false, false},
		{news{lost: map[volunteer.ID]string{{3}: "op 3"}}, false, true},
		{news{}, true, true},
	} {
		t.Run(fmt.Sprint(tc.dispute, tc.lost), func(t *testing.T) {
			e := &Engine{log: slog.New(slog.DiscardHandler), repute: reputation.New(nil, nil)}
			r := Result{Job: "j", Volunteer: volunteer.ID{3}, Lane: "cpu", Class: "cpu"}
			e.repute.Withhold(weighed(t), r.Volunteer, ledger.OpsPerUnit)
			var c Commit
			if err := e.punish(&c, r, tc.news.fault(&shard{dispute: tc.dispute}, r), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if lost := e.repute.Stake(r.Volunteer) == 0; lost != tc.lost || len(c.Marks) != 1 {
				t.Errorf("stake lost: %t, want %t; %d marks", lost, tc.lost, len(c.Marks))
			}
		})
	}
}

// Agreement is evidence where others are worth something, and nobody vouches for
// anybody where volunteers are counted only: they may be one person.
func TestWhoVouches(t *testing.T) {
	e := &Engine{log: slog.New(slog.DiscardHandler), repute: reputation.New(nil, nil)}
	liar := reputation.Device{Volunteer: volunteer.ID{9}, Class: "cpu"}
	e.repute.Catch(liar, time.Unix(1, 0))
	of := func(v byte, risk float64) Result {
		return Result{Volunteer: volunteer.ID{v}, Class: "wasm", Risk: risk}
	}
	for _, tc := range []struct {
		name  string
		right []Result
		want  []bool
	}{
		{"one alone", []Result{of(1, 1e-9)}, []bool{false}},
		{"two of whom nothing is asked", []Result{of(1, trust.Worthless), of(2, trust.Worthless)}, []bool{false, false}},
		{"two strangers", []Result{of(1, 0.3), of(2, 0.3)}, []bool{false, false}},
		{"a stranger and an old hand", []Result{of(1, 0.3), of(2, 1e-9)}, []bool{true, false}},
		{"two old hands", []Result{of(1, 1e-8), of(2, 1e-9)}, []bool{true, true}},
		{"an old hand and a liar's other lane", []Result{of(1, 1e-8), of(9, 1e-9)}, []bool{false, true}},
		{"one of the operator's", []Result{of(1, 0.3), of(2, trust.AuditorRisk)}, []bool{true, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i, want := range tc.want {
				if got := trust.Vouches(e.others(tc.right, i)); got != want {
					t.Errorf("result %d is vouched for: %t, want %t", i, got, want)
				}
			}
		})
	}
}

// A job that went back draws anew, and a hub that was started again does not.
func TestLots(t *testing.T) {
	secret, record := []byte("secret"), Job{ID: "j"}
	drawn := func(record Job) (list []ShardID) {
		l := newLots(secret, record)
		for i := range 20_000 {
			if s := NewShardID(0, i); falls(l.check, volunteer.ID{1}, s, 0.01) {
				list = append(list, s)
			}
		}
		return list
	}
	before := drawn(record)
	if again := drawn(record); len(before) < 100 || !slices.Equal(before, again) {
		t.Errorf("%d drawn, and %d after a restart", len(before), len(again))
	}
	record.Generation = 1
	both := 0
	for _, s := range drawn(record) {
		if slices.Contains(before, s) {
			both++
		}
	}
	if both > 20 { // two are expected
		t.Errorf("%d of %d are drawn again after the job went back", both, len(before))
	}
}
