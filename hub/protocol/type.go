package protocol

import "strconv"

// Type is the first byte of a frame. Numbers are never reused or renumbered.
type Type uint8

// The types of version 1.
const (
	TypeHello        Type = 1
	TypeWelcome      Type = 2
	TypeConsent      Type = 3
	TypeConsented    Type = 4
	TypeWant         Type = 5
	TypeLease        Type = 6
	TypeSeal         Type = 7
	TypeOpen         Type = 8
	TypeResult       Type = 9
	TypeVerdict      Type = 10
	TypeReturn       Type = 11
	TypeRevoke       Type = 12
	TypeGetBlob      Type = 13
	TypeBlob         Type = 14
	TypeStatusUpdate Type = 15
	TypeGoodbye      Type = 16
	TypeError        Type = 17
	TypeUnfit        Type = 19 // 18 stays free: a vector holds that nobody knows it
	TypeChallenge    Type = 20
	TypeResponse     Type = 21
)

var typeNames = [...]string{
	TypeHello:        "hello",
	TypeWelcome:      "welcome",
	TypeConsent:      "consent",
	TypeConsented:    "consented",
	TypeWant:         "want",
	TypeLease:        "lease",
	TypeSeal:         "seal",
	TypeOpen:         "open",
	TypeResult:       "result",
	TypeVerdict:      "verdict",
	TypeReturn:       "return",
	TypeRevoke:       "revoke",
	TypeGetBlob:      "get-blob",
	TypeBlob:         "blob",
	TypeStatusUpdate: "status-update",
	TypeGoodbye:      "goodbye",
	TypeError:        "error",
	TypeUnfit:        "unfit",
	TypeChallenge:    "challenge",
	TypeResponse:     "response",
}

// String returns the type's name, as PROTOCOL.md writes it.
func (t Type) String() string { return name(typeNames[:], int(t), "type") }

// name looks i up in a table whose unused entries are empty.
func name(table []string, i int, kind string) string {
	if i < len(table) && table[i] != "" {
		return table[i]
	}
	return kind + " " + strconv.Itoa(i)
}

func (Hello) Type() Type        { return TypeHello }
func (Welcome) Type() Type      { return TypeWelcome }
func (Consent) Type() Type      { return TypeConsent }
func (Consented) Type() Type    { return TypeConsented }
func (Want) Type() Type         { return TypeWant }
func (Lease) Type() Type        { return TypeLease }
func (Seal) Type() Type         { return TypeSeal }
func (Open) Type() Type         { return TypeOpen }
func (Result) Type() Type       { return TypeResult }
func (Verdict) Type() Type      { return TypeVerdict }
func (Return) Type() Type       { return TypeReturn }
func (Revoke) Type() Type       { return TypeRevoke }
func (GetBlob) Type() Type      { return TypeGetBlob }
func (Blob) Type() Type         { return TypeBlob }
func (StatusUpdate) Type() Type { return TypeStatusUpdate }
func (Goodbye) Type() Type      { return TypeGoodbye }
func (Error) Type() Type        { return TypeError }
func (Unfit) Type() Type        { return TypeUnfit }
func (Challenge) Type() Type    { return TypeChallenge }
func (Response) Type() Type     { return TypeResponse }
