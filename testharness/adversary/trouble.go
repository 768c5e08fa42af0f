package adversary

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// Trouble is what happens to honest volunteers: laptops are closed, phones
// lose their network, machines fall asleep. The zero Trouble is none.
type Trouble struct {
	// HangUp cuts the connection after so many messages from the hub, and
	// again and again; 0: never.
	HangUp int
	// Nap stops the device before every Every-th shard for so long, or until
	// the shard is not wanted any more.
	Nap   time.Duration
	Every int
}

func (t Trouble) apply(_ context.Context, dev device.Device, dial Dial) (device.Device, worker.Dial) {
	if t.Nap > 0 {
		dev = &sleepy{Device: dev, trouble: t}
	}
	return dev, func(ctx context.Context) (protocol.Conn, error) {
		frames, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		conn := protocol.NewConn(frames)
		if t.HangUp > 0 {
			conn = &brief{Conn: conn, left: t.HangUp}
		}
		return conn, nil
	}
}

// brief is a connection that is cut after some messages.
type brief struct {
	protocol.Conn
	left int // owned by the receiving goroutine
}

func (b *brief) Receive(ctx context.Context) (protocol.Message, error) {
	if b.left == 0 {
		b.Close()
		return nil, protocol.ErrClosed
	}
	b.left--
	return b.Conn.Receive(ctx)
}

// sleepy is a device that naps.
type sleepy struct {
	device.Device
	trouble Trouble
	shards  atomic.Int64
}

func (s *sleepy) Load(p *program.Program) (device.Executable, error) {
	exe, err := s.Device.Load(p)
	return sleepyProgram{exe, s}, err
}

type sleepyProgram struct {
	device.Executable
	device *sleepy
}

func (e sleepyProgram) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	t := e.device.trouble
	if n := e.device.shards.Add(1); n%int64(max(t.Every, 1)) == 0 {
		alarm := time.NewTimer(t.Nap)
		defer alarm.Stop()
		select {
		case <-alarm.C:
		case <-ctx.Done():
		}
	}
	return e.Executable.Run(ctx, inputs)
}
