package cluster

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/examples"
	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/wasm/worker"
	"github.com/shoal-compute/shoal/webgpu/cpu"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
	"github.com/shoal-compute/shoal/webgpu/reference"
	"github.com/shoal-compute/shoal/webgpu/trace/dispute"
)

const disputed = `
kind: train
name: disputed
model: {arch: decoder, vocab: 128, dim: 16, layers: 1, heads: 2, context: 16}
data: {file: data/kjv.txt.zst}
train: {steps: 3, batch: 4, optimizer: adam, lr: 0.003, warmup: 1, schedule: cosine, seed: 1, method: sync}
trust: {replicas: 2}
`

// A volunteer whose device gets one op wrong, beside honest ones: results
// differ, the dispute over the wire names that op and that volunteer, the
// evidence is there for everybody and replays, and the weights are those of a
// run without volunteers.
func TestDispute(t *testing.T) {
	d := newDisputes(t, time.Hour)
	list := d.run(nil, nil)
	if len(list) == 0 {
		t.Fatal("there was no dispute")
	}
	for _, c := range list {
		if c.Op != d.liar.op {
			t.Errorf("the dispute names op %d (%s), %d is wrong", c.Op, c.OpName, d.liar.op)
		}
		for _, p := range c.Parties {
			if p.AtFault != (p.Volunteer == idOf("liar")) || p.Absent {
				t.Errorf("at fault: %+v", p)
			}
		}
		evidence := d.get(c.Evidence)
		_, v, err := dispute.Replay(t.Context(), evidence, reference.Interpret)
		if err != nil || v.Op != c.Op || v.Reruns != 1 {
			t.Errorf("the evidence replays as %+v, %v", v, err)
		}
		t.Logf("op %d (%s), %d rounds, %d bytes exchanged, %d bytes of evidence", v.Op, v.Name, v.Rounds, v.Bytes[0]+v.Bytes[1], len(evidence))
		if file := os.Getenv("SHOAL_EVIDENCE"); file != "" { // for `shoal dispute replay`
			if err := os.WriteFile(file, evidence, 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	d.marked("liar")
}

// Whoever does not play its dispute refutes nothing, of itself or of the other:
// the shard is run again, and the liar is found out all the same, were it the
// honest one that stayed away.
func TestDisputeThatIsNotPlayed(t *testing.T) {
	for name, act := range map[string]func(ctx context.Context, f protocol.Frames) error{
		"older than disputes": func(ctx context.Context, f protocol.Frames) error {
			frame, err := protocol.Encode(protocol.Error{Code: protocol.CodeUnknownType, Message: "type 20: unknown type"})
			if err != nil {
				return err
			}
			return f.SendFrame(ctx, frame)
		},
		"gone":   func(_ context.Context, f protocol.Frames) error { return f.Close() },
		"silent": func(context.Context, protocol.Frames) error { return nil },
	} {
		for _, who := range []string{"liar", "honest"} {
			t.Run(name+" "+who, func(t *testing.T) {
				t.Parallel()
				answerTime := time.Hour
				if name == "silent" { // nothing else ends its silence
					answerTime = 4 * time.Second
				}
				d := newDisputes(t, answerTime)
				acts := map[string]func(context.Context, protocol.Frames) error{who: act}
				absent := 0
				for _, c := range d.run(acts["liar"], acts["honest"]) {
					for _, p := range c.Parties {
						if p.Refuted != (p.Absent && p.Volunteer == idOf("liar")) {
							t.Errorf("the audit's word is not told: %+v", p)
						}
						switch {
						case !p.Absent:
						case (p.Volunteer == idOf("liar")) == (who == "liar"):
							absent++
						case name != "silent": // a busy machine may make anybody late
							t.Errorf("absent: %+v", p)
						}
					}
				}
				if absent == 0 {
					t.Error("nobody was absent")
				}
				d.marked("liar")
			})
		}
	}
}

func TestResponseNobodyAskedFor(t *testing.T) {
	x := Start(t, Config(t.TempDir()))
	p := join(t, x, "ann")
	p.send(protocol.Response{Token: []byte("token"), Answer: []byte("answer")})
	p.refused(protocol.CodeUnexpected, []byte("token"))
}

// disputes is a hub for a small training job, and what its volunteers compute
// with.
type disputes struct {
	*Cluster
	t    *testing.T
	lane device.Device
	liar *oneWrong
}

func readText(_ context.Context, name string) ([]byte, error) { return examples.Data(name) }

// newDisputes starts the hub. An answer is awaited as long as a lease lasts,
// within what the hub has patience for.
func newDisputes(t *testing.T, leaseTime time.Duration) *disputes {
	lane, err := cpu.New(cpu.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lane.Close() })
	c := Config(t.TempDir())
	c.Kinds, c.Files, c.Device, c.Execute = []job.Kind{train.Kind{}}, readText, lane, nil
	c.Parse, c.Inspect = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }, hub.Default().Inspect
	c.Related = func(hub.Identity, hub.Identity) bool { return false }
	c.LeaseTime = leaseTime
	c.BackupAfter = time.Hour // a lie is compared, however late it comes
	return &disputes{Start(t, c), t, lane, &oneWrong{Device: lane}}
}

// run has the job done by the liar, who is the first to be at work, and by two
// honest volunteers, checks its weights and returns its disputes. Whoever is
// challenged does as it is said here, unless that is nil.
func (d *disputes) run(liar, honest func(context.Context, protocol.Frames) error) []disputeJSON {
	d.t.Helper()
	leased := d.work("liar", d.liar, liar)
	id := d.Submit([]byte(disputed))
	waitFor(d.t, leased, "the liar gets a lease")
	d.work("ann", d.lane, honest)
	d.work("ben", d.lane, honest)
	if j := d.Wait(id); j.State != "done" {
		d.t.Fatalf("the job is %s: %s", j.State, j.Error)
	}
	spec, err := jobfile.Parse([]byte(disputed))
	if err != nil {
		d.t.Fatal(err)
	}
	want, err := local.Run(d.t.Context(), train.Kind{}, spec, local.Config{Device: d.lane, Data: readText})
	if err != nil {
		d.t.Fatal(err)
	}
	masters, err := want.Artifact(train.FileMasters)
	if err != nil {
		d.t.Fatal(err)
	}
	var weights bytes.Buffer
	if err := d.Client.Artifact(d.t.Context(), id, train.FileMasters, &weights); err != nil {
		d.t.Fatal(err)
	}
	if !bytes.Equal(weights.Bytes(), masters) {
		d.t.Error("the weights are not those of a run without volunteers")
	}
	var list struct{ Disputes []disputeJSON }
	if err := json.Unmarshal(d.get("/api/v1/jobs/"+id+"/disputes"), &list); err != nil {
		d.t.Fatal(err)
	}
	return list.Disputes
}

// disputeJSON is what these tests read of a dispute.
type disputeJSON struct {
	Op       int
	OpName   string `json:"op_name"`
	Evidence string
	Parties  []struct {
		Volunteer string
		AtFault   bool `json:"at_fault"`
		Absent    bool
		Refuted   bool
	}
}

// marked fails unless this volunteer has marks, and nobody else.
func (d *disputes) marked(name string) {
	d.t.Helper()
	list, err := d.Client.Volunteers(d.t.Context(), 10)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, v := range list {
		if (v.Marks > 0) != (v.ID == idOf(name)) {
			d.t.Errorf("volunteer %.8s has %d marks", v.ID, v.Marks)
		}
	}
}

func idOf(name string) string {
	id := NewVolunteer(name).ID()
	return hex.EncodeToString(id[:])
}

func (d *disputes) get(path string) []byte {
	d.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get("http://" + d.Hub.Addr().String() + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Fatalf("GET %s: %s: %v", path, resp.Status, err)
	}
	return data
}

// work has a real worker volunteer with a device until the cluster stops. Where
// it is challenged it does as challenged says, unless that is nil. The channel is
// closed when it has its first lease.
func (d *disputes) work(name string, dev device.Device, challenged func(context.Context, protocol.Frames) error) <-chan struct{} {
	d.t.Helper()
	leased := make(chan struct{})
	tell := sync.OnceFunc(func() { close(leased) })
	w, err := worker.New(worker.Config{
		Dial: func(context.Context) (protocol.Conn, error) {
			near, far := protocol.FramePipe()
			d.Hub.Connect(protocol.NewConn(far))
			if challenged != nil {
				near = evading{near, challenged}
			}
			return protocol.NewConn(near), nil
		},
		Devices: []device.Device{dev}, Key: NewVolunteer(name).Key, Agent: "cluster/" + name,
		Backoff: func(int) time.Duration { return time.Millisecond },
		Events: func(e worker.Event) {
			if e.Kind == worker.Leased {
				tell()
			}
		},
		Consent: protocol.Consent{Origin: "testharness", Runs: "shards of this test", Issued: time.Now(), Expires: time.Now().Add(time.Hour)},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.running.Go(func() { _ = w.Run(d.ctx) }) // it ends with the cluster
	return leased
}

// evading keeps challenges from a worker.
type evading struct {
	protocol.Frames
	challenged func(context.Context, protocol.Frames) error
}

func (e evading) ReceiveFrame(ctx context.Context) ([]byte, error) {
	for {
		frame, err := e.Frames.ReceiveFrame(ctx)
		if err != nil || protocol.Type(frame[0]) != protocol.TypeChallenge {
			return frame, err
		}
		if err := e.challenged(ctx, e.Frames); err != nil {
			return nil, err
		}
	}
}

// oneWrong is a device that gets one op of gradient programs wrong: one that
// makes an output of the program which no other op reads.
type oneWrong struct {
	device.Device
	op, value int // of its lane's goroutine, until the cluster has stopped
}

func (d *oneWrong) Load(p *program.Program) (device.Executable, error) {
	exe, err := d.Device.Load(p)
	if err != nil {
		return nil, err
	}
	wrong := -1 // of the outputs
	if !strings.HasPrefix(p.Outputs()[0].Name, "v") {
		for op, n := range p.Nodes() {
			out := slices.IndexFunc(p.Outputs(), func(o program.Port) bool { return o.Value == n.Out })
			read := slices.ContainsFunc(p.Nodes(), func(m program.Node) bool { return slices.Contains(m.In, n.Out) })
			if len(p.Outputs()) > 4 && wrong < 0 && out >= 0 && !read {
				wrong, d.op, d.value = out, op, n.Out
			}
		}
	} else if d.value > 0 { // a part of it, for a trace
		wrong = slices.IndexFunc(p.Outputs(), func(o program.Port) bool { return o.Name == fmt.Sprint("v", d.value) })
	}
	if wrong < 0 {
		return exe, nil
	}
	return wrongAt{exe, d.Device, wrong}, nil
}

type wrongAt struct {
	device.Executable
	dev    device.Device
	output int
}

func (e wrongAt) Run(ctx context.Context, in []device.Buffer) ([]device.Buffer, error) {
	out, err := e.Executable.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	b := out[e.output]
	data := make([]byte, b.Size())
	if err := b.Read(data); err != nil {
		return nil, err
	}
	b.Release()
	data[0] ^= 1
	out[e.output], err = e.dev.Upload(data)
	return out, err
}
