package incident

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/trust"
)

func header() Header {
	return Header{
		Format: Format, Version: Version, About: About{Source: "test", Volunteers: 1, Gaps: []string{"the night"}},
		Policy: Policy{Epsilon: 1e-4, Assurance: trust.Audited, Secret: NewSecret(1), Gain: 10},
		Hub: Hub{
			LeaseTime: time.Minute, BackupAfter: time.Second, MaxBackups: 3, MaxLeases: 16, InHand: 2,
			PlanEvery: 10 * time.Millisecond, LostAfter: time.Minute, Fold: time.Second, Learn: time.Minute,
			Auditors: 1, AuditSpeed: 1000,
		},
		Jobs: []Job{{Width: 2, Rounds: 4, Ops: 5}, {Ops: 5, Memory: 7}}, Until: time.Hour, Seed: 3, Whole: true,
	}
}

func answer(a Answer) *Answer { return &a }

// events has one of every kind, with every field that it may have.
func events() []Event {
	return []Event{
		{Kind: Round, Shard: 3, Width: 7, Ops: 6},
		{Kind: Meet, Volunteer: 1, Block: "net", Build: "1", Created: -time.Hour, Latency: time.Second,
			Devices: []Device{{Class: "a", Speed: 9, Memory: 3, Verified: 4, Evidence: 3.5}, {Class: "b", Speed: 1}}, Caught: true},
		{Kind: Join, Volunteer: 1},
		{At: 1, Kind: Lease, Volunteer: 1, Device: 1, Job: 1, Shard: 6, Backup: true},
		{At: 2, Kind: Run, Volunteer: 1, Device: 1, Compute: 5, Answer: answer(17)},
		{At: 2, Kind: Run, Volunteer: 1, Compute: 5, Answer: answer(Silent)},
		{At: 2, Kind: Run, Volunteer: 1, Compute: 5, Answer: answer(Aborted)},
		{At: 3, Kind: Result, Volunteer: 1, Device: 1, Job: 1, Shard: 6, Answer: answer(17)},
		{At: 3, Kind: Verdict, Job: 1, Shard: 6, Answer: answer(Right), Risk: 0.25},
		{At: 4, Kind: Capture, Volunteer: 1, Job: 1, Shard: 6},
		{At: 4, Kind: Repair, Shard: 2, Answer: answer(Right)},
		{At: 4, Kind: Rollback, Shard: 1},
		{At: 5, Kind: Leave, Volunteer: 1, Lost: true},
	}
}

