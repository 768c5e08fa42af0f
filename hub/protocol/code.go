package protocol

// Code says why something was refused. Numbers are never reused or
// renumbered; a receiver treats one it does not know as CodeInternal.
type Code uint16

// The codes of version 1.
const (
	CodeInternal        Code = 1  // the sender failed; the same message may work later
	CodeMalformed       Code = 2  // a frame that does not decode
	CodeUnknownType     Code = 3  // a frame of a type the sender does not know
	CodeTooLarge        Code = 4  // a frame or field over its limit
	CodeVersion         Code = 5  // no version in common
	CodeUnexpected      Code = 6  // a message that has no place here, such as a second Hello
	CodeConsentRequired Code = 7  // no consent yet, or it has expired
	CodeConsentInvalid  Code = 8  // a consent that is not acceptable: text, times or origin
	CodeBadSignature    Code = 9  // a signature that does not verify
	CodeBadLease        Code = 10 // a token this hub did not give to this volunteer
	CodeLeaseExpired    Code = 11 // a lease whose deadline has passed
	CodeDuplicate       Code = 12 // a second result for one lease
	CodeBadSeal         Code = 13 // outputs that are not the ones sealed, or no seal
	CodeBadResult       Code = 14 // outputs that do not have the shard's shape
	CodeNotFound        Code = 15 // a blob that is not here
	CodeBusy            Code = 16 // over a rate or capacity limit; wait, then ask again
	CodeClosing         Code = 17 // the hub is shutting down; connect again later
	CodeDenied          Code = 18 // this volunteer or device is not served any more
)

var codeNames = [...]string{
	CodeInternal:        "internal",
	CodeMalformed:       "malformed",
	CodeUnknownType:     "unknown-type",
	CodeTooLarge:        "too-large",
	CodeVersion:         "version",
	CodeUnexpected:      "unexpected",
	CodeConsentRequired: "consent-required",
	CodeConsentInvalid:  "consent-invalid",
	CodeBadSignature:    "bad-signature",
	CodeBadLease:        "bad-lease",
	CodeLeaseExpired:    "lease-expired",
	CodeDuplicate:       "duplicate",
	CodeBadSeal:         "bad-seal",
	CodeBadResult:       "bad-result",
	CodeNotFound:        "not-found",
	CodeBusy:            "busy",
	CodeClosing:         "closing",
	CodeDenied:          "denied",
}

// String returns the code's name, as PROTOCOL.md writes it.
func (c Code) String() string { return name(codeNames[:], int(c), "code") }

// Status is what became of a result. Numbers are never reused or renumbered.
type Status uint8

// The statuses of version 1.
const (
	StatusPending  Status = 1 // committed; a replica, a canary or an audit is still to speak
	StatusAccepted Status = 2 // believed and folded in
	StatusRejected Status = 3 // wrong
	StatusSurplus  Status = 4 // right or not, the shard was already settled without it
)

var statusNames = [...]string{
	StatusPending:  "pending",
	StatusAccepted: "accepted",
	StatusRejected: "rejected",
	StatusSurplus:  "surplus",
}

// String returns the status's name, as PROTOCOL.md writes it.
func (s Status) String() string { return name(statusNames[:], int(s), "status") }
