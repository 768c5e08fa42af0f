// Package ledger says what credit is: integer amounts moved between named
// accounts by balanced transactions that are never changed afterwards.
//
// It owns the arithmetic and its rules, all of it pure and deterministic. It
// refuses to know where transactions are stored, when a shard counts as
// verified, and what credit may be worth to anybody.
package ledger

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

var (
	// ErrUnbalanced means that a transaction would create or destroy credit.
	ErrUnbalanced = errors.New("ledger: unbalanced transaction")
	// ErrOverflow means that a sum leaves the range of an Amount.
	ErrOverflow = errors.New("ledger: amount overflows")
)

// Amount counts the smallest unit of credit. Negative amounts leave an
// account, positive ones enter it.
type Amount int64

// Account names one side of an entry.
type Account string

// JobAccount is what a job's payments are drawn from. Nothing funds it yet,
// so its balance is minus what the job has cost.
func JobAccount(id string) Account { return Account("job/" + id) }

// VolunteerAccount is where a volunteer's credit is kept.
func VolunteerAccount(id volunteer.ID) Account { return Account("volunteer/" + id.String()) }

// StakeAccount is what a volunteer has earned and not been given yet: it is
// lost for a lie.
func StakeAccount(id volunteer.ID) Account { return Account("stake/" + id.String()) }

// SlashedAccount is where lost stakes are kept. Nothing is paid from it but
// stakes that are given back.
const SlashedAccount Account = "slashed"

// Entry is one line of a transaction.
type Entry struct {
	Account Account `json:"account"`
	Amount  Amount  `json:"amount"`
}

// Reference explains a transaction: the job, the shard and the output hash
// whose verdict caused it.
type Reference struct {
	Job    string `json:"job"`
	Shard  uint64 `json:"shard"`
	Output string `json:"output"` // SHA-256 of the accepted outputs
	Reason string `json:"reason"` // a sentence for people
}

// Transaction moves credit. Its entries sum to zero.
type Transaction struct {
	At        time.Time `json:"at"`
	Reference Reference `json:"reference"`
	Entries   []Entry   `json:"entries"`
}

// Validate reports why t may not be applied: it has no entries, an entry
// moves nothing, or the sum is not exactly zero.
func (t Transaction) Validate() error {
	if len(t.Entries) == 0 {
		return fmt.Errorf("%w: no entries", ErrUnbalanced)
	}
	var sum Amount
	for i, e := range t.Entries {
		if e.Account == "" {
			return fmt.Errorf("ledger: entry %d: no account", i)
		}
		if e.Amount == 0 {
			return fmt.Errorf("ledger: entry %d: amount is zero", i)
		}
		var err error
		if sum, err = add(sum, e.Amount); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if sum != 0 {
		return fmt.Errorf("%w: entries sum to %d", ErrUnbalanced, sum)
	}
	return nil
}

// Balances is a state of the ledger: what every account holds.
type Balances map[Account]Amount

// Apply adds t to b. It changes nothing when it returns an error.
func (b Balances) Apply(t Transaction) error {
	if err := t.Validate(); err != nil {
		return err
	}
	next := make(Balances, len(t.Entries))
	for _, e := range t.Entries {
		have, touched := next[e.Account]
		if !touched {
			have = b[e.Account]
		}
		sum, err := add(have, e.Amount)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Account, err)
		}
		next[e.Account] = sum
	}
	for account, amount := range next {
		b[account] = amount
	}
	return nil
}

// OpsPerUnit is the number of exact integer operations one unit pays for.
const OpsPerUnit = 1_000_000

// Credit returns what one verified computation of ops integer operations
// earns: ops / 1e6 rounded up, so that no verified shard is worth nothing and
// splitting work finer never earns less.
func Credit(ops int64) Amount {
	if ops <= 0 {
		return 0
	}
	units := ops / OpsPerUnit
	if ops%OpsPerUnit != 0 {
		units++
	}
	return Amount(units)
}

// Payee is a volunteer that is paid, and how much of that is kept as stake.
type Payee struct {
	Volunteer volunteer.ID
	Withheld  Amount
}

// Payment builds the transaction that pays each payee for one verified shard
// of ops operations. It needs at least one payee, positive ops, and for each
// payee 0 <= Withheld <= Credit(ops).
func Payment(at time.Time, ref Reference, ops int64, payees []Payee) (Transaction, error) {
	each := Credit(ops)
	if each == 0 || len(payees) == 0 {
		return Transaction{}, fmt.Errorf("ledger: payment for %d operations to %d volunteers moves nothing", ops, len(payees))
	}
	hi, total := bits.Mul64(uint64(each), uint64(len(payees)))
	if hi != 0 || total > 1<<63-1 {
		return Transaction{}, ErrOverflow
	}
	t := Transaction{At: at, Reference: ref, Entries: make([]Entry, 0, len(payees)+1)}
	t.Entries = append(t.Entries, Entry{JobAccount(ref.Job), -Amount(total)})
	for _, p := range payees {
		if p.Withheld < 0 || p.Withheld > each {
			return Transaction{}, fmt.Errorf("ledger: %d withheld of %d", p.Withheld, each)
		}
		if paid := each - p.Withheld; paid > 0 {
			t.Entries = append(t.Entries, Entry{VolunteerAccount(p.Volunteer), paid})
		}
		if p.Withheld > 0 {
			t.Entries = append(t.Entries, Entry{StakeAccount(p.Volunteer), p.Withheld})
		}
	}
	return t, t.Validate()
}

// Slash builds the transaction that takes a stake away. amount is positive.
func Slash(at time.Time, ref Reference, v volunteer.ID, amount Amount) (Transaction, error) {
	t := Transaction{At: at, Reference: ref, Entries: []Entry{{StakeAccount(v), -amount}, {SlashedAccount, amount}}}
	if amount <= 0 {
		return Transaction{}, fmt.Errorf("ledger: slash of %d", amount)
	}
	return t, t.Validate()
}

// Restore builds the transaction that gives a slashed stake back.
func Restore(at time.Time, ref Reference, v volunteer.ID, amount Amount) (Transaction, error) {
	t, err := Slash(at, ref, v, amount)
	for i := range t.Entries {
		t.Entries[i].Amount = -t.Entries[i].Amount
	}
	return t, err
}

func add(a, b Amount) (Amount, error) {
	sum := a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) {
		return 0, ErrOverflow
	}
	return sum, nil
}
