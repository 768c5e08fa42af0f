package audit

import (
	"fmt"

	"github.com/shoal-compute/shoal/hub/receipt"
)

// Report is the outcome of an audit.
type Report struct {
	Job    string `json:"job"`
	State  string `json:"state"`
	Key    string `json:"key"`    // of the hub that signed the head
	Pinned bool   `json:"pinned"` // the auditor knew the key beforehand
	Root   string `json:"root"`

	// Edition counts the ends of the job that stand no more, and Supersedes is
	// the SHA-256 of the head of the last of them; nil where there is none.
	Edition    int           `json:"edition"`
	Supersedes *receipt.Hash `json:"supersedes,omitempty"`

	Shards      int64 `json:"shards"`      // that have a receipt
	Sampled     int64 `json:"sampled"`     // computed again: confirmed or refuted
	Confirmed   int64 `json:"confirmed"`   // with the output the receipt names
	Refuted     int64 `json:"refuted"`     // with another
	Unavailable int64 `json:"unavailable"` // drawn, but their program or inputs are nowhere
	Signatures  int64 `json:"signatures"`  // of volunteers, verified

	Paths   map[receipt.Path]int64 `json:"paths"` // how shards were accepted
	Promise *receipt.Promise       `json:"promise,omitempty"`
	Linked  bool                   `json:"linked"`  // the first round is what job file and data give
	Folding bool                   `json:"folding"` // the whole job was replayed, up to its files

	Problems []Problem `json:"problems"` // what is wrong; none when all is well
	Omitted  int       `json:"omitted,omitempty"`
	Notes    []string  `json:"notes"` // what was not checked, and why
}

// Problem is one thing that is wrong.
type Problem struct {
	Kind       Finding       `json:"kind"`
	Where      string        `json:"where"` // a file, a line, or a shard as round/index
	Text       string        `json:"text"`
	Volunteers []receipt.Key `json:"volunteers,omitempty"` // who signed the output that is wrong
}

// String is the problem as a sentence.
func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: %s", p.Kind, p.Where, p.Text)
	for i, v := range p.Volunteers {
		if i == 0 {
			s += "; signed by volunteer "
		} else {
			s += " and "
		}
		s += v.String()
	}
	return s
}

// Finding is a kind of problem.
type Finding string

// The kinds.
const (
	Damaged Finding = "damaged" // bytes are not what they were when the head was signed
	Refuted Finding = "refuted" // what was signed is wrong
)

// maxProblems bounds the list: a damaged file may be wrong all over.
const maxProblems = 50

func (r *Report) add(p Problem) {
	if len(r.Problems) == maxProblems {
		r.Omitted++
		return
	}
	r.Problems = append(r.Problems, p)
}

func (r *Report) damaged(where string, err error) {
	r.add(Problem{Kind: Damaged, Where: where, Text: err.Error()})
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Sound reports whether nothing wrong was found.
func (r *Report) Sound() bool { return len(r.Problems) == 0 }
