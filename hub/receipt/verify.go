package receipt

import (
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Verify checks everything that a receipt alone can prove: that its numbers
// fit together, that each result answers a lease of this very shard and is
// signed by its volunteer, and that the results bear out the path. Its errors
// wrap ErrDamaged and name the volunteer at issue.
func (r Receipt) Verify() error {
	switch {
	case r.Job == "":
		return r.damaged("job: missing")
	case r.Round < 0 || r.Index < 0 || r.Index >= 1<<indexBits || r.Shard != ShardNumber(r.Round, r.Index):
		return r.damaged("shard: number %d is not that of round %d, index %d", r.Shard, r.Round, r.Index)
	case r.Ops <= 0:
		return r.damaged("ops: %d", r.Ops)
	case r.Verdict != accepted:
		return r.damaged("verdict: %q, want %q", r.Verdict, accepted)
	case !r.Path.known():
		return r.damaged("path: %q is unknown", r.Path)
	case !probability(r.Risk):
		return r.damaged("risk: %v is no probability", r.Risk)
	case r.Executed < len(r.Results):
		return r.damaged("executed: %d, with %d results", r.Executed, len(r.Results))
	}
	same := 0
	volunteers := make(map[Key]bool, len(r.Results))
	for _, res := range r.Results {
		if volunteers[res.Volunteer] {
			return r.damaged("volunteer %s counts twice", res.Volunteer.Short())
		}
		volunteers[res.Volunteer] = true
		if err := r.verifyResult(res); err != nil {
			return err
		}
		if res.Output == r.Output {
			same++
		}
	}
	return r.verifyPath(same)
}

func (r Receipt) verifyResult(res Result) error {
	who := res.Volunteer.Short()
	token, err := ParseToken(res.Token)
	switch {
	case err != nil:
		return r.damaged("result of volunteer %s: %v", who, err)
	case token.Volunteer != res.Volunteer || token.Job != r.Job || token.Shard != r.Shard || token.Lane != res.Lane:
		return r.damaged("result of volunteer %s: its lease is for another shard, volunteer or lane", who)
	case !ed25519.Verify(res.Volunteer[:], protocol.ResultBytes(res.Token, res.Output), res.Signature):
		return r.damaged("result of volunteer %s: the signature does not hold", who)
	case !probability(res.Risk):
		return r.damaged("result of volunteer %s: risk %v is no probability", who, res.Risk)
	}
	right := res.Output == r.Output
	switch res.Standing {
	case Pending:
	case Confirmed:
		if !right {
			return r.damaged("result of volunteer %s: confirmed, but not the accepted output", who)
		}
	case Refuted:
		if right {
			return r.damaged("result of volunteer %s: refuted, but the accepted output", who)
		}
	default:
		return r.damaged("result of volunteer %s: verdict %q is unknown", who, res.Standing)
	}
	return nil
}

// verifyPath checks that enough volunteers signed the accepted output: same of
// them did. After a dispute somebody must also have been refuted.
func (r Receipt) verifyPath(same int) error {
	if want := signers[r.Path]; same < want {
		return r.damaged("path %s: %d volunteers signed the accepted output, want at least %d", r.Path, same, want)
	}
	refuted := func(res Result) bool { return res.Standing == Refuted }
	if r.Path == Disputed && !slices.ContainsFunc(r.Results, refuted) {
		return r.damaged("path %s: nobody's result is refuted", r.Path)
	}
	return nil
}

// Signers lists who signed the accepted output.
func (r Receipt) Signers() []Key {
	var keys []Key
	for _, res := range r.Results {
		if res.Output == r.Output {
			keys = append(keys, res.Volunteer)
		}
	}
	return keys
}

func (r Receipt) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: shard %s: %s", ErrDamaged, r.Name(), fmt.Sprintf(format, args...))
}

// probability is false for NaN as well.
func probability(p float64) bool { return p >= 0 && p <= 1 }
