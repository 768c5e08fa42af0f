package detail

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/simulate"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
)

func opener(text []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
}

// The same people, the same hub, the same decisions, to the nanosecond.
func TestReplay(t *testing.T) {
	for _, strategy := range []string{simulate.Rates, simulate.Sleeper, simulate.HitAndRun, simulate.Ring} {
		c := small()
		c.Strategy, c.Stream, c.Silent, c.Straggle, c.Cheaters = strategy, true, 0.01, 0.05, 0.2
		c.Volunteers, c.Time = 60, 30*time.Minute
		var file bytes.Buffer
		recorded, err := Record(t.Context(), c, &file)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Replay(t.Context(), opener(file.Bytes()), nil)
		if err != nil {
			t.Fatal(err)
		}
		r := again.Replay
		if r == nil || !r.Compared || r.DivergedAt != -1 || r.Same != r.Recorded || r.Same < 5000 {
			t.Fatalf("%s: replay %+v", strategy, r)
		}
		again.Replay = nil
		again.Events = recorded.Events // comings are counted once more, departures that no longer matter are not
		if !reflect.DeepEqual(recorded, again) {
			t.Errorf("%s: the reports differ:\n%+v\n%+v", strategy, recorded, again)
		}
	}
}

// A hub that decides otherwise than the record says is found out.
func TestReplayDiverges(t *testing.T) {
	var file bytes.Buffer
	if _, err := Record(t.Context(), small(), &file); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(file.String(), "\n")
	for i, line := range lines {
		if strings.Contains(line, `"e":"verdict"`) {
			lines[i] = strings.Replace(line, `"answer":"right"`, `"answer":"wrong-3"`, 1)
			break
		}
	}
	r, err := Replay(t.Context(), opener([]byte(strings.Join(lines, ""))), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Replay.DivergedAt < 0 || r.Replay.Same >= r.Replay.Recorded {
		t.Errorf("another verdict was taken for the same: %+v", r.Replay)
	}
}

// What if the job had asked for three replicas? The same people would have got
// nothing wrong through.
func TestWhatIf(t *testing.T) {
	c := small()
	c.Strategy, c.Cheaters, c.Stream = simulate.Sleeper, 0.1, true
	var file bytes.Buffer
	was, err := Record(t.Context(), c, &file)
	if err != nil {
		t.Fatal(err)
	}
	if was.WrongAccepted == 0 {
		t.Fatal("nobody lied with success: the question means nothing")
	}
	r, err := Replay(t.Context(), opener(file.Bytes()), func(p *incident.Policy) {
		p.Assurance, p.Replicas = trust.Replicated, 3
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.WrongAccepted != 0 || r.Replay.Compared || r.Assurance != string(trust.Replicated) || r.Overhead < 1.5 {
		t.Errorf("with three replicas: %d wrong, overhead %g, %+v", r.WrongAccepted, r.Overhead, r.Replay)
	}
	_, err = Replay(t.Context(), opener(file.Bytes()), func(p *incident.Policy) { p.Epsilon = 7 })
	if err == nil || !strings.Contains(err.Error(), "epsilon") {
		t.Errorf("an impossible policy: error %v", err)
	}
}

func TestRecordAround(t *testing.T) {
	c := small()
	c.Strategy, c.Cheaters, c.Stream = simulate.Sleeper, 0.1, true
	var file bytes.Buffer
	whole, err := RecordAround(t.Context(), c, 5*time.Minute, &file)
	if err != nil {
		t.Fatal(err)
	}
	captures, known := 0, 0
	in, err := incident.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if in.Header.Whole || in.Header.Until > 10*time.Minute {
		t.Errorf("header %+v: want a part of at most ten minutes", in.Header)
	}
	for {
		e, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case incident.Capture:
			captures++
		case incident.Meet:
			if e.At == 0 && e.Devices[0].Evidence > 0 {
				known++
			}
		}
	}
	if captures == 0 || known < c.Volunteers/2 {
		t.Errorf("%d captures, %d volunteers that are known: want one, and most of %d", captures, known, c.Volunteers)
	}
	r, err := Replay(t.Context(), opener(file.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Replay.Compared || r.Accepted == 0 || r.Accepted >= whole.Accepted {
		t.Errorf("%d accepted of %d, %+v", r.Accepted, whole.Accepted, r.Replay)
	}
	c.Cheaters = 0
	if _, err := RecordAround(t.Context(), c, time.Minute, io.Discard); !errors.Is(err, ErrNoCapture) {
		t.Errorf("nobody to catch: error %v", err)
	}
}

// Whatever is decoded can be played without a panic.
func FuzzReplay(f *testing.F) {
	c := small()
	c.Volunteers, c.Width, c.Time = 20, 3, 2*time.Minute
	var file bytes.Buffer
	if _, err := Record(f.Context(), c, &file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := incident.NewReader(bytes.NewReader(text))
		if err != nil || in.Header.Until > 10*time.Minute || len(text) > 1<<20 {
			return
		}
		for _, j := range in.Header.Jobs { // no more than there is time for
			if j.Width > 100 || j.Ops < 1000 {
				return
			}
		}
		_, _ = Replay(t.Context(), opener(text), nil)
	})
}
