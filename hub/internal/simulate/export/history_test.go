package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/internal/scheduler"
	"github.com/shoal-compute/shoal/hub/internal/simulate/incident"
	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/job"
)

var began = time.UnixMilli(1_790_000_000_000)

func at(s float64) time.Time { return began.Add(time.Duration(s * float64(time.Second))) }

func output(text string) job.Hash { return job.Sum([]byte(text)) }

// events reads an incident back.
func events(t testing.TB, text []byte) (incident.Header, []incident.Event) {
	t.Helper()
	r, err := incident.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var list []incident.Event
	for {
		e, err := r.Read()
		if errors.Is(err, io.EOF) {
			return r.Header, list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
}

func written(t testing.TB, h *History) (incident.Header, []incident.Event, Summary) {
	t.Helper()
	var text bytes.Buffer
	s, err := h.Write(&text)
	if err != nil {
		t.Fatal(err)
	}
	head, list := events(t, text.Bytes())
	return head, list, s
}

// example is two rounds: in the first a lie was believed and taken back, and
// one of two volunteers went away for long before the second.
func example() *History {
	result := func(v byte, out string, seconds float64, millis uint64) Result {
		class := map[byte]string{1: "webgpu of Ada's living room", 2: "webgpu of Ada's office"}[v]
		return Result{Volunteer: Volunteer{v}, Lane: "webgpu", Class: class, Output: output(out), Risk: 0.1, Millis: millis, At: at(seconds)}
	}
	leased := func(r Result, seconds float64) Result {
		r.Lease.Deadline = at(seconds).Add(scheduler.Default().LeaseTime)
		return r
	}
	return &History{
		Job: "k3v9", Trust: job.Trust{Epsilon: "0.0001"}, Created: at(-60), Ended: at(7200),
		Devices: []Device{
			{Volunteer: Volunteer{1}, Class: "webgpu of Ada's living room", Verified: 40, Evidence: 30},
			{Volunteer: Volunteer{9}, Class: "cpu", Verified: 7, Evidence: 9, Caught: true},
		},
		Shards: []Shard{
			{Round: 0, Subject: output("a"), Ops: 4_000_000, Accepted: at(4), Output: output("lie"), Risk: 1e-5,
				Results: []Result{leased(result(2, "lie", 4, 3000), 0)}},
			{Round: 1, Subject: output("a, lied about"), Ops: 1_000_000, Accepted: at(6), Output: output("on top"),
				Results: []Result{result(1, "on top", 6, 1000)}},
			{Generation: 1, Round: 0, Subject: output("a"), Ops: 4_000_000, Accepted: at(20), Output: output("truth"), Audited: true,
				Results: []Result{leased(result(1, "truth", 12, 1000), 10), result(2, "lie", 13, 1000)}},
			{Generation: 1, Round: 1, Index: 0, Subject: output("b"), Ops: 1_000_000, Accepted: at(7200), Output: output("b"),
				Results: []Result{result(1, "b", 7200, 2000)}},
			{Generation: 1, Round: 1, Index: 1, Subject: output("c"), Ops: 1_000_000, Accepted: at(7200), Output: output("c"),
				Results: []Result{result(1, "c", 7199, 0)}},
		},
		Faults: []Fault{
			{Volunteer: Volunteer{2}, Lane: "webgpu", Round: 0, Index: 0, At: at(20)},
			{Volunteer: Volunteer{3}, Lane: "cpu", Round: 1, Index: 1, At: at(21)},
		},
	}
}

func TestWrite(t *testing.T) {
	head, list, s := written(t, example())
	want := Summary{
		Job: "k3v9", Seconds: 7200, Volunteers: 3, Rounds: 2, Shards: 3, Results: 6, Withdrawn: 2, Wrong: 3, Caught: []int{1, 3},
		Gaps: []string{
			notedNowhere,
			"of those whom the hub knew, 1 had no part in the job: they only tell what it believed",
			"what was computed from inputs that were withdrawn counts as right: nobody has computed it again",
		},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("summary %+v\nwant %+v", s, want)
	}
	if p := head.Policy; p.Epsilon != 1e-4 || p.Assurance != trust.Audited || head.Whole || head.Until != 2*time.Hour {
		t.Errorf("header %+v", head)
	}
	count := map[incident.Kind]int{}
	widths, answers := map[int64]int{0: head.Jobs[0].Width, 1: head.Jobs[0].Width}, ""
	for _, e := range list {
		count[e.Kind]++
		switch {
		case e.Kind == incident.Round:
			widths[e.Shard] = e.Width
		case e.Kind == incident.Run && e.Volunteer == 1:
			text, _ := e.Answer.MarshalText()
			answers += string(text) + " "
		case e.Kind == incident.Meet && e.Volunteer == 2:
			if d := e.Devices[0]; d.Verified != 40 || d.Evidence != 30 || d.Class != "webgpu 2" || e.Latency != 500*time.Millisecond {
				t.Errorf("volunteer 2: %+v", e)
			}
		case e.Kind == incident.Meet && e.Volunteer == 4:
			if d := e.Devices[0]; !d.Caught || d.Verified != 7 || d.Evidence != 7 || d.Class != "" || e.At != 0 {
				t.Errorf("volunteer 4, whom the hub had known: %+v", e)
			}
		}
	}
	if head.Jobs[0].Rounds != 2 || widths[0] != 1 || widths[1] != 2 {
		t.Errorf("rounds of %v shards, want 1 and 2; job %+v", widths, head.Jobs)
	}
	if answers != "wrong-1 wrong-1 " { // the same bytes twice
		t.Errorf("the liar answers %q", answers)
	}
	for kind, n := range map[incident.Kind]int{
		incident.Meet: 4, incident.Join: 4, incident.Leave: 1, incident.Run: 7, incident.Lease: 6, incident.Result: 6,
		incident.Verdict: 5, incident.Capture: 2, incident.Rollback: 1,
	} {
		if count[kind] != n {
			t.Errorf("%d events %s, want %d", count[kind], kind, n)
		}
	}
}

// What people call their devices, and when it was, is not told.
func TestWriteTellsNobody(t *testing.T) {
	var text bytes.Buffer
	if _, err := example().Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Ada", "1790000", output("lie").String()[:12]} {
		if strings.Contains(text.String(), word) {
			t.Errorf("the incident has %q", word)
		}
	}
}

// Who looks related on the hub does in the incident, and nothing else is told
// of why. Those who were let vouch for one another do not.
func TestKin(t *testing.T) {
	h := example()
	for i := range byte(3) {
		h.Identities = append(h.Identities, Identity{Volunteer{i + 1}, "", at(-90 - 10*float64(i)), "Ada's browser"})
	}
	for _, s := range h.Shards {
		for i := range s.Results {
			s.Results[i].Class = ""
		}
	}
	identities := func() map[int]trust.Identity {
		_, list, _ := written(t, h)
		people := map[int]trust.Identity{}
		for _, e := range list {
			if e.Kind == incident.Meet {
				people[e.Volunteer] = trust.Identity{Block: e.Block, Build: e.Build, Created: began.Add(e.Created)}
			}
		}
		return people
	}
	// Volunteers 1 and 2 have both returned the first shard.
	if p := identities(); trust.Related(p[1], p[2]) || trust.Related(p[1], p[3]) || trust.Related(p[2], p[3]) {
		t.Errorf("related: %+v", p)
	}
	h.Shards[2].Results = h.Shards[2].Results[:1]
	h.Shards[0].Results[0].Volunteer = Volunteer{3}
	if p := identities(); !trust.Related(p[1], p[2]) || strings.Contains(p[1].Build, "Ada") {
		t.Errorf("not related, or named: %+v", p)
	}
	for i := range h.Identities {
		h.Identities[i].First = at(-1000 * float64(i+1))
		h.Identities[i].Block = "203.0.113.0/24"
	}
	h.Identities[2].Block = "198.51.100.0/24"
	if p := identities(); !trust.Related(p[2], p[3]) || trust.Related(p[1], p[3]) || strings.Contains(p[1].Block+p[2].Block, ".") {
		t.Errorf("neighbours not related, or named: %+v", p)
	}
}

// A volunteer cannot have computed for longer than the job was there.
func TestBoasts(t *testing.T) {
	h := example()
	h.Shards[0].Results[0].Millis = 1 << 63
	head, list, _ := written(t, h)
	for _, e := range list {
		if e.Kind == incident.Run && e.Compute > head.Until {
			t.Errorf("a run of %v in a job of %v", e.Compute, head.Until)
		}
	}
}

// A lease says when it was handed out, as package lease makes it.
func TestLease(t *testing.T) {
	s, err := lease.NewSigner(bytes.Repeat([]byte{1}, lease.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []bool{false, true} {
		token, err := s.Sign(lease.Lease{Job: "k3v9", Shard: 5, Lane: "wasm", Deadline: began, Sealed: sealed})
		if err != nil {
			t.Fatal(err)
		}
		if l := leaseOf(token); !l.Deadline.Equal(began) || l.Sealed != sealed {
			t.Errorf("lease %+v, want deadline %v, sealed %t", l, began, sealed)
		}
	}
	if l := leaseOf([]byte("no token")); l != (Lease{}) {
		t.Errorf("no token: %+v", l)
	}
}

func FuzzLease(f *testing.F) {
	s, err := lease.NewSigner(bytes.Repeat([]byte{1}, lease.MinKey))
	if err != nil {
		f.Fatal(err)
	}
	token, err := s.Sign(lease.Lease{Job: "k3v9", Shard: 5, Lane: "wasm", Deadline: began})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Fuzz(func(t *testing.T, token []byte) {
		if l := leaseOf(token); !l.Deadline.IsZero() && uint64(l.Deadline.UnixMilli()) != binary.BigEndian.Uint64(token[deadlineAt:]) {
			t.Errorf("deadline %v", l.Deadline)
		}
	})
}

// Whatever a hub has noted, what is written is an incident.
func FuzzWrite(f *testing.F) {
	f.Add([]byte("a few results of a few volunteers about a few shards, at some times or others"), int64(5000), "0.0001", "audited", 0)
	f.Add([]byte("and others, of a job that counts replicas"), int64(0), "", "", 2)
	f.Add([]byte("0123456789"), int64(-1), "1", "replicated", 3)
	f.Fuzz(func(t *testing.T, noted []byte, ended int64, epsilon, assurance string, replicas int) {
		h := historyOf(noted[:min(len(noted), 4096)])
		h.Ended = began.Add(time.Duration(ended) * time.Millisecond)
		h.Trust = job.Trust{Epsilon: job.Decimal(epsilon), Assurance: assurance, Replicas: replicas}
		_, impossible := trust.NewPolicy(h.Trust)
		var out bytes.Buffer
		switch _, err := h.Write(&out); {
		case err == nil:
			events(t, out.Bytes())
		case !errors.Is(err, ErrEmpty) && impossible == nil:
			t.Errorf("not written: %v", err)
		}
	})
}

// historyOf takes ten bytes for each thing that was noted.
func historyOf(noted []byte) *History {
	h := &History{Job: "fuzzed", Created: at(-60), Devices: []Device{}}
	lanes := []string{"cpu", "wasm", "webgpu", "cuda"}
	for ; len(noted) >= 10; noted = noted[10:] {
		b := noted[:10]
		who, lane := Volunteer{b[0] % 8}, lanes[b[1]%4]
		generation, round, index := int(b[2]%3), int(b[3]%16), int(b[4]%16)
		when := at(float64(int8(b[5])) + 600*float64(b[6]))
		switch b[7] % 8 {
		case 0:
			h.Faults = append(h.Faults, Fault{who, lane, round, index, when})
		case 1:
			h.Devices = append(h.Devices, Device{who, lane, int64(b[8]), float64(b[9]), b[9] > 200})
		case 2:
			h.Identities = append(h.Identities, Identity{who, string(b[9:]), when, lane})
		case 3:
			h.Shards = append(h.Shards, Shard{
				Generation: generation, Round: round, Index: index, Subject: job.Hash{b[8] % 4}, Ops: int64(b[9]) * 1000,
				Accepted: when, Output: job.Hash{b[9] % 4}, Risk: float64(b[8]), Audited: b[9] > 128,
			})
		default:
			r := Result{
				Volunteer: who, Lane: lane, Class: lane, Output: job.Hash{b[8] % 4}, Refuted: b[9] > 200, Risk: float64(b[9]) / 255,
				Millis: 1 << (b[9] % 64), At: when, Lease: Lease{Deadline: when.Add(time.Duration(int8(b[8])) * time.Second), Sealed: b[1] > 128},
			}
			if n := len(h.Shards); n > 0 && b[7]%2 == 0 {
				h.Shards[n-1].Results = append(h.Shards[n-1].Results, r)
			} else {
				h.Shards = append(h.Shards, Shard{Generation: generation, Round: round, Index: index, Subject: job.Hash{b[8]}, Results: []Result{r}})
			}
		}
	}
	slices.SortStableFunc(h.Shards, func(a, b Shard) int { return a.Generation - b.Generation })
	return h
}
