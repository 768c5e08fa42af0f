package receipt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Head is what a hub signs when a job ends: which job, what came of it, and
// the root of the log over its receipts. Its fields are in the order in which
// they are written; those that a first edition does not have are absent there.
//
// A job that was done is reopened when somebody whose word it rests on is proved
// wrong. If it comes to another end, that end has a head of its own, the next
// edition, which names the head it takes the place of: whoever has seen one of
// them can see that there was another.
type Head struct {
	Key        string     `json:"key"` // of the hub that signs, as Signer.Key
	Job        string     `json:"job"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind"`
	File       Hash       `json:"file"`                 // of the job file as submitted
	State      string     `json:"state"`                // done, failed or cancelled
	Reason     string     `json:"reason,omitempty"`     // why it failed or was cancelled
	Withdrawn  int        `json:"withdrawn"`            // how often the job was taken back to an earlier round
	Edition    int        `json:"edition,omitempty"`    // how many ends of the job stand no more
	Supersedes *Hash      `json:"supersedes,omitempty"` // the signed head of the edition before; nil where none was signed
	Created    time.Time  `json:"created"`
	Ended      time.Time  `json:"ended"`
	Receipts   int64      `json:"receipts"` // lines of the log
	Root       Hash       `json:"root"`     // of the log
	Artifacts  []Artifact `json:"artifacts"`
	Promise    *Promise   `json:"promise,omitempty"`
}

// Artifact is one file of a finished job.
type Artifact struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 Hash   `json:"sha256"`
}

// Promise is what the hub says of the job's results as a whole: see
// hub/internal/trust/TRUST.md for what each number means and against whom it
// holds.
type Promise struct {
	Assurance string  `json:"assurance"` // how results were checked
	Epsilon   float64 `json:"epsilon"`   // the risk the job allowed each result; 0: none was named
	Weighed   bool    `json:"weighed"`   // bound and expected mean something
	Bound     float64 `json:"bound"`     // the highest risk of any one accepted result being wrong
	Expected  float64 `json:"expected"`  // accepted results that are wrong, in the mean
	Executed  int64   `json:"executed"`  // how often shards were computed, the hub's audits included
	Audited   int64   `json:"audited"`   // shards accepted on an auditor's word
	Overhead  float64 `json:"overhead"`  // executions beyond one for each shard, as a share of them
}

// Done reports whether the job ended well.
func (h Head) Done() bool { return h.State == "done" }

// headDomain is the first line of what is signed: it names the purpose, so
// that the signature can be used for nothing else.
const headDomain = "shoal.v1 receipts"

// MaxHead bounds a signed head, in bytes.
const MaxHead = 1 << 20

// Sign returns the signed head: a note as package note of golang.org/x/mod has
// it, whose text is the domain and the head as JSON.
func (s *Signer) Sign(h Head) ([]byte, error) {
	h.Key = s.Key()
	body, err := h.encode()
	if err != nil {
		return nil, fmt.Errorf("receipt: head of job %s: %w", h.Job, err)
	}
	signed, err := note.Sign(&note.Note{Text: headDomain + "\n" + string(body) + "\n"}, signer{s})
	if err != nil {
		return nil, fmt.Errorf("receipt: head of job %s: %w", h.Job, err)
	}
	if len(signed) > MaxHead {
		return nil, fmt.Errorf("receipt: head of job %s: %d bytes, want at most %d", h.Job, len(signed), MaxHead)
	}
	return signed, nil
}

// encode returns the one line that says h.
func (h Head) encode() ([]byte, error) {
	h.Created, h.Ended = h.Created.UTC(), h.Ended.UTC()
	if h.Artifacts == nil {
		h.Artifacts = []Artifact{}
	}
	return json.Marshal(h)
}

// OpenHead reads a signed head and verifies its signature with the key it
// names itself. Who wants to know whose signature it is compares Key with what
// they know of the hub. Not one byte of a head can change: neither what is
// signed, nor the form of the signature.
func OpenHead(signed []byte) (Head, error) {
	if len(signed) > MaxHead {
		return Head{}, fmt.Errorf("%w: head of %d bytes, want at most %d", ErrDamaged, len(signed), MaxHead)
	}
	text, _, found := bytes.Cut(signed, []byte("\n\n"))
	domain, body, ok := strings.Cut(string(text), "\n")
	if !found || !ok || domain != headDomain {
		return Head{}, fmt.Errorf("%w: not a signed head of receipts", ErrDamaged)
	}
	var h Head
	if err := decode([]byte(body), &h, func() ([]byte, error) { return h.encode() }); err != nil {
		return Head{}, fmt.Errorf("head: %w", err)
	}
	if err := h.validate(); err != nil {
		return Head{}, err
	}
	v, err := verifier(h.Key)
	if err != nil {
		return Head{}, err
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Head{}, fmt.Errorf("%w: head: %w", ErrDamaged, err)
	}
	if err := oneSignature(signed, n); err != nil {
		return Head{}, err
	}
	return h, nil
}

func (h Head) validate() error {
	switch {
	case h.Job == "":
		return fmt.Errorf("%w: head: job: missing", ErrDamaged)
	case h.Receipts < 0 || h.Withdrawn < 0:
		return fmt.Errorf("%w: head: %d receipts, withdrawn %d times", ErrDamaged, h.Receipts, h.Withdrawn)
	case h.Edition < 0 || h.Edition == 0 && h.Supersedes != nil:
		return fmt.Errorf("%w: head: edition %d supersedes another", ErrDamaged, h.Edition)
	case h.State != "done" && h.State != "failed" && h.State != "cancelled":
		return fmt.Errorf("%w: head: state: %q is no end", ErrDamaged, h.State)
	}
	seen := map[string]bool{}
	for _, a := range h.Artifacts {
		if a.Size < 0 || seen[a.Name] {
			return fmt.Errorf("%w: head: artifact %q is there twice, or has a size below 0", ErrDamaged, a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}

// oneSignature checks that the note is signed once, in the one way to write
// that: base64 leaves room for texts that differ and mean the same.
func oneSignature(signed []byte, n *note.Note) error {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return fmt.Errorf("%w: head: want one signature", ErrDamaged)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	if err != nil {
		return fmt.Errorf("%w: head: signature: %w", ErrDamaged, err)
	}
	want := n.Text + "\n— " + n.Sigs[0].Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
	if string(signed) != want {
		return fmt.Errorf("%w: head: signature: not in canonical form", ErrDamaged)
	}
	return nil
}

// verifier reads a hub's public key.
func verifier(key string) (note.Verifier, error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("%w: the hub's key: %w", ErrDamaged, err)
	}
	if v.Name() != signerName {
		return nil, fmt.Errorf("%w: the hub's key: name %q, want %q", ErrDamaged, v.Name(), signerName)
	}
	return v, nil
}

// CheckKey reports why text cannot be a hub's public key.
func CheckKey(text string) error {
	_, err := verifier(text)
	return err
}

// ErrForeign means that a head is whole, but another hub's.
var ErrForeign = errors.New("receipt: signed by another hub")

// SignedBy returns ErrForeign unless key is the hub's that signed h.
func (h Head) SignedBy(key string) error {
	if h.Key != key {
		return fmt.Errorf("%w: its key is %s, want %s", ErrForeign, h.Key, key)
	}
	return nil
}
