package dispute

import "errors"

// ErrUnasked reports an answer to a question that is not open. Nothing changed.
var ErrUnasked = errors.New("dispute: nothing is asked of this party")

// ErrSignature reports an answer that its party did not sign for this question
// of this case. It may be anybody's: nothing changed, and the party may still
// answer.
var ErrSignature = errors.New("dispute: not signed by the party for this question")

// ErrDamaged is wrapped by errors about bytes that are no message or evidence.
var ErrDamaged = errors.New("dispute: damaged encoding")

// ErrUnsettled reports a judgement asked for too early, and evidence that ends
// before its verdict.
var ErrUnsettled = errors.New("dispute: not settled")
