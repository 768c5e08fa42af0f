package simulate

import "github.com/shoal-compute/shoal/hub/internal/trust"

// Report is the outcome of a run, and the JSON of `shoal simulate`.
type Report struct {
	Volunteers int     `json:"volunteers"`
	Cheaters   float64 `json:"cheaters"`
	Epsilon    float64 `json:"epsilon"`
	Strategy   string  `json:"strategy"`
	Rule       string  `json:"rule"`
	Seed       uint64  `json:"seed"`
	Days       int     `json:"days"`

	Shards        int64 `json:"shards"` // executions in all
	Accepted      int64 `json:"accepted"`
	WrongAccepted int64 `json:"wrong_accepted"` // ever, repaired ones included
	// Bound is the greatest risk of any accepted result; it holds for rate
	// adversaries. The published rules of others have none.
	Bound         float64 `json:"bound"`
	ExpectedWrong float64 `json:"expected_wrong"`

	// Overhead counts all executions beyond one per accepted shard, newcomers
	// and repairs included, from the end of the ramp-up on: the first day on
	// which nine of ten results are accepted on one device's word.
	Overhead       float64 `json:"overhead"`
	OverheadRampUp float64 `json:"overhead_ramp_up"`
	OverheadTotal  float64 `json:"overhead_total"`
	RampUpDays     int     `json:"ramp_up_days"` // Days when it never ended
	Needed         float64 `json:"needed"`       // verified results before a device is believed alone, at the end

	LiesTold       int64    `json:"lies_told"`
	LiesCaught     int64    `json:"lies_caught"`
	LiesRepaired   int64    `json:"lies_repaired"`
	LiesLeft       int64    `json:"lies_left"`
	Rerun          int64    `json:"rerun"`
	Liars          int      `json:"liars"`
	LiarsCaught    int      `json:"liars_caught"`
	HonestExcluded int      `json:"honest_excluded"`
	Quarantined    []string `json:"quarantined"`

	Stake   int64 `json:"stake"`   // of one identity, in prices of a shard
	Slashed int64 `json:"slashed"` // stakes, in prices of a shard
	// LiarProfit is what all liars together won: gains of lies left, less
	// what was slashed.
	LiarProfit      int64   `json:"liar_profit"`
	TimeToDetection float64 `json:"time_to_detection"` // days from first lie to capture, on average

	Seconds float64 `json:"seconds"` // of real time; set by the caller

	Daily []Day `json:"-"`
}

// Day is what one day's work was worth and cost.
type Day struct {
	Accepted, Executed int64
}

// finish sums up.
func (s *sim) finish() Report {
	r := s.report
	var total, ramp, after trust.Account
	r.RampUpDays = s.rampUp()
	for i, d := range s.days {
		r.Daily = append(r.Daily, Day{d.account.Accepted, d.account.Executed})
		sum(&total, d.account)
		if i < r.RampUpDays {
			sum(&ramp, d.account)
		} else {
			sum(&after, d.account)
		}
	}
	r.Shards, r.Accepted = total.Executed, total.Accepted
	r.Bound, r.ExpectedWrong = total.Bound(), total.Expected
	r.Overhead, r.OverheadRampUp, r.OverheadTotal = after.Overhead(), ramp.Overhead(), total.Overhead()
	if r.RampUpDays == len(s.days) {
		r.Overhead = r.OverheadTotal
	}
	if s.config.Rule == Shoal {
		r.Needed = min(s.needed[0], 1e12) // infinity has no JSON
	}
	r.LiesLeft = r.WrongAccepted - r.LiesRepaired
	r.Stake = s.stake
	r.LiarProfit = s.config.Gain*r.LiesLeft - r.Slashed
	if r.LiarsCaught > 0 {
		r.TimeToDetection = s.delay / float64(r.LiarsCaught)
	}
	if r.Quarantined == nil {
		r.Quarantined = []string{}
	}
	return r
}

func sum(to *trust.Account, a trust.Account) {
	to.Accepted += a.Accepted
	to.Executed += a.Executed
	to.Expected += a.Expected
	to.Worst = max(to.Worst, a.Worst)
}

// rampUp is the first day on which nine of ten results were accepted on one
// device's word. Rules that never get there have a ramp-up without end, but
// those that never mean to have none.
func (s *sim) rampUp() int {
	if s.config.Rule == Quorum || s.config.Assurance == trust.Replicated || s.config.Assurance == trust.Full {
		return 0
	}
	for i, d := range s.days {
		if d.account.Accepted > 0 && float64(d.alone) >= 0.9*float64(d.account.Accepted) {
			return i
		}
	}
	return len(s.days)
}
