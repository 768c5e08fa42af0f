package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/native/dial"
)

// idleHub connects n volunteers that want work, of which there is none, and
// returns the hub's memory once it has settled.
func idleHub(ctx context.Context, s streams, h *hubProcess, n int) (_ memory, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	hub, err := dial.New(h.url, dial.Options{Agent: "shoal-bench"})
	if err != nil {
		stop(nil)
		return memory{}, err
	}
	var crowd sync.WaitGroup
	defer func() {
		stop(nil)
		crowd.Wait()
		hub.Close()
	}()
	ready := make(chan struct{}, n)
	entering := make(chan struct{}, 32) // a token each while they shake hands
	for range n {
		crowd.Go(func() {
			if err := idle(ctx, hub, entering, ready); ctx.Err() == nil {
				stop(fmt.Errorf("idle volunteer: %w", err))
			}
		})
	}
	for range n {
		select {
		case <-ready:
		case <-ctx.Done():
			return memory{}, context.Cause(ctx)
		}
	}
	cl, err := client.New(h.url, h.key, nil)
	if err != nil {
		return memory{}, err
	}
	if err := awaitVolunteers(ctx, s.err, cl, n); err != nil {
		return memory{}, errors.Join(err, context.Cause(ctx))
	}
	return settled(ctx, h.process)
}

// idle is a volunteer that agrees, wants a lease, and waits for it. It says
// ready once the hub has accepted its consent.
func idle(ctx context.Context, hub *dial.Hub, entering chan struct{}, ready chan<- struct{}) error {
	select {
	case entering <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := enter(ctx, hub)
	<-entering
	if err != nil {
		return err
	}
	defer conn.Close()
	ready <- struct{}{}
	for {
		m, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case protocol.StatusUpdate:
		case protocol.Error:
			return fmt.Errorf("the hub refuses: %s", m.Message)
		default:
			return fmt.Errorf("the hub sends a %T to an idle volunteer", m)
		}
	}
}

// enter opens a conversation up to its first want.
func enter(ctx context.Context, hub *dial.Hub) (_ protocol.Conn, err error) {
	key, _, err := newKey()
	if err != nil {
		return nil, err
	}
	conn, err := hub.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	hello := protocol.Hello{
		MinVersion: 1, MaxVersion: protocol.Version, Agent: "shoal-bench idle",
		Devices: []protocol.Device{{Lane: "cpu", Threads: 1}},
	}
	copy(hello.Volunteer[:], key[32:]) // the public half
	if err := conn.Send(ctx, hello); err != nil {
		return nil, err
	}
	for {
		m, err := conn.Receive(ctx)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) {
		case protocol.Welcome:
			err = conn.Send(ctx, protocol.SignConsent(key, m.Nonce, consentFor("shoal bench")))
		case protocol.Consented:
			return conn, conn.Send(ctx, protocol.Want{Device: 0, Count: 2})
		case protocol.Error:
			err = fmt.Errorf("the hub refuses: %s", m.Message)
		}
		if err != nil {
			return nil, err
		}
	}
}

const (
	settleEvery  = 250 * time.Millisecond
	settleWindow = 12 // readings
	settleTime   = 30 * time.Second
)

// settled returns a process's memory once the last readings differ by less
// than one in a hundred, or settleTime has passed: then the greatest of them.
func settled(ctx context.Context, p *process) (memory, error) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	late := time.NewTimer(settleTime)
	defer late.Stop()
	var window []memory
	for {
		m, err := p.memory()
		if err != nil {
			return memory{}, err
		}
		window = append(window, m)
		window = window[max(0, len(window)-settleWindow):]
		least, most := window[0], window[0]
		for _, w := range window {
			if w.resident < least.resident {
				least = w
			}
			if w.resident >= most.resident {
				most = w
			}
		}
		most.peak = m.peak
		if len(window) == settleWindow && most.resident-least.resident < most.resident/100 {
			return most, nil
		}
		select {
		case <-tick.C:
		case <-late.C:
			return most, nil
		case <-ctx.Done():
			return memory{}, context.Cause(ctx)
		}
	}
}
