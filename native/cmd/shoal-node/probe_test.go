package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/native/dial"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

// Lanes with drivers that fail in every way there is; they exist in this test
// and in the processes that it starts.
func init() {
	bad = []lane{
		{name: "crashing", driver: true, open: func(context.Context, settings) (device.Device, error) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				var driver *int
				*driver = 1 // on a goroutine of the driver's: nobody recovers it
			}()
			<-done
			return nil, errors.New("it did not crash")
		}},
		{name: "exiting", driver: true, open: func(context.Context, settings) (device.Device, error) {
			os.Exit(7)
			return nil, nil
		}},
		{name: "missing", driver: true, open: func(context.Context, settings) (device.Device, error) {
			return nil, device.ErrUnavailable
		}},
		{name: "good", driver: true, open: func(context.Context, settings) (device.Device, error) {
			return reference.New(), nil
		}},
	}
	if os.Getenv(envSelf) != "" {
		lanes = append(slices.Clone(lanes), bad...)
	}
}

var bad []lane

func TestDriverThatCrashesFailsItsLaneAlone(t *testing.T) {
	p := prober{data: t.TempDir()}
	want := map[string]string{"crashing": "nil pointer", "exiting": "exit status 7", "missing": "not available", "good": ""}
	for _, l := range bad {
		v := p.try(t.Context(), l)
		if v.Lane != l.name && !v.Fit || !strings.Contains(v.Error, want[l.name]) || v.Fit != (l.name == "good") || v.Absent != (l.name == "missing") {
			t.Errorf("%s: got %+v", l.name, v)
		}
	}
	// What the other process found out is kept for this one.
	v := p.try(t.Context(), bad[3])
	if !v.Kept {
		t.Errorf("got %+v", v)
	}
	p.again = true
	if v := p.try(t.Context(), bad[3]); v.Kept || !v.Fit {
		t.Errorf("tested again: %+v", v)
	}
}

func TestConsentCoversEveryLane(t *testing.T) {
	agreed := record{Device: "cpu, cuda"}
	for device, want := range map[string]bool{"cpu": true, "cuda, cpu": true, "vulkan": false, "cuda, vulkan": false} {
		if got := agreed.covers(record{Device: device}, agreed.Expires.Add(-1)); got != want {
			t.Errorf("%s: got %v", device, got)
		}
	}
}

// breaking is a device that passes every test and is lost at the first shard.
type breaking struct {
	device.Device
	shard program.ID
}

func (b breaking) Load(p *program.Program) (device.Executable, error) {
	if p.ID() == b.shard {
		return nil, fmt.Errorf("driver reset: %w", device.ErrLost)
	}
	return b.Device.Load(p)
}

func TestSpareLaneGoesOn(t *testing.T) {
	h, url := newTestHub(t)
	opened := 0
	lanes = append([]lane{{name: "breaking", open: func(context.Context, settings) (device.Device, error) {
		opened++
		return breaking{reference.New(), h.program.ID()}, nil
	}}}, lanes...)
	defer func() { lanes = lanes[1:] }()
	hub, err := dial.New(url, dial.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	key, err := loadIdentity(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	v := &volunteer{
		config: worker.Config{
			Dial: hub.Dial, Blobs: hub, Key: key, Consent: protocol.Consent{Origin: "test", Runs: "sums", Expires: time.Now().Add(time.Hour)},
			Events: func(e worker.Event) {
				if e.Lane != "" {
					events = append(events, string(e.Kind)+" "+e.Lane)
				}
			},
		},
		share: 100, log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	ended := make(chan error, 1)
	go func() {
		ended <- v.run(t.Context(), []choose.Verdict{
			{Lane: "breaking", Fit: true, Chosen: true, GOPS: 9},
			{Lane: "cpu", Fit: true, GOPS: 1},
		})
	}()
	<-h.first
	v.Finish()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	<-h.goodbyes // the first worker's
	<-h.goodbyes
	if want := []string{ // lanes as their caps say
		"lost reference", "reopened reference", "lost reference", "dropped reference",
	}; !slices.Equal(events, want) {
		t.Errorf("got events %q, want %q", events, want)
	}
	if opened != 3 { // the first, the test of the second, the second
		t.Errorf("opened %d times", opened)
	}
	if s := v.Stats(); len(s.Devices) != 1 || s.Devices[0].Lane != "cpu" || s.Computed == 0 {
		t.Errorf("got %+v", s)
	}
	if got := v.failed(); len(got) != 1 || got[0].Lane != "reference" { // what its caps say
		t.Errorf("got %+v", got)
	}
}
