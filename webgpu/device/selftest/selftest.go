// Package selftest asks a device questions whose answers are known: every op
// of the op set on edge values, and one program of each kind, whole training
// steps included. A lane that answers one of them wrongly, or not at all, is
// not used: drivers have returned wrong numbers without any error.
//
// The questions and the digests of their answers are part of the package;
// the reference device gave them. It owns nothing else: which lanes are asked,
// and what becomes of those that fail, is the business of package choose.
package selftest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/webgpu/device"
)

//go:generate go test . -run TestAnswersAreCurrent -update

// ErrHung is wrapped by the error of a device that did not even let go when
// its context ended. A call into it still hangs: it must not be closed, only
// left behind.
var ErrHung = errors.New("selftest: the device hangs")

// maxWrong is when the test of a lane stops: what is known suffices.
const maxWrong = 8

// letGo is how long a device may take to notice that its context has ended.
const letGo = 2 * time.Second

// Check returns nil if dev answers everything right, and otherwise what is
// wrong with it, in one line for people. A panic is an answer like any other
// wrong one; so is no answer before ctx ends.
func Check(ctx context.Context, dev device.Device) error {
	return Guard(ctx, func(say func(string)) error { return check(ctx, dev, say) })
}

func check(ctx context.Context, dev device.Device, say func(string)) error {
	var wrong []string
	for c, err := range all() {
		if err != nil {
			return err
		}
		say(c.name)
		right, err := c.ask(ctx, dev)
		if err != nil {
			return fmt.Errorf("selftest: %s: %w", c.name, err)
		}
		if right {
			continue
		}
		if wrong = append(wrong, c.name); len(wrong) == maxWrong {
			break
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("selftest: wrong answers: %s", strings.Join(wrong, ", "))
	}
	return nil
}

// Guard runs f, which calls into a device or a driver, and waits for it, unless
// ctx ends and f does not: then the error wraps ErrHung. A panic of f is an
// error as well. f says what it is about to do, for the message if that is the
// last thing it does.
func Guard(ctx context.Context, f func(say func(string)) error) error {
	said := make(chan string)
	done := make(chan error, 1)
	go func() {
		defer func() {
			if e := recover(); e != nil {
				done <- fmt.Errorf("selftest: panic: %v", e)
			}
		}()
		done <- f(func(s string) {
			select {
			case said <- s:
			case <-ctx.Done():
			}
		})
	}()
	at := "start"
	for {
		select {
		case at = <-said:
		case err := <-done:
			return named(at, err)
		case <-ctx.Done():
			late := time.NewTimer(letGo)
			defer late.Stop()
			select {
			case err := <-done:
				return named(at, err)
			case <-late.C:
				// Nothing can end a driver's call that does not return; its
				// goroutine is left behind with the device.
				return fmt.Errorf("%w at %s: %w", ErrHung, at, context.Cause(ctx))
			}
		}
	}
}

// named adds where a panic happened.
func named(at string, err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "selftest: panic: ") {
		return fmt.Errorf("selftest: %s: %s", at, strings.TrimPrefix(err.Error(), "selftest: "))
	}
	return err
}

// ask runs the case once and tells whether the answer is right.
func (c *question) ask(ctx context.Context, dev device.Device) (bool, error) {
	outputs, err := device.Run(ctx, dev, c.program, inputs(c.program, c.seed))
	if err != nil {
		return false, err
	}
	sum := digest(outputs)
	return bytes.Equal(sum[:], c.answer), nil
}

// digest is that of all outputs, one after the other: their sizes are the
// program's.
func digest(outputs [][]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, data := range outputs {
		h.Write(data)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
