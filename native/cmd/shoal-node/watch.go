package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shoal-compute/shoal/wasm/worker"
)

const (
	lineEvery = time.Second      // on a terminal: one line that changes
	logEvery  = 30 * time.Second // elsewhere: a line each time, if anything changed
)

// watch tells a person what the worker does: a progress line on a terminal,
// log lines elsewhere, and a log line for whatever should be noticed.
type watch struct {
	out      io.Writer
	log      *slog.Logger
	terminal bool

	mu   sync.Mutex // guards what follows, and out
	news progress
	line int // bytes of the progress line that is shown
}

// progress is what of the hub's status is shown.
type progress struct {
	Name  string   `json:"name"`
	Step  int      `json:"step"`
	Steps int      `json:"steps"`
	Loss  *float64 `json:"loss"`
}

func newWatch(out io.Writer, log *slog.Logger) *watch {
	w := &watch{out: out, log: log}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		w.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return w
}

// event logs what happened.
func (w *watch) event(e worker.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == worker.Progress {
		var news progress
		if json.Unmarshal(e.JSON, &news) == nil {
			w.news = news
		}
		return
	}
	level, attrs := describe(e)
	if w.log.Enabled(context.Background(), level) {
		w.wipe()
		w.log.LogAttrs(context.Background(), level, string(e.Kind), attrs...)
	}
}

func describe(e worker.Event) (slog.Level, []slog.Attr) {
	var attrs []slog.Attr
	if e.Hub != "" {
		attrs = append(attrs, slog.String("hub", e.Hub))
	}
	if e.Lane != "" {
		attrs = append(attrs, slog.String("lane", e.Lane))
	}
	if e.Job != "" {
		attrs = append(attrs, slog.String("job", e.Job), slog.Uint64("shard", e.Shard))
	}
	if e.Took > 0 {
		attrs = append(attrs, slog.Duration("took", e.Took.Round(time.Microsecond)))
	}
	if e.Status != 0 {
		attrs = append(attrs, slog.String("status", e.Status.String()), slog.Int64("credit", e.Credit))
	}
	if e.Code != 0 {
		attrs = append(attrs, slog.String("code", e.Code.String()))
	}
	if e.Wait > 0 {
		attrs = append(attrs, slog.Duration("wait", e.Wait.Round(time.Millisecond)))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	switch e.Kind {
	case worker.Disconnected, worker.Refused, worker.Returned, worker.Lost, worker.Dropped:
		return slog.LevelWarn, attrs
	case worker.Leased, worker.Computing, worker.Computed, worker.Sealed, worker.Delivered, worker.Judged, worker.Revoked:
		return slog.LevelDebug, attrs
	case worker.Connecting:
		if e.Wait > 0 {
			return slog.LevelWarn, attrs
		}
	}
	return slog.LevelInfo, attrs
}

// show keeps progress visible until ctx ends.
func (w *watch) show(ctx context.Context, from *volunteer) {
	every := logEvery
	if w.terminal {
		every = lineEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last worker.Stats
	for {
		select {
		case <-tick.C:
			s := from.Stats()
			w.mu.Lock()
			if w.terminal {
				w.wipe()
				w.line, _ = fmt.Fprint(w.out, w.summary(s))
			} else if s.Computed != last.Computed || s.Credit != last.Credit {
				fmt.Fprintln(w.out, w.summary(s))
			}
			w.mu.Unlock()
			last = s
		case <-ctx.Done():
			w.mu.Lock()
			w.wipe()
			w.mu.Unlock()
			return
		}
	}
}

// wipe takes the progress line off the terminal.
func (w *watch) wipe() {
	if w.line > 0 {
		fmt.Fprintf(w.out, "\r%s\r", strings.Repeat(" ", w.line))
		w.line = 0
	}
}

func (w *watch) summary(s worker.Stats) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %d shards  credit %d", s.State, s.Computed, s.Credit)
	for _, d := range s.Devices {
		if d.Busy > 0 {
			fmt.Fprintf(&b, "  %s %.1f Gop/s", d.Lane, float64(d.Ops)/d.Busy.Seconds()/1e9)
		}
	}
	if w.news.Steps > 0 {
		fmt.Fprintf(&b, "  %s step %d/%d", w.news.Name, w.news.Step, w.news.Steps)
	}
	if w.news.Loss != nil {
		fmt.Fprintf(&b, " loss %.3f", *w.news.Loss)
	}
	return b.String()
}
