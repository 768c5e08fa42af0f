package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
)

// speedTime is how long a measurement lasts at least. The first run, which
// compiles and warms up, does not count, unless it took slowTime: whoever is
// that slow is not worth a second look.
const (
	speedTime = 100 * time.Millisecond
	slowTime  = 4 * time.Second
)

// Speed measures dev on the gradient of a small language model and returns
// integer operations per second. The answer is checked, too. Small as it is,
// it shows what a shard costs on top of the arithmetic, which a large matrix
// product would hide.
func Speed(ctx context.Context, dev device.Device) (float64, error) {
	var speed float64
	err := Guard(ctx, func(say func(string)) (err error) {
		say(load)
		speed, err = measure(ctx, dev)
		return err
	})
	return speed, err
}

func measure(ctx context.Context, dev device.Device) (float64, error) {
	q, err := find(load)
	if err != nil {
		return 0, err
	}
	exe, err := dev.Load(q.program)
	if err != nil {
		return 0, fmt.Errorf("selftest: speed: %w", err)
	}
	defer exe.Close()
	var in []device.Buffer
	defer func() {
		for _, b := range in {
			b.Release()
		}
	}()
	for _, data := range inputs(q.program, q.seed) {
		b, err := dev.Upload(data)
		if err != nil {
			return 0, fmt.Errorf("selftest: speed: %w", err)
		}
		in = append(in, b)
	}
	run := func() (time.Duration, error) {
		start := time.Now()
		sum, err := runOnce(ctx, exe, in)
		took := time.Since(start)
		if err == nil && !bytes.Equal(sum, q.answer) {
			err = errors.New("a wrong answer")
		}
		return took, err
	}
	first, err := run()
	if err != nil {
		return 0, fmt.Errorf("selftest: speed: %w", err)
	}
	best, spent := time.Duration(0), time.Duration(0)
	if first > slowTime {
		best, spent = first, first
	}
	for spent < speedTime {
		took, err := run()
		if err != nil {
			return 0, fmt.Errorf("selftest: speed: %w", err)
		}
		if spent += took; best == 0 || took < best {
			best = took
		}
	}
	return float64(q.program.Cost().Ops) / max(best, time.Microsecond).Seconds(), nil
}

// runOnce runs exe and reads what comes out, as for a shard.
func runOnce(ctx context.Context, exe device.Executable, in []device.Buffer) ([]byte, error) {
	out, err := exe.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	data := make([][]byte, len(out))
	for i, b := range out {
		data[i] = make([]byte, b.Size())
		err = errors.Join(err, b.Read(data[i]))
		b.Release()
	}
	sum := digest(data)
	return sum[:], err
}

func find(name string) (*question, error) {
	for q, err := range all() {
		if err != nil {
			return nil, err
		}
		if q.name == name {
			return q, nil
		}
	}
	return nil, errDamaged
}
