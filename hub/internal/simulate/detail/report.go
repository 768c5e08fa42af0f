package detail

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

// Report is the outcome of a run, and the JSON of `shoal simulate --detail`.
// Times are in seconds.
type Report struct {
	Volunteers int     `json:"volunteers"` // ever met
	Devices    int     `json:"devices"`
	Cheaters   float64 `json:"cheaters"`
	Strategy   string  `json:"strategy"`
	Epsilon    float64 `json:"epsilon"`
	Assurance  string  `json:"assurance"`
	Seed       uint64  `json:"seed"`
	Time       float64 `json:"time"`

	Shards        int64   `json:"shards"` // executions in all
	Accepted      int64   `json:"accepted"`
	WrongAccepted int64   `json:"wrong_accepted"` // ever, repaired ones included
	Bound         float64 `json:"bound"`
	ExpectedWrong float64 `json:"expected_wrong"`
	Overhead      float64 `json:"overhead"` // executions beyond one for each accepted shard

	LiesTold       int64    `json:"lies_told"`
	LiesCaught     int64    `json:"lies_caught"`
	LiesRepaired   int64    `json:"lies_repaired"`
	LiesLeft       int64    `json:"lies_left"`
	LiesOpen       int64    `json:"lies_open"` // told about shards that are not settled
	Rerun          int64    `json:"rerun"`
	Rollbacks      int      `json:"rollbacks"`
	RolledBack     int64    `json:"rolled_back"` // accepted shards that a rollback voided
	Liars          int      `json:"liars"`       // who have lied
	LiarsCaught    int      `json:"liars_caught"`
	HonestExcluded int      `json:"honest_excluded"`
	Quarantined    []string `json:"quarantined"`

	Stake           int64   `json:"stake"`
	Slashed         int64   `json:"slashed"`
	LiarProfit      int64   `json:"liar_profit"`
	TimeToDetection float64 `json:"time_to_detection"` // from first lie to capture, on average
	SlowestCapture  float64 `json:"slowest_capture"`

	Rounds      int        `json:"rounds"`
	RoundP50    float64    `json:"round_p50"`
	RoundP99    float64    `json:"round_p99"`
	ShardP50    float64    `json:"shard_p50"` // from the first lease to acceptance
	ShardP99    float64    `json:"shard_p99"`
	Verifying   float64    `json:"verifying"`   // from the first result to acceptance, on average
	Makespan    float64    `json:"makespan"`    // until the last of the jobs that end has ended; 0: none has
	Utilisation float64    `json:"utilisation"` // of the time of devices that are present
	DeviceTime  DeviceTime `json:"device_time"`

	Leases      int64   `json:"leases"`
	Expired     int64   `json:"expired"`
	Backups     Backups `json:"backups"`
	Disputes    int64   `json:"disputes"`
	Audits      int64   `json:"audits"`
	AuditWait   float64 `json:"audit_wait"` // for an auditor, on average
	Plans       int64   `json:"plans"`
	LargestPlan int     `json:"largest_plan"` // shards and devices that one plan looked at
	Events      int64   `json:"events"`
	Runs        int64   `json:"runs"`    // that devices began
	MadeUp      int64   `json:"made_up"` // of those: beyond the record, in a replay

	Replay *Comparison `json:"replay,omitempty"`

	Seconds         float64 `json:"seconds"`           // of real time; set by the caller
	EventsPerSecond float64 `json:"events_per_second"` // likewise
}

// Comparison says how a replay went.
type Comparison struct {
	// Compared is whether the record was whole and the policy its own: then
	// the hub has to do the same again.
	Compared bool  `json:"compared"`
	Recorded int64 `json:"recorded"` // what the hub did then
	Same     int64 `json:"same"`     // until the first difference
	// DivergedAt is the time of the first difference; -1: there was none.
	DivergedAt float64 `json:"diverged_at"`

	Then Outcome  `json:"then"` // as recorded
	Now  Outcome  `json:"now"`
	Gaps []string `json:"gaps,omitempty"` // what the record does not know
}

// Outcome is what came of the same people once.
type Outcome struct {
	Accepted  int64 `json:"accepted"` // shards, those that a rollback voided included
	Results   int64 `json:"results"`  // that were in before their shard was accepted
	Wrong     int64 `json:"wrong"`    // accepted results, before repair
	Rollbacks int64 `json:"rollbacks"`
	Caught    []int `json:"caught"` // volunteers, in the order of their capture

	Seconds float64 `json:"seconds"` // until the last verdict
}

