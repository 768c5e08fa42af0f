package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/testharness/unruly"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
	"github.com/shoal-compute/shoal/wasm/worker"
)

// These tests give volunteers modules that misbehave. Whatever a module does,
// it does everywhere in the same way: results agree, the job says what went
// wrong, and hub and volunteers go on.

// startModules starts a hub for jobs of kind map.
func startModules(t *testing.T) *Cluster {
	t.Helper()
	return Start(t, moduleHub(t))
}

func moduleHub(t *testing.T) hub.Config {
	t.Helper()
	c := Config(t.TempDir())
	c.Kinds = all.Kinds()
	c.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	c.Inspect = hub.Default().Inspect
	c.Sandbox = openBox(t, wazerobox.Options{})
	return c
}

func openBox(t *testing.T, o wazerobox.Options) sandbox.Host {
	t.Helper()
	host, err := wazerobox.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	return host
}

// joinWorker connects a real worker that offers host and nothing else. It
// returns once the hub has taken it, and the worker stays until the cluster
// stops. saw, unless nil, gets its events.
func joinWorker(t *testing.T, x *Cluster, name string, host sandbox.Host, saw func(worker.Event)) *worker.Worker {
	t.Helper()
	_, lies := host.(bent)
	connected := make(chan struct{})
	once := sync.OnceFunc(func() { close(connected) })
	w, err := worker.New(worker.Config{
		Dial: func(context.Context) (protocol.Conn, error) {
			near, far := protocol.Pipe()
			x.Hub.Connect(far)
			return near, nil
		},
		Sandbox: host,
		Key:     NewVolunteer(name).Key,
		Consent: protocol.Consent{Origin: "testharness", Runs: "modules of this test", Issued: time.Now(), Expires: time.Now().Add(time.Hour)},
		Agent:   "cluster/1",
		Events: func(e worker.Event) {
			if e.Kind == worker.Connected {
				once()
			}
			if e.Kind == worker.Returned || e.Kind == worker.Refused {
				t.Logf("%s: %s %s: %s", name, e.Kind, e.Job, e.Reason)
			}
			if saw != nil {
				saw(e)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	x.running.Go(func() {
		err := w.Run(x.ctx)
		if err != nil && !errors.Is(err, context.Canceled) && !(lies && errors.Is(err, worker.ErrRefused)) {
			t.Errorf("%s: %v", name, err)
		}
	})
	<-connected
	return w
}

// mapFile uploads a module and its inputs, one a line, and returns a job file.
func mapFile(t *testing.T, x *Cluster, name string, module []byte, inputs []string, more string) []byte {
	t.Helper()
	put := func(data []byte) string {
		h, err := x.Client.PutBlob(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		return "sha256:" + h.String()
	}
	return fmt.Appendf(nil, "kind: map\nname: %s\nmap:\n  module: %s\n  inputs: {lines: %q}\n  fuel: 50000000\n  memory: 32MiB\n  output: 64KiB\n%s",
		name, put(module), put([]byte(strings.Join(inputs, "\n"))), more)
}

// linesOf returns what a finished job says of each input.
func linesOf(t *testing.T, c *client.Client, id string) []mapping.Line {
	t.Helper()
	var text bytes.Buffer
	if err := c.Artifact(t.Context(), id, mapping.FileOutputs, &text); err != nil {
		t.Fatal(err)
	}
	var list []mapping.Line
	for dec := json.NewDecoder(&text); dec.More(); {
		var l mapping.Line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// done waits for a job that must end well.
func done(t *testing.T, x *Cluster, id string) {
	t.Helper()
	if j := x.Wait(id); j.State != "done" {
		t.Fatalf("job %s is %s: %s", id, j.State, j.Error)
	}
}

func TestUnrulyModulesAreContained(t *testing.T) {
	program := unruly.Program(t)
	x := startModules(t)
	ann := joinWorker(t, x, "ann", openBox(t, wazerobox.Options{}), nil)
	bob := joinWorker(t, x, "bob", openBox(t, wazerobox.Options{}), nil)

	// Kept: each input has its reason, and the others their outputs.
	id := x.Submit(mapFile(t, x, "unruly", program, unruly.Deeds, "  batch: 2\ntrust: {replicas: 2}\n"))
	done(t, x, id)
	shards := (len(unruly.Deeds) + 1) / 2
	if err := Verify(t.Context(), x.Client, id, shards, 2); err != nil {
		t.Error(err)
	}
	want := map[string]struct{ status, says string }{
		"count": {"returned", "1229\n"}, "loop": {"out_of_fuel", ""}, "grow": {"out_of_memory", "goroutine"},
		"panic": {"exited", "panic: it panics"}, "fail": {"exited", "it would rather not"},
		"recurse": {"out_of_stack", ""}, "flood": {"output_too_big", ""}, "differ": {"returned", "runs\n1\n"},
		"sleep": {"returned", "24\n"}, "files": {"returned", "read: open /etc/passwd: "},
	}
	for i, l := range linesOf(t, x.Client, id) {
		deed := unruly.Deeds[i]
		said := l.Complaint
		if l.Output != nil {
			said = *l.Output
		}
		if l.Status != want[deed].status || !strings.Contains(said, want[deed].says) {
			t.Errorf("%s: %s after %d instructions, %q; want %s, %q", deed, l.Status, l.Fuel, said, want[deed].status, want[deed].says)
		}
	}
	if a, b := ann.Stats(), bob.Stats(); a.Rejected+b.Rejected != 0 || a.Computed == 0 || b.Computed == 0 {
		t.Errorf("ann has %+v, bob %+v", a, b)
	}

	// Not kept: the first one ends the job, which says which one and why.
	for deed, reason := range map[string]string{
		"loop": "input 1 ran out of fuel after 50000000 instructions", "grow": "input 1 ran out of memory after",
		"panic": "input 1 exited with an error after", "recurse": "input 1 nested calls too deep after",
		"flood": "input 1 wrote too much output after",
	} {
		id := x.Submit(mapFile(t, x, deed, program, []string{"count", deed}, "  on_error: fail\ntrust: {replicas: 1}\n"))
		if j := x.Wait(id); j.State != "failed" || !strings.Contains(j.Error, reason) {
			t.Errorf("%s: the job is %s: %q, want %q", deed, j.State, j.Error, reason)
		}
	}

	// And the same volunteers go on.
	id = x.Submit(mapFile(t, x, "well", program, []string{"count", "count"}, "  on_error: fail\ntrust: {replicas: 2}\n"))
	done(t, x, id)
}

// A module that asks for what no module gets never reaches a volunteer.
func TestGraspingModuleIsRefused(t *testing.T) {
	x := startModules(t)
	_, err := x.Client.Submit(t.Context(), mapFile(t, x, "grasping", unruly.Grasping, []string{"x"}, ""))
	if err == nil || !strings.Contains(err.Error(), "map.module") || !strings.Contains(err.Error(), "open_socket") {
		t.Errorf("got %v, want an error that names map.module and the import", err)
	}
}

// bent is a sandbox that spoils what modules return.
type bent struct {
	sandbox.Host
	spoiled *atomic.Int64
}

func (b bent) Load(ctx context.Context, code []byte, l sandbox.Limits) (sandbox.Module, error) {
	m, err := b.Host.Load(ctx, code, l)
	return bentModule{m, b.spoiled}, err
}

type bentModule struct {
	sandbox.Module
	spoiled *atomic.Int64
}

func (m bentModule) Run(ctx context.Context, input []byte) (job.Outcome, error) {
	o, err := m.Module.Run(ctx, input)
	if err == nil && o.Status == job.Returned {
		o.Output = append(o.Output, '?')
		m.spoiled.Add(1)
	}
	return o, err
}

// A hub whose own engine spoils outcomes convicts nobody by it: the second engine
// decides wherever the first contradicts a volunteer.
func TestFaultyEngineOfTheHub(t *testing.T) {
	c := moduleHub(t)
	var spoiled atomic.Int64
	c.Sandbox = bent{c.Sandbox, &spoiled}
	c.Arbiter = openBox(t, wazerobox.Options{Interpreter: true})
	x := Start(t, c)
	joinWorker(t, x, "ann", openBox(t, wazerobox.Options{}), nil)
	id := x.Submit(mapFile(t, x, "engine", selftest.Module, []string{"sum", "divide", "sum"}, "  batch: 1\ntrust: {assurance: full}\n"))
	done(t, x, id)
	sum := binary.LittleEndian.AppendUint64(nil, 'u'*31+'m')
	for i, l := range linesOf(t, x.Client, id) {
		output := l.OutputBase64
		if l.Output != nil {
			output = []byte(*l.Output)
		}
		if l.Status == "returned" && !bytes.Equal(output, sum) {
			t.Errorf("input %d: %x", i, output)
		}
	}
	if spoiled.Load() == 0 {
		t.Error("the hub's engine was not asked")
	}
	checkMarks(t, x)
}

// One who spoils outcomes is outvoted, and the job's files are those of the
// others.
func TestSpoiledOutcomesAreRefuted(t *testing.T) {
	c := moduleHub(t)
	c.BackupAfter = time.Hour // what is spoiled is compared, however late it comes
	x := Start(t, c)
	var spoiled atomic.Int64
	leased := make(chan struct{})
	atWork := sync.OnceFunc(func() { close(leased) })
	verdicts := make(chan protocol.Status, 100)
	joinWorker(t, x, "liar", bent{openBox(t, wazerobox.Options{}), &spoiled}, func(e worker.Event) {
		switch {
		case e.Kind == worker.Leased:
			atWork()
		case e.Kind == worker.Judged && e.Status != protocol.StatusPending:
			verdicts <- e.Status
		case e.Kind == worker.Refused && e.Code == protocol.CodeDenied: // caught before it could hear a verdict
			verdicts <- protocol.StatusRejected
		}
	})
	var inputs []string
	for range 24 {
		inputs = append(inputs, "sum", "divide")
	}
	id := x.Submit(mapFile(t, x, "spoiled", selftest.Module, inputs, "  batch: 2\ntrust: {replicas: 2}\n"))
	waitFor(t, leased, "the liar gets a lease")
	joinWorker(t, x, "ann", openBox(t, wazerobox.Options{}), nil)
	joinWorker(t, x, "bob", openBox(t, wazerobox.Options{Interpreter: true}), nil)
	done(t, x, id)
	sum := binary.LittleEndian.AppendUint64(nil, 'u'*31+'m')
	for i, l := range linesOf(t, x.Client, id) {
		output := l.OutputBase64
		if l.Output != nil {
			output = []byte(*l.Output)
		}
		if i%2 == 0 && (l.Status != "returned" || !bytes.Equal(output, sum)) || i%2 == 1 && l.Status != "trapped" {
			t.Errorf("input %d: %s with %x", i, l.Status, output)
		}
	}
	if err := Verify(t.Context(), x.Client, id, len(inputs)/2, 1); err != nil { // an audit may stand for the second
		t.Error(err)
	}
	select {
	case v := <-verdicts:
		if v != protocol.StatusRejected {
			t.Errorf("of %d spoiled outcomes the first are %v", spoiled.Load(), v)
		}
	case <-time.After(Patience):
		t.Errorf("nothing was said of %d spoiled outcomes", spoiled.Load())
	}
}
