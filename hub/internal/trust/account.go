package trust

// Account is what a job's results are worth and what that cost. The zero
// Account is that of a job without results.
type Account struct {
	Accepted int64
	Executed int64   // all executions of its shards: replicas, checks, audits, disputes, repairs
	Worst    float64 // the greatest risk among the accepted results
	Expected float64 // of wrong results among the accepted: the sum of their risks
}

// Accept notes n results accepted at this risk, after executed executions.
func (a *Account) Accept(n int64, risk float64, executed int64) {
	if n > 0 {
		a.Worst = max(a.Worst, risk)
	}
	a.Accepted += n
	a.Executed += executed
	a.Expected += float64(n) * risk
}

// Spend notes executions that accept nothing new.
func (a *Account) Spend(executed int64) { a.Executed += executed }

// Bound bounds the probability that any one accepted result is wrong.
func (a *Account) Bound() float64 { return a.Worst }

// Overhead is what was executed beyond once per accepted result, as a share.
func (a *Account) Overhead() float64 {
	if a.Accepted == 0 {
		return 0
	}
	return float64(a.Executed)/float64(a.Accepted) - 1
}
