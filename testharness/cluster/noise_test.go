package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/shoal-compute/shoal/hub/protocol"
)

// Whatever bytes a peer sends, and in whatever order it says what the protocol
// has, costs it its own connection at most: honest volunteers beside it finish
// their job, and the ledger is whole.
func TestNoise(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	crowd(x, 2)
	id := x.Submit(ChainFile("noise", 60, 2, 2))
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	rng := rand.New(rand.NewPCG(11, 12))
	frames, connections := 0, 0
	for frames < 3000 {
		connections++
		frames += babble(ctx, t, x, rng)
	}
	t.Logf("%d frames over %d connections", frames, connections)
	x.Done(id, "noise", 60, 2, 2)
}

// babble says random things over one connection until the hub ends it, or
// enough was said. It returns how many frames the hub took.
func babble(ctx context.Context, t *testing.T, x *Cluster, rng *rand.Rand) int {
	near, far := protocol.FramePipe()
	defer near.Close()
	x.Hub.Connect(protocol.NewConn(far))
	v := NewVolunteer("babbler")
	conn := protocol.NewConn(near)
	hello := protocol.Hello{MinVersion: 1, MaxVersion: 1, Volunteer: v.ID(), Devices: []protocol.Device{{Lane: "cpu"}}}
	if err := conn.Send(ctx, hello); err != nil {
		return 0
	}
	m, err := conn.Receive(ctx)
	welcome, ok := m.(protocol.Welcome)
	if err != nil || !ok {
		t.Fatalf("hello answered by %v, %v", m, err)
	}
	heard := make(chan struct{})
	tokens := make(chan []byte, 256)
	go func() { // listens, so that the hub can speak
		defer close(heard)
		for {
			m, err := conn.Receive(ctx)
			if err != nil {
				return
			}
			if l, ok := m.(protocol.Lease); ok {
				select {
				case tokens <- l.Token:
				default:
				}
			}
		}
	}()
	defer func() {
		near.Close()
		<-heard
	}()
	for n := 0; n < 200; n++ {
		frame, err := protocol.Encode(sentence(rng, v, welcome, tokens))
		if err != nil {
			t.Fatal(err)
		}
		switch rng.IntN(4) {
		case 0:
			frame = frame[:rng.IntN(len(frame)+1)]
		case 1:
			for range 1 + rng.IntN(3) {
				frame[rng.IntN(len(frame))] ^= 1 << rng.IntN(8)
			}
		}
		if err := near.SendFrame(ctx, frame); err != nil {
			if !errors.Is(err, protocol.ErrClosed) {
				t.Fatal(err)
			}
			return n
		}
	}
	return 200
}

// sentence is a random message, often about a real lease.
func sentence(rng *rand.Rand, v *Volunteer, w protocol.Welcome, tokens chan []byte) protocol.Message {
	token := []byte("no token")
	select {
	case token = <-tokens:
	default:
	}
	switch rng.IntN(9) {
	case 0:
		return Consent(v.Key, w.Nonce, w.Now)
	case 1, 2:
		return protocol.Want{Device: uint64(rng.IntN(2)), Count: uint64(rng.IntN(4))}
	case 3:
		return protocol.Seal{Token: token, Seal: [32]byte{byte(rng.Int())}}
	case 4:
		return protocol.SignResult(v.Key, protocol.Result{Token: token, Outputs: make([]byte, rng.IntN(60))})
	case 5:
		return protocol.Return{Tokens: [][]byte{token}}
	case 6:
		return protocol.GetBlob{Hash: [32]byte{byte(rng.Int())}}
	case 7:
		return protocol.Verdict{Token: token, Credit: 1 << 40}
	default:
		return protocol.Error{Code: protocol.CodeInternal, Message: "noise"}
	}
}
