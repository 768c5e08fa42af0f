package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/site"
)

// benchMemory is `shoal bench memory` with its flags.
type benchMemory struct {
	asJSON     bool
	volunteers int
	steps      int
	browser    string
}

// memoryResult is the command's --json line. A megabyte is 10^6 bytes.
type memoryResult struct {
	Volunteers     int      `json:"volunteers"`
	HubMB          float64  `json:"hub_mb"`    // resident, with the volunteers connected and idle
	WazeroMB       float64  `json:"wazero_mb"` // resident at most
	TabMB          *float64 `json:"tab_mb"`    // proportional set at most; null: no browser
	FirstLoadBytes int64    `json:"first_load_bytes"`
}

// What the figures may be, in megabytes.
const (
	limitHub       = 150
	limitVolunteer = 300
	limitFirstLoad = 1.5
)

// phaseTime is how long one figure may take on a slow and busy machine.
const phaseTime = 8 * time.Minute

func newBenchMemory(s streams) *cobra.Command {
	var b benchMemory
	c := &cobra.Command{
		Use:   "memory",
		Short: "Measure the memory of hub and volunteers, and the page's size",
		Long: "Measure, each in a process of its own: a hub with many idle volunteers connected\n" +
			"(resident memory once it has settled), the WebAssembly volunteer under wazero while\n" +
			"it trains kjv-nano (the most that was ever resident), and the renderer process of a\n" +
			"browser tab that does the same (the most of its proportional set: what it has for\n" +
			"itself and its share of what it shares with the browser's other processes). And the\n" +
			"bytes of all files that the page's first visit loads, compressed as they are sent.\n" +
			"It reads /proc, so it needs Linux. Everything it starts has ended when it returns.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case b.browser != "auto" && b.browser != "on" && b.browser != "off":
				return usagef(c, "--browser: want auto, on or off, got %q", b.browser)
			case b.volunteers < 1 || b.volunteers > 10000:
				return usagef(c, "--volunteers: must be between 1 and 10000, got %d", b.volunteers)
			case b.steps < 1 || b.steps > 600:
				return usagef(c, "--steps: must be between 1 and 600, got %d", b.steps)
			case runtime.GOOS != "linux":
				return fmt.Errorf("bench memory reads /proc, which needs Linux; this is %s", runtime.GOOS)
			}
			return b.run(c.Context(), s)
		},
	}
	c.Flags().BoolVar(&b.asJSON, "json", false, "print one JSON object on the last line")
	c.Flags().IntVar(&b.volunteers, "volunteers", 1000, "idle volunteers of the hub")
	c.Flags().IntVar(&b.steps, "steps", 40, "steps of kjv-nano that a volunteer trains; memory grows for about 30")
	c.Flags().StringVar(&b.browser, "browser", "auto", "measure a real browser tab: auto (if there is one), on or off")
	return c
}

func (b *benchMemory) run(ctx context.Context, s streams) error {
	if !site.Built() {
		return errors.New("this program was built without the WebAssembly worker: run make build")
	}
	browser := b.browser != "off"
	if browser {
		if _, err := findBrowser(); err != nil && b.browser == "on" {
			return fmt.Errorf("--browser on: %w", err)
		} else if err != nil {
			fmt.Fprintf(s.err, "browser      none: %v\n", err)
			browser = false
		}
	}
	res := memoryResult{Volunteers: b.volunteers}
	if err := b.phase(ctx, s, "hub", func(ctx context.Context, h *hubProcess) error {
		files, size, err := firstLoad(ctx, h.url)
		if err != nil {
			return err
		}
		res.FirstLoadBytes = size
		fmt.Fprintf(s.out, "first load   %7.3f MB in %d files, limit %.1f\n", float64(size)/megabyte, len(files), limitFirstLoad)
		m, err := idleHub(ctx, s, h, b.volunteers)
		if err != nil {
			return err
		}
		res.HubMB = m.resident
		fmt.Fprintf(s.out, "hub          %7.1f MB resident with %d idle volunteers, %.1f at most, limit %d\n", m.resident, b.volunteers, m.peak, limitHub)
		return nil
	}); err != nil {
		return err
	}
	if err := b.phase(ctx, s, "wazero", func(ctx context.Context, h *hubProcess) error {
		m, err := wazeroMemory(ctx, s, h, b.steps)
		if err != nil {
			return err
		}
		res.WazeroMB = m.peak
		fmt.Fprintf(s.out, "wazero       %7.1f MB resident at most in %d steps of kjv-nano, %.1f at the end, limit %d\n", m.peak, b.steps, m.resident, limitVolunteer)
		return nil
	}); err != nil {
		return err
	}
	if browser {
		if err := b.phase(ctx, s, "browser", func(ctx context.Context, h *hubProcess) error {
			m, err := tabMemory(ctx, s, h, b.steps)
			if err != nil {
				return err
			}
			res.TabMB = &m.proportional
			fmt.Fprintf(s.out, "tab          %7.1f MB in %d steps of kjv-nano, limit %d (private %.1f, resident with all that is shared %.1f)\n",
				m.proportional, b.steps, limitVolunteer, m.private, m.peak)
			return nil
		}); err != nil {
			return err
		}
	}
	if b.asJSON {
		return writeJSON(s.out, res)
	}
	return nil
}

// phase measures one thing against a hub of its own.
func (b *benchMemory) phase(ctx context.Context, s streams, name string, measure func(context.Context, *hubProcess) error) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, phaseTime, fmt.Errorf("not done within %v", phaseTime))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer func() {
		if err != nil {
			err = fmt.Errorf("bench memory: %s: %w", name, err)
		}
	}()
	h, err := startHub(ctx, s, stop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.end()) }()
	if err := measure(ctx, h); err != nil {
		// What ended the phase explains it better than a cancelled wait.
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return err
	}
	return nil
}
