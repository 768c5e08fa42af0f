package protocol

import "time"

// Subprotocol is the WebSocket subprotocol; Version counts wire versions.
const (
	Subprotocol = "shoal.v1"
	Version     = 1
)

// Message is one frame. A frame is one type byte and the message's fields.
type Message interface{ Type() Type }

// Order of a conversation (-> is volunteer to hub):
//
//	-> Hello            <- Welcome (or Error)
//	-> Consent          <- Consented (or Error)
//	-> Want             <- Lease, as many as wanted, when there is work
//	-> Seal             <- Open, once every replica of the shard is sealed   (only if Lease.Sealed)
//	-> Result           <- Verdict, after the result is committed; a second Verdict may follow (pending, then final)
//	-> Return           hands leases back
//	-> GetBlob          <- Blob (or Error with the hash): for volunteers without HTTP
//	-> Unfit            says which lanes failed here and are not used; any time after Consented
//	                    <- Challenge: another result of the shard differs from this one's; one question at a time
//	-> Response         answers it, or says why not
//	-> Goodbye          hands every lease back; the hub closes
//	                    <- Status, now and then: what the page shows
//	                    <- Revoke: the lease is void, stop computing it
//	either way: Error   the connection stays open unless Error.Fatal
type (
	// Hello opens a conversation.
	Hello struct {
		MinVersion, MaxVersion uint64
		Volunteer              [32]byte // ed25519 public key
		Agent                  string   // software and version
		Devices                []Device // in order of preference; a lease names one by index
	}
	// Device is one lane a volunteer offers.
	Device struct {
		Lane    string // webgpu webgl wasm cpu vulkan cuda reference
		Detail  string // adapter, driver, CPU features
		Threads uint64
		Memory  uint64 // bytes; 0 unknown
	}
	// Welcome accepts a Hello.
	Welcome struct {
		Version uint64
		Nonce   [32]byte // to be covered by the Consent's signature: proves the key and freshness
		Hub     string   // name for people
		Now     time.Time
	}
	// Consent is the record without which no lease is given. Signature is
	// ed25519 over ConsentBytes(nonce, record).
	Consent struct {
		Origin    string // where it was given: page origin, or "shoal-node", "wasi"
		Runs      string // the words the person agreed to
		Limits    string // limits the person set, as JSON; may be empty
		Issued    time.Time
		Expires   time.Time
		Signature [64]byte
	}
	// Consented accepts a Consent.
	Consented struct{ Expires time.Time }
	// Want asks for up to Count more leases for the device at index Device.
	// Wants add up until they are used; Count 0 withdraws what is left.
	Want struct {
		Device uint64
		Count  uint64
	}
	// Lease hands out one replica of one shard until Deadline.
	Lease struct {
		Token    []byte   // opaque, signed by the hub; names the lease from here on, also after a reconnect
		Nonce    [16]byte // goes into the seal
		Job      string
		Shard    uint64
		Device   uint64
		Deadline time.Time
		Sealed   bool   // send Seal first and Result only after Open
		Payload  []byte // job.EncodeShard
	}
	// Seal commits to a result: SHA-256(result hash, volunteer, lease nonce).
	Seal struct {
		Token []byte
		Seal  [32]byte
	}
	// Open asks for the sealed result.
	Open struct{ Token []byte }
	// Result delivers outputs. Signature is ed25519 over ResultBytes(token,
	// SHA-256 of Outputs).
	Result struct {
		Token     []byte
		Outputs   []byte // job.EncodeOutputs
		Millis    uint64 // compute time, for scheduling only
		Signature [64]byte
	}
	// Verdict answers a Result after it was committed.
	Verdict struct {
		Token  []byte
		Status Status
		Credit int64 // smallest unit, paid by this verdict
		Reason string
	}
	// Return hands leases back uncomputed.
	Return struct {
		Tokens [][]byte
		Reason string
	}
	// Revoke voids a lease.
	Revoke struct {
		Token  []byte
		Reason string
	}
	// GetBlob asks for a blob over the connection.
	GetBlob struct{ Hash [32]byte }
	// Blob answers GetBlob.
	Blob struct {
		Hash [32]byte
		Data []byte
	}
	// StatusUpdate is what the page shows.
	StatusUpdate struct{ JSON []byte } // object with keys job, name, step, steps, loss, val, volunteers, credit, ...
	// Unfit names lanes of the volunteer's machine that it does not use because
	// they failed, so that bad drivers become known. It replaces what an
	// earlier one said on this connection.
	Unfit struct{ Lanes []Lane }
	// Lane is a lane that failed.
	Lane struct {
		Lane   string
		Detail string // adapter, driver
		Reason string
	}
	// Challenge asks one question of a dispute about a result that this
	// volunteer has signed, delivered or not on this connection. Payload comes
	// with the first question of a case on a connection, since the shard may be
	// forgotten here, and is empty afterwards.
	Challenge struct {
		Token    []byte // the lease under which the disputed result was given
		Device   uint64 // the one to replay on, by index in Hello
		Case     [32]byte
		Question []byte // dispute.Question
		Payload  []byte // job.EncodeShard
	}
	// Response answers a Challenge. With a Refusal there is no answer.
	Response struct {
		Token   []byte
		Case    [32]byte
		Answer  []byte // dispute.Answer, signed inside
		Refusal string // why there is none
	}
	// Goodbye ends the conversation; all leases go back at once.
	Goodbye struct{ Reason string }
	// Error reports that something the other side sent was refused.
	Error struct {
		Code    Code
		Message string
		Fatal   bool   // the sender closes the connection
		Ref     []byte // token or hash it is about; may be empty
	}
)
