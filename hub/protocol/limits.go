package protocol

// Limits bound every length on the wire, so that no frame makes its receiver
// allocate more than the bytes it has already received.
const (
	// MaxFrame bounds a whole frame of any type, type byte included.
	MaxFrame = 64 << 20
	// MaxLeaseFrame bounds a Lease, whose shard may carry inputs inline.
	MaxLeaseFrame = 4 << 20
	// MaxChallengeFrame bounds a Challenge, which carries a Lease's shard again.
	MaxChallengeFrame = MaxLeaseFrame + 2<<10
	// MaxSmallFrame bounds a frame of every other type.
	MaxSmallFrame = 64 << 10

	MaxText    = 1 << 10  // bytes of a name, reason or message
	MaxConsent = 16 << 10 // bytes of Consent.Runs and of Consent.Limits
	MaxToken   = 1 << 10  // bytes of a lease token, and of Error.Ref
	MaxTokens  = 32       // tokens in a Return
	MaxDevices = 32       // devices in a Hello
	MaxUnfit   = 16       // lanes in an Unfit
	MaxStatus  = 32 << 10 // bytes of StatusUpdate.JSON

	MaxQuestion = 64               // bytes of Challenge.Question
	MaxAnswer   = MaxFrame - 4<<10 // bytes of Response.Answer, whatever else the frame holds

	maxPayload = MaxLeaseFrame
	maxData    = MaxFrame
)

// FrameLimit returns the largest frame of type t, type byte included. A
// transport that sees the first byte early may refuse the rest by it.
func FrameLimit(t Type) int {
	switch t {
	case TypeResult, TypeBlob, TypeResponse:
		return MaxFrame
	case TypeLease:
		return MaxLeaseFrame
	case TypeChallenge:
		return MaxChallengeFrame
	}
	return MaxSmallFrame
}
