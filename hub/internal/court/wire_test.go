package court_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-compute/shoal/hub/internal/court"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metered counts the bytes of frames in both directions.
type metered struct {
	protocol.Frames
	bytes *atomic.Int64
}

func (m metered) SendFrame(ctx context.Context, frame []byte) error {
	m.bytes.Add(int64(len(frame)))
	return m.Frames.SendFrame(ctx, frame)
}

func (m metered) ReceiveFrame(ctx context.Context) ([]byte, error) {
	frame, err := m.Frames.ReceiveFrame(ctx)
	m.bytes.Add(int64(len(frame)))
	return frame, err
}

// volunteer is a worker and the hub's end of its connection.
type volunteer struct {
	t       testing.TB
	key     ed25519.PrivateKey
	conn    protocol.Conn
	bytes   atomic.Int64 // of frames
	payload []byte       // the shard, for challenges
	told    [32]byte     // the case that the payload was sent for
}

// enlist starts a worker with one device and brings it to work.
func enlist(t testing.TB, seed byte, dev device.Device, blobs worker.BlobSource) *volunteer {
	t.Helper()
	v := &volunteer{t: t, key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
	ours, theirs := protocol.FramePipe()
	v.conn = protocol.NewConn(metered{ours, &v.bytes})
	w, err := worker.New(worker.Config{
		Conn: protocol.NewConn(theirs), Devices: []device.Device{dev}, Blobs: blobs, Key: v.key,
		Consent: protocol.Consent{Origin: "test", Runs: "shards", Issued: time.Now(), Expires: time.Now().Add(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(t.Context()) }()
	t.Cleanup(func() {
		v.conn.Close()
		<-ended
	})
	hello := await[protocol.Hello](v)
	if hello.Volunteer != [32]byte(v.key.Public().(ed25519.PublicKey)) {
		t.Fatal("hello names another volunteer")
	}
	v.say(protocol.Welcome{Version: protocol.Version, Hub: "reef", Now: time.Now()})
	v.say(protocol.Consented{Expires: await[protocol.Consent](v).Expires})
	return v
}

func (v *volunteer) say(m protocol.Message) {
	v.t.Helper()
	if err := v.conn.Send(v.t.Context(), m); err != nil {
		v.t.Fatal(err)
	}
}

// await returns the next M and ignores what comes before it.
func await[M protocol.Message](v *volunteer) M {
	v.t.Helper()
	for {
		m, err := v.conn.Receive(v.t.Context())
		if err != nil {
			v.t.Fatal(err)
		}
		switch m := m.(type) {
		case M:
			return m
		case protocol.Error, protocol.Return:
			v.t.Fatalf("the worker says %+v", m)
		}
	}
}

var token = []byte("lease of a disputed shard")

// compute leases the shard and returns the claim that the signed result is.
func (v *volunteer) compute(s job.Shard) court.Claim {
	v.t.Helper()
	v.payload = job.EncodeShard(s)
	v.say(protocol.Lease{Token: token, Job: "j", Deadline: time.Now().Add(time.Hour), Payload: v.payload})
	r := await[protocol.Result](v)
	key := v.key.Public().(ed25519.PublicKey)
	if !protocol.VerifyResult([32]byte(key), r) {
		v.t.Fatal("the result is not signed")
	}
	v.say(protocol.Verdict{Token: token, Status: protocol.StatusAccepted}) // the worker forgets it
	outputs, err := job.DecodeOutputs(r.Outputs)
	if err != nil {
		v.t.Fatal(err)
	}
	return court.Claim{Key: key, Outputs: outputs}
}

// Ask implements court.Party over the wire.
func (v *volunteer) Ask(ctx context.Context, id [32]byte, question []byte) ([]byte, error) {
	m := protocol.Challenge{Token: token, Case: id, Question: question}
	if v.told != id {
		m.Payload, v.told = v.payload, id
	}
	if err := v.conn.Send(ctx, m); err != nil {
		return nil, court.ErrGone
	}
	for {
		m, err := v.conn.Receive(ctx)
		if err != nil {
			return nil, court.ErrGone
		}
		if r, ok := m.(protocol.Response); ok {
			switch {
			case r.Case != id || !bytes.Equal(r.Token, token):
				return nil, errors.New("a response to something else")
			case r.Refusal != "":
				return nil, errors.New(r.Refusal)
			}
			return r.Answer, nil
		}
	}
}