func write(t *testing.T, h Header, list []Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		w.Write(&list[i])
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(text []byte) (Header, []Event, error) {
	r, err := NewReader(bytes.NewReader(text))
	if err != nil {
		return Header{}, nil, err
	}
	var list []Event
	for {
		e, err := r.Read()
		if errors.Is(err, io.EOF) {
			return r.Header, list, nil
		}
		if err != nil {
			return r.Header, list, err
		}
		list = append(list, e)
	}
}

func TestRoundTrip(t *testing.T) {
	h, list, err := read(write(t, header(), events()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h, header()) {
		t.Errorf("header %+v, want %+v", h, header())
	}
	want := events()
	for i := range want {
		if i >= len(list) || !reflect.DeepEqual(list[i], want[i]) {
			t.Fatalf("event %d of %+v, want %+v", i, list, want[i])
		}
		if !list[i].Same(&want[i]) {
			t.Errorf("event %d is not the same as itself", i)
		}
	}
}

// Everything that is not an incident is refused with the line and the field.
func TestStrict(t *testing.T) {
	good := string(write(t, header(), events()))
	if _, _, err := read([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"another version":      {`"version":2`, `"version":3`, "line 1: version: 3"},
		"another format":       {`"shoal-incident"`, `"diary"`, "line 1: format"},
		"an unknown field":     {`"seed":3`, `"seed":3,"sead":4`, "line 1: json: unknown field"},
		"a long text":          {`"the night"`, `"` + strings.Repeat("z", MaxText+1) + `"`, "about: a text"},
		"many gaps":            {`"the night"`, `"the night"` + strings.Repeat(`,""`, MaxGaps), "about.gaps: 17"},
		"no time":              {`"until":3600000000000`, `"until":0`, "until"},
		"no jobs":              {`"jobs":[{"width":2,"rounds":4,"shards":0,"ops":5,"memory":0},{"width":0,"rounds":0,"shards":0,"ops":5,"memory":7}]`, `"jobs":[]`, "jobs"},
		"a job without ops":    {`"ops":5,"memory":7`, `"ops":0,"memory":7`, "jobs[1].ops"},
		"a bad constant":       {`"in_hand":2`, `"in_hand":0`, "hub.in_hand"},
		"a bad policy":         {`"epsilon":0.0001`, `"epsilon":5`, "policy: trust.epsilon"},
		"a bad secret":         {`"secret":"`, `"secret":"0`, "secret: 65 characters"},
		"an unknown kind":      {`"e":"lease"`, `"e":"loan"`, `line 5: e: "loan"`},
		"a stranger":           {`"e":"lease","v":1`, `"e":"lease","v":2`, "line 5: v: 2 was never met"},
		"met twice":            {`{"t":0,"e":"join","v":1}`, `{"t":0,"e":"meet","v":1,"devices":[{"class":"a","speed":1}]}`, "line 4: v: 1 was met before"},
		"no such device":       {`"d":1,"j":1,"s":6,"backup"`, `"d":2,"j":1,"s":6,"backup"`, "line 5: d: 2"},
		"no such job":          {`"d":1,"j":1,"s":6,"backup"`, `"d":1,"j":2,"s":6,"backup"`, "line 5: j: 2"},
		"backwards":            {`{"t":1,`, `{"t":-1,`, "t: -1"},
		"a field too many":     {`{"t":0,"e":"join","v":1}`, `{"t":0,"e":"join","v":1,"lost":true}`, "line 4: e: a field that a join does not have"},
		"a wrong answer":       {`"wrong-17"`, `"wrong-017"`, "line 6: answer"},
		"an answer of a hub":   {`"s":2,"answer":"right"`, `"s":2,"answer":"silent"`, "answer: a repair has none"},
		"no answer":            {`"s":2,"answer":"right"`, `"s":2`, "answer"},
		"no speed":             {`"speed":9`, `"speed":0`, "devices[0].speed"},
		"more evidence":        {`"evidence":3.5`, `"evidence":4.5`, "devices[0].evidence"},
		"two objects":          {`{"t":0,"e":"join","v":1}`, `{"t":0,"e":"join","v":1} {}`, "more than one"},
		"an empty line":        {`{"t":0,"e":"join","v":1}`, ``, "line 4: no JSON object"},
		"a cut off last line":  {"\"lost\":true}\n", `"lost":true}`, "cut off"},
		"rounds of old":        {`"version":2`, `"version":1`, "line 2: e: version 1 has no round"},
		"no such round":        {`"s":3,"width"`, `"s":4,"width"`, "line 2: s: round 4, job 0 has 4"},
		"a round of a stream":  {`"s":3,"width"`, `"j":1,"s":3,"width"`, "line 2: j: job 1 has no rounds"},
		"an empty round":       {`"width":7`, `"width":0`, "line 2: width: 0"},
		"a round for nothing":  {`"width":7,"ops":6`, `"width":7`, "line 2: ops: 0"},
		"a round told twice":   {`{"t":0,"e":"join","v":1}`, `{"t":0,"e":"round","s":3,"width":7,"ops":6}`, "line 4: s: round 3 was told of before"},
		"a volunteer too many": {`"e":"rollback"`, `"e":"rollback","v":1`, "v: 1 has no meaning"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Errorf("%s: the text has no %s", name, c.old)
			continue
		}
		_, _, err := read([]byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, new(*Error)) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := NewReader(strings.NewReader("")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("no text: error %v", err)
	}
	long := good[:strings.Index(good, "\n")+1] + strings.Repeat(" ", maxLine+1)
	if _, _, err := read([]byte(long)); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("a long line: error %v", err)
	}
}

// What was written before rounds could be unlike is read.
func TestVersion1(t *testing.T) {
	text := strings.Replace(string(write(t, header(), events()[1:])), `"version":2`, `"version":1`, 1)
	if h, list, err := read([]byte(text)); err != nil || h.Version != 1 || len(list) != len(events())-1 {
		t.Errorf("version %d, %d events, error %v", h.Version, len(list), err)
	}
}

// A writer writes nothing that a reader would refuse.
func TestWriterRefuses(t *testing.T) {
	h := header()
	h.Until = 0
	if _, err := NewWriter(io.Discard, h); err == nil {
		t.Error("a header without time was written")
	}
	w, err := NewWriter(io.Discard, header())
	if err != nil {
		t.Fatal(err)
	}
	w.Write(&Event{Kind: Join})
	w.Write(&Event{Kind: Join, Volunteer: 1})
	if err := w.Flush(); err == nil || !strings.Contains(err.Error(), "v: 0") {
		t.Errorf("error %v, want that of the first event", err)
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w, err := NewWriter(&b, header())
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range events() {
		w.Write(&e)
	}
	if err := w.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(bytes.Replace(b.Bytes(), []byte(`"version":2`), []byte(`"version":1`), 1))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, list, err := read(text)
		if err != nil {
			return
		}
		h.Version = Version // writers write no other
		again, twice, err := read(write(t, h, list))
		if err != nil || !reflect.DeepEqual(again, h) || !reflect.DeepEqual(twice, list) {
			t.Fatalf("what was read is not what is written: %v\n%+v\n%+v", err, list, twice)
		}
	})
}
