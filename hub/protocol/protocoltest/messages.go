package protocoltest

import (
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Messages returns one message of every type with every field set.
func Messages() []protocol.Message {
	at := time.UnixMilli(1_760_000_000_123).UTC()
	token := []byte("token-of-a-lease")
	return []protocol.Message{
		protocol.Hello{
			MinVersion: 1,
			MaxVersion: 3,
			Volunteer:  fill32(1),
			Agent:      "shoal-node/1.0",
			Devices: []protocol.Device{
				{Lane: "cpu", Detail: "avx512 vnni", Threads: 8, Memory: 1 << 34},
				{Lane: "wasm", Detail: "simd128", Threads: 1},
			},
		},
		protocol.Welcome{Version: 1, Nonce: fill32(2), Hub: "reef", Now: at},
		protocol.Consent{
			Origin:    "https://reef.example",
			Runs:      "Train small language models with the processor, while this page is open.",
			Limits:    `{"threads":2}`,
			Issued:    at,
			Expires:   at.Add(24 * time.Hour),
			Signature: fill64(3),
		},
		protocol.Consented{Expires: at.Add(24 * time.Hour)},
		protocol.Want{Device: 1, Count: 2},
		protocol.Lease{
			Token:    token,
			Nonce:    [16]byte{4, 5, 6},
			Job:      "kjv-nano-1",
			Shard:    300,
			Device:   1,
			Deadline: at.Add(time.Minute),
			Sealed:   true,
			Payload:  []byte("shard"),
		},
		protocol.Seal{Token: token, Seal: fill32(7)},
		protocol.Open{Token: token},
		protocol.Result{Token: token, Outputs: []byte("outputs"), Millis: 1500, Signature: fill64(8)},
		protocol.Verdict{Token: token, Status: protocol.StatusRejected, Credit: -12345, Reason: "two replicas disagree with it"},
		protocol.Return{Tokens: [][]byte{token, []byte("other")}, Reason: "paused"},
		protocol.Revoke{Token: token, Reason: "job cancelled"},
		protocol.GetBlob{Hash: fill32(9)},
		protocol.Blob{Hash: fill32(9), Data: []byte("bytes")},
		protocol.StatusUpdate{JSON: []byte(`{"step":3}`)},
		protocol.Goodbye{Reason: "tab closed"},
		protocol.Error{Code: protocol.CodeBadLease, Message: "not your lease", Fatal: true, Ref: token},
		protocol.Unfit{Lanes: []protocol.Lane{
			{Lane: "vulkan", Detail: "Radeon RX 6600, RADV 22.3.6", Reason: "selftest: wrong answers: matmul/3"},
			{Lane: "cuda", Reason: "not answered in time"},
		}},
		protocol.Challenge{Token: token, Device: 1, Case: fill32(10), Question: []byte("question"), Payload: []byte("shard")},
		protocol.Response{Token: token, Case: fill32(10), Answer: []byte("answer"), Refusal: "paused"},
	}
}

func fill32(b byte) (a [32]byte) {
	for i := range a {
		a[i] = b + byte(i)
	}
	return a
}

func fill64(b byte) (a [64]byte) {
	for i := range a {
		a[i] = b ^ byte(i)
	}
	return a
}
