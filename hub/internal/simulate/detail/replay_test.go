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
	for _, strategy := range []string{simulate.Rates, simulate.Sleeper, simulate.HitAndRun, simulate.Ring, simulate.Faulty} {
		c := small()
		c.Strategy, c.Stream, c.Silent, c.Straggle, c.Cheaters = strategy, true, 0.01, 0.05, 0.2
		c.Volunteers, c.Time = 60, 30*time.Minute
		c.Naive = strategy == simulate.Faulty // then classes are closed on the way
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
	if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), "epsilon") {
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

// unlike is a record of rounds that are not alike, by two volunteers and a
// liar, as a real hub's are: the first round is one shard, the others two.
const unlike = `{"format":"shoal-incident","version":2,"about":{"source":"test","volunteers":3,"cheaters":0.3,"strategy":"as recorded"},` +
	`"policy":{"epsilon":1,"assurance":"replicated","replicas":2,"secret":"0000000000000000000000000000000000000000000000000000000000000000","gain":10},` +
	`"hub":{"lease_time":120000000000,"backup_after":2000000000,"max_backups":3,"max_leases":16,"in_hand":2,"plan_every":10000000,` +
	`"lost_after":8000000000,"fold":2000000,"learn":300000000000,"auditors":1,"audit_speed":1000000},` +
	`"jobs":[{"width":2,"rounds":3,"shards":0,"ops":2000000,"memory":0}],"until":1000000000,"seed":1,"whole":false}
{"t":0,"e":"round","width":1,"ops":5000000}
{"t":0,"e":"meet","v":1,"created":-120000000000,"latency":1000000,"devices":[{"class":"","speed":1000000}]}
{"t":0,"e":"join","v":1}
{"t":0,"e":"meet","v":2,"created":-240000000000,"latency":1000000,"devices":[{"class":"","speed":2000000}]}
{"t":0,"e":"join","v":2}
{"t":0,"e":"meet","v":3,"created":-360000000000,"latency":1000000,"devices":[{"class":"","speed":2000000}]}
{"t":0,"e":"join","v":3}
{"t":600000000,"e":"run","v":1,"compute":500000000,"answer":"wrong-1"}
{"t":600000000,"e":"run","v":2,"compute":500000000,"answer":"right"}
{"t":600000000,"e":"run","v":3,"compute":500000000,"answer":"right"}
{"t":700000000,"e":"result","v":1,"answer":"wrong-1"}
{"t":700000000,"e":"result","v":2,"answer":"right"}
{"t":700000000,"e":"verdict","answer":"wrong-1","risk":0.5}
{"t":800000000,"e":"capture","v":1}
{"t":800000000,"e":"rollback"}
{"t":900000000,"e":"verdict","answer":"right","risk":0.1}
`

// Rounds may be unlike, and jobs that have an end are played to it, even where
// the record ends before.
func TestReplayUnlikeRounds(t *testing.T) {
	r, err := Replay(t.Context(), opener([]byte(unlike)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Accepted != 5 || r.Rounds != 3 || r.Makespan <= 1 || r.Time < r.Makespan {
		t.Errorf("%d shards in %d rounds, %g s of %g s: want 5, 3, and more than the record's second", r.Accepted, r.Rounds, r.Makespan, r.Time)
	}
	then := Outcome{Accepted: 1, Results: 2, Wrong: 1, Rollbacks: 1, Caught: []int{1}, Seconds: 0.9}
	if !reflect.DeepEqual(r.Replay.Then, then) {
		t.Errorf("then %+v, want %+v", r.Replay.Then, then)
	}
	if now := r.Replay.Now; now.Accepted != 5 || now.Wrong != 0 || now.Seconds <= 1 {
		t.Errorf("now %+v", r.Replay.Now)
	}
}

// Where there are fewer people than replicas, auditors decide, and the job ends.
func TestReplayWithoutCompany(t *testing.T) {
	for _, assurance := range []trust.Assurance{trust.Audited, trust.Replicated, trust.Full} {
		r, err := Replay(t.Context(), opener([]byte(unlike)), func(p *incident.Policy) {
			p.Epsilon, p.Assurance, p.Replicas = 1e-6, assurance, 5
			if assurance != trust.Replicated {
				p.Replicas = 0
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Accepted != 5 || r.Audits == 0 || r.WrongAccepted != 0 {
			t.Errorf("%s: %d accepted, %d of them wrong, on %d audits; want 5 and none", assurance, r.Accepted, r.WrongAccepted, r.Audits)
		}
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
	f.Add([]byte(unlike))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := incident.NewReader(bytes.NewReader(text))
		if err != nil || in.Header.Until > 10*time.Minute || len(text) > 1<<20 {
			return
		}
		for _, j := range in.Header.Jobs { // no more than there is time for
			if j.Width > 100 || j.Ops < 1000 || j.Rounds > 100 || j.Shards > 1000 {
				return
			}
		}
		for err == nil {
			var e incident.Event
			if e, err = in.Read(); e.Kind == incident.Round && (e.Width > 100 || e.Ops < 1000) {
				return
			}
		}
		_, _ = Replay(t.Context(), opener(text), nil)
	})
}
