package engine

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/ledger"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
	"github.com/shoal-compute/shoal/hub/job"
)

// A driver that fails for many is told from people who lie: the first stakes
// are lost, and given back once the whole class is seen to fail.
func TestBrokenDriverIsPardoned(t *testing.T) {
	e := &Engine{log: slog.New(slog.DiscardHandler), devices: newDevices()}
	now := time.Unix(1, 0)
	for i := range 100 {
		for range 300 {
			e.devices.settle(deviceKey{volunteer.ID{1, byte(i)}, "cpu"}, true, now)
		}
	}
	const class = "webgl broken driver"
	slashed, restored := ledger.Amount(0), ledger.Amount(0)
	for i := range 6 {
		v := volunteer.ID{2, byte(i)}
		m := &Member{engine: e, id: v, devices: []Device{{Lane: "webgl", Detail: "broken driver"}}, classes: []string{class}, marks: map[string]int{}, excluded: []bool{false}}
		e.members = append(e.members, m)
		for range 5 + i {
			e.devices.settle(deviceKey{v, class}, true, now)
		}
		e.devices.stakes[v] = 10
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
		if !m.excluded[0] || e.devices.stakes[m.id] != 10 {
			t.Errorf("volunteer %s: lane closed: %t, stake %d", m.id.Short(), m.excluded[0], e.devices.stakes[m.id])
		}
	}
	// One liar among many who are right stays a liar.
	var c Commit
	r := Result{Job: "j", Volunteer: volunteer.ID{1, 7}, Lane: "cpu", Class: "cpu", Output: job.Hash{1}}
	e.devices.stakes[r.Volunteer] = 10
	if err := e.punish(&c, r, fault{auditedWrong, true}, now); err != nil {
		t.Fatal(err)
	}
	if len(c.Ledger) != 1 || e.devices.stakes[r.Volunteer] != 0 {
		t.Errorf("a liar keeps %d: %+v", e.devices.stakes[r.Volunteer], c.Ledger)
	}
}

// That more volunteers say otherwise costs the lane and no stake: it may be
// they who lie.
func TestMajorityIsNoProof(t *testing.T) {
	e := &Engine{log: slog.New(slog.DiscardHandler), devices: newDevices()}
	r := Result{Job: "j", Volunteer: volunteer.ID{3}, Lane: "cpu", Class: "cpu"}
	e.devices.stakes[r.Volunteer] = 10
	for _, tc := range []struct {
		news    news
		dispute bool
		lost    bool
	}{
		{news{}, false, false},
		{news{lost: map[volunteer.ID]string{r.Volunteer: "op 3"}}, false, true},
		{news{}, true, true},
	} {
		t.Run(fmt.Sprint(tc.dispute, tc.lost), func(t *testing.T) {
			e.devices.stakes[r.Volunteer] = 10
			var c Commit
			if err := e.punish(&c, r, tc.news.fault(&shard{dispute: tc.dispute}, r), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			if lost := e.devices.stakes[r.Volunteer] == 0; lost != tc.lost || len(c.Marks) != 1 {
				t.Errorf("stake lost: %t, want %t; %d marks", lost, tc.lost, len(c.Marks))
			}
		})
	}
}
