package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
)

// What is signed or hashed starts with a line that names its purpose, so
// that no signature or seal can be used for another. Fields of variable
// length follow their length as 8 bytes, big-endian.
const (
	consentDomain = "shoal.v1 consent\n"
	resultDomain  = "shoal.v1 result\n"
	sealDomain    = "shoal.v1 seal\n"
)

// ConsentBytes returns what a Consent's signature covers: the nonce of the
// Welcome it answers and every field but the signature.
func ConsentBytes(nonce [32]byte, record Consent) []byte {
	b := append([]byte(consentDomain), nonce[:]...)
	b = appendField(b, record.Origin)
	b = appendField(b, record.Runs)
	b = appendField(b, record.Limits)
	b = binary.BigEndian.AppendUint64(b, uint64(record.Issued.UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(record.Expires.UnixMilli()))
}

// SignConsent returns record with its signature.
func SignConsent(key ed25519.PrivateKey, nonce [32]byte, record Consent) Consent {
	copy(record.Signature[:], ed25519.Sign(key, ConsentBytes(nonce, record)))
	return record
}

// VerifyConsent reports whether volunteer signed record in answer to nonce.
func VerifyConsent(volunteer, nonce [32]byte, record Consent) bool {
	return ed25519.Verify(volunteer[:], ConsentBytes(nonce, record), record.Signature[:])
}

// ResultBytes returns what a Result's signature covers: the lease and the
// SHA-256 of the outputs. The lease's token names job, shard and replica.
func ResultBytes(token []byte, outputs [32]byte) []byte {
	b := appendField([]byte(resultDomain), token)
	return append(b, outputs[:]...)
}

// SignResult returns r with its signature.
func SignResult(key ed25519.PrivateKey, r Result) Result {
	copy(r.Signature[:], ed25519.Sign(key, ResultBytes(r.Token, sha256.Sum256(r.Outputs))))
	return r
}

// VerifyResult reports whether volunteer signed r.
func VerifyResult(volunteer [32]byte, r Result) bool {
	return ed25519.Verify(volunteer[:], ResultBytes(r.Token, sha256.Sum256(r.Outputs)), r.Signature[:])
}

// SealOf commits volunteer to outputs (by their SHA-256) under one lease. The
// nonce keeps a seal from being recognised under another lease, and the
// volunteer from being copied by another.
func SealOf(outputs, volunteer [32]byte, nonce [16]byte) [32]byte {
	h := sha256.New()
	h.Write([]byte(sealDomain))
	h.Write(outputs[:])
	h.Write(volunteer[:])
	h.Write(nonce[:])
	return [32]byte(h.Sum(nil))
}

func appendField[T string | []byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
	return append(b, field...)
}