// DeviceTime is what the time that devices computed was spent on, in shares
// of all of it.
type DeviceTime struct {
	Useful   float64 `json:"useful"`   // the first result of each accepted shard
	Replicas float64 `json:"replicas"` // and those that confirm it: replicas and checks
	Again    float64 `json:"again"`    // shards done once more because somebody was caught
	Surplus  float64 `json:"surplus"`  // results that came too late
	Aborted  float64 `json:"aborted"`  // runs broken off
	Open     float64 `json:"open"`     // of shards that are not settled
}

// Backups of overdue attempts.
type Backups struct {
	Granted int64 `json:"granted"`
	Used    int64 `json:"used"`   // delivered before the shard was settled
	Wasted  int64 `json:"wasted"` // the overdue one was first, or the backup was lost as well
}

// report is a Report in the making.
type report struct {
	Report
	account   trust.Account
	round     []time.Duration
	shard     histogram
	verifying time.Duration
	detection time.Duration
	slowest   time.Duration

	firstCapture time.Duration // 0: none
	auditWait    time.Duration
	busy         time.Duration
	present      time.Duration
	time         struct{ useful, replicas, again, surplus, aborted time.Duration }
}

func newReport(h incident.Header) report {
	return report{Report: Report{
		Cheaters: h.About.Cheaters, Strategy: h.About.Strategy, Epsilon: h.Policy.Epsilon,
		Assurance: string(h.Policy.Assurance), Seed: h.Seed, Quarantined: []string{},
	}}
}

// finishReport sums up.
func (s *sim) finishReport() Report {
	in := &s.report
	r := in.Report
	r.Shards, r.Accepted = in.account.Executed, in.account.Accepted
	r.Bound, r.ExpectedWrong, r.Overhead = in.account.Bound(), in.account.Expected, in.account.Overhead()
	r.LiesLeft = r.WrongAccepted - r.LiesRepaired
	r.LiesOpen = r.LiesTold - r.LiesCaught - r.WrongAccepted
	r.Stake, r.Time = s.hub.memory.full, s.now.Seconds()
	r.Slashed = int64(s.hub.memory.slashed / s.hub.memory.price)
	r.LiarProfit = s.hub.header.Policy.Gain*r.LiesLeft - r.Slashed
	r.TimeToDetection = mean(in.detection, int64(r.LiarsCaught))
	r.SlowestCapture = in.slowest.Seconds()
	slices.Sort(in.round)
	r.RoundP50, r.RoundP99 = quantile(in.round, 0.5), quantile(in.round, 0.99)
	r.ShardP50, r.ShardP99 = in.shard.quantile(0.5), in.shard.quantile(0.99)
	r.Verifying = mean(in.verifying, in.shard.n)
	r.AuditWait = mean(in.auditWait, r.Audits)
	r.Utilisation = share(in.busy, in.present)
	t := &in.time
	r.DeviceTime = DeviceTime{
		Useful: share(t.useful, in.busy), Replicas: share(t.replicas, in.busy), Again: share(t.again, in.busy),
		Surplus: share(t.surplus, in.busy), Aborted: share(t.aborted, in.busy),
		Open: share(in.busy-t.useful-t.replicas-t.again-t.surplus-t.aborted, in.busy),
	}
	r.MadeUp = s.crowd.madeUp()
	for _, j := range s.hub.jobs {
		if !j.ended {
			r.Makespan = 0
		}
	}
	return r
}

func share(of, all time.Duration) float64 {
	if all == 0 {
		return 0
	}
	return float64(of) / float64(all)
}

func mean(sum time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return sum.Seconds() / float64(n)
}

// quantile is of sorted times, in seconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Seconds()
}

// histogram counts times in steps of a sixteenth of an octave of
// microseconds: millions of them would be too many to keep.
type histogram struct {
	count [64 * 16]int64
	n     int64
}

func (h *histogram) add(d time.Duration) {
	us := uint64(max(d.Microseconds(), 16))
	octave := bits.Len64(us) - 5 // us>>octave is 16 to 31
	h.count[octave*16+int(us>>octave)-16]++
	h.n++
}

// quantile is in seconds, at most a sixteenth too high.
func (h *histogram) quantile(q float64) float64 {
	left := int64(q * float64(h.n))
	for i, n := range h.count {
		if left -= n; left < 0 {
			return math.Ldexp(float64(i%16+17), i/16) / 1e6
		}
	}
	return 0
}
