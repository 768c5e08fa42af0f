package receipt

import (
	"encoding/json"
	"fmt"
	"time"
)

// Path is how a shard's output came to be accepted.
type Path string

// The paths.
const (
	Alone    Path = "alone"    // one volunteer's result was taken at its word
	Agreed   Path = "agreed"   // several volunteers returned the same
	Checked  Path = "checked"  // one would have been believed, the lot fell on it, and another volunteer returned the same
	Audited  Path = "audited"  // the hub computed the shard itself
	Disputed Path = "disputed" // results differed, and whoever said otherwise lost a dispute
)

// signers is how many volunteers must have signed the accepted output for it to
// be accepted by each path. The hub may find by an audit what nobody has
// returned; a dispute only ever proves a result wrong, so that somebody is left
// who said what was accepted.
var signers = map[Path]int{Alone: 1, Agreed: 2, Checked: 2, Audited: 0, Disputed: 1}

// known reports whether p is one of the paths.
func (p Path) known() bool {
	_, ok := signers[p]
	return ok
}

// Standing is what the hub believed of one result when the job ended.
type Standing string

// The standings.
const (
	Pending   Standing = "pending"
	Confirmed Standing = "confirmed"
	Refuted   Standing = "refuted"
)

// accepted is the verdict on every shard that has a receipt.
const accepted = "accepted"

// Receipt is the record of one settled shard. Its fields are in the order in
// which they are written.
type Receipt struct {
	Job      string    `json:"job"`
	Shard    uint64    `json:"shard"` // Round << 24 | Index
	Round    int       `json:"round"`
	Index    int       `json:"index"`
	Program  Hash      `json:"program"`
	Inputs   []Hash    `json:"inputs"` // of each input's bytes
	Ops      int64     `json:"ops"`
	Output   Hash      `json:"output"` // of the encoded outputs
	Verdict  string    `json:"verdict"`
	Path     Path      `json:"path"`
	Risk     float64   `json:"risk"`     // probability that the output is wrong, as the hub saw it, of liars who lie at a rate
	Executed int       `json:"executed"` // how often the shard was computed, the hub's own audits included
	At       time.Time `json:"at"`
	Results  []Result  `json:"results"` // in order of arrival
}

// Result is one volunteer's answer, with what it takes to verify it.
type Result struct {
	Volunteer Key       `json:"volunteer"`
	Lane      string    `json:"lane"` // kind of device
	Output    Hash      `json:"output"`
	Standing  Standing  `json:"verdict"`
	Risk      float64   `json:"risk"`
	Millis    uint64    `json:"millis"` // compute time as the volunteer states it
	At        time.Time `json:"at"`
	Token     Bytes     `json:"token"`     // the lease that the result answers
	Signature Bytes     `json:"signature"` // ed25519 over protocol.ResultBytes(Token, Output)
}

// MaxLine bounds a receipt's line, in bytes.
const MaxLine = 1 << 20

// indexBits is how many bits of a shard's number count within its round.
const indexBits = 24

// ShardNumber returns the number of a round's shard.
func ShardNumber(round, index int) uint64 { return uint64(round)<<indexBits | uint64(index) }

// Name is the shard's for people: round/index.
func (r Receipt) Name() string { return fmt.Sprintf("%d/%d", r.Round, r.Index) }

// Encode returns the line of r, without a line feed. There is no other line
// that says the same.
func (r Receipt) Encode() ([]byte, error) {
	r.Verdict = accepted
	r.At = r.At.UTC()
	if r.Inputs == nil {
		r.Inputs = []Hash{}
	}
	results := make([]Result, len(r.Results))
	for i, res := range r.Results {
		results[i] = res
		results[i].At = res.At.UTC()
	}
	r.Results = results
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("receipt: shard %s: %w", r.Name(), err)
	}
	if len(line) > MaxLine {
		return nil, fmt.Errorf("receipt: shard %s: line of %d bytes, want at most %d", r.Name(), len(line), MaxLine)
	}
	return line, nil
}

// Decode reads a line that Encode has written. It does not verify signatures:
// Verify does.
func Decode(line []byte) (Receipt, error) {
	var r Receipt
	if len(line) > MaxLine {
		return r, fmt.Errorf("%w: line of %d bytes, want at most %d", ErrDamaged, len(line), MaxLine)
	}
	if err := decode(line, &r, func() ([]byte, error) { return r.Encode() }); err != nil {
		return Receipt{}, err
	}
	return r, nil
}
