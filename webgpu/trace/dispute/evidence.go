package dispute

import (
	"context"
	"fmt"
)

// Entry is one event of a dispute: a signed answer, or a party's giving up.
type Entry struct {
	Party  int
	Answer *Answer
	Reason string // without an answer
}

// magic begins evidence.
const magic = "SHOAL\x00D\x01"

// maxReason is how many bytes of a reason are kept.
const maxReason = 1 << 10

// Evidence is the whole dispute as bytes: the case, program included, and every
// event in order. Replay makes the verdict from it, with nothing else at hand than the
// reference.
func (r *Referee) Evidence() []byte {
	b := append([]byte(magic), byte(r.supplier))
	b = r.c.append(b)
	b = append(b, byte(len(r.log))) // two a question of each kind, and Depth is at most 16
	for _, e := range r.log {
		if e.Answer == nil {
			b = append(b, byte(e.Party), 0)
			b = appendBytes(b, []byte(e.Reason))
			continue
		}
		b = append(b, byte(e.Party), 1)
		b = appendBytes(b, e.Answer.Encode())
	}
	return b
}

// Replay leads a recorded dispute again: it checks every signature and every
// opening, runs the one op, and returns the case and its verdict.
func Replay(ctx context.Context, evidence []byte, run Interpreter) (*Case, Verdict, error) {
	d := decoder{data: evidence}
	if string(d.take(len(magic), "magic")) != magic {
		return nil, Verdict{}, fmt.Errorf("%w: no evidence, or another version", ErrDamaged)
	}
	supplier := int(d.byte("supplier"))
	c, err := readCase(&d)
	if err != nil {
		return nil, Verdict{}, err
	}
	r, err := NewReferee(*c, supplier)
	if err != nil {
		return nil, Verdict{}, err
	}
	for range d.byte("number of entries") {
		party, answered, body := int(d.byte("party")), d.byte("entry"), d.bytes("entry")
		switch {
		case d.err != nil:
			return nil, Verdict{}, d.err
		case answered == 0 && len(body) <= maxReason:
			err = r.Forfeit(party, string(body))
		case answered == 1:
			var a Answer
			if a, err = DecodeAnswer(body); err == nil {
				err = r.Answer(party, a)
			}
		default:
			err = fmt.Errorf("%w: entry of kind %d", ErrDamaged, answered)
		}
		if err != nil {
			return nil, Verdict{}, err
		}
	}
	if err := d.end(); err != nil {
		return nil, Verdict{}, err
	}
	if r.Due() {
		if err := r.Judge(ctx, run); err != nil {
			return nil, Verdict{}, err
		}
	}
	v, ok := r.Verdict()
	if !ok {
		return nil, Verdict{}, ErrUnsettled
	}
	return c, v, nil
}
