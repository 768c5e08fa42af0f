package adversary_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	receiptlog "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/testharness/adversary"
	"github.com/shoal-compute/shoal/testharness/cluster"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/program"
)

// turncoat is a real lane whose owner decides what it says.
type turncoat struct {
	device.Device
	exposed *atomic.Bool
}

func (d turncoat) Load(p *program.Program) (device.Executable, error) {
	exe, err := d.Device.Load(p)
	return turncoatProgram{exe, d}, err
}

type turncoatProgram struct {
	device.Executable
	device turncoat
}

// Run turns every gradient around, which lets the training climb. Once its owner is exposed there is one output more than there can be.
func (p turncoatProgram) Run(ctx context.Context, inputs []device.Buffer) ([]device.Buffer, error) {
	out, err := p.Executable.Run(ctx, inputs)
	if err != nil {
		return nil, err
	}
	for i, b := range out {
		data := make([]byte, b.Size())
		if err := b.Read(data); err != nil {
			return nil, err
		}
		b.Release()
		negate(data)
		if out[i], err = p.device.Upload(data); err != nil {
			return nil, err
		}
	}
	if !p.device.exposed.Load() {
		return out, nil
	}
	more, err := p.device.Upload([]byte{1, 2, 3, 4})
	return append(out, more), err
}

// negate turns around numbers of which some are negative: those may be anything up
// to some size, the others are losses and counts.
func negate(data []byte) {
	signed := false
	for at := 3; at < len(data); at += 4 {
		signed = signed || data[at] >= 0x80
	}
	for at := 0; signed && at+4 <= len(data); at += 4 {
		binary.LittleEndian.PutUint32(data[at:], -binary.LittleEndian.Uint32(data[at:]))
	}
}

// A job ends on the word of somebody whom the operator vouches for, and who lied
// about every shard: no lot decides whether it is believed. It is caught over
// another job. The first is reopened then, also when the hub was stopped in
// between, and ends with the weights of a run without volunteers and with a record
// that says it is not the first.
func TestEndedJobIsRepaired(t *testing.T) {
	for name, stop := range map[string]bool{"at once": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			var exposed atomic.Bool
			liar := adversary.NewHonest(1, 100, turncoat{lane(), &exposed}, adversary.Trouble{})
			c := config(t)
			c.Certified = liar.IDs()
			stage := newStage(t)
			first := c
			if stop {
				first.Mend = 0 // it is another hub that finds out
			}
			x := stage.open(first)
			stage.enter(stage.pipe, liar)
			id := x.Submit(mlp.with("epsilon: 0.000001"))
			if j := x.Wait(id); j.State != "done" {
				t.Fatalf("job is %s: %s", j.State, j.Error)
			}
			wrong := artifact(t, x.Client, id, weights)
			if wrong == mlp.alone(t) {
				t.Fatal("the lies changed nothing: the test proves nothing")
			}
			head, err := x.Client.Head(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}

			exposed.Store(true)
			other := x.Submit(grain.with("epsilon: 0.000001"))
			await(t, x, func() bool { return known(t, x.Client, []adversary.Player{liar})[0].Marks > 0 })
			if stop {
				stage.shut()
				x.Stop()
				x = stage.open(c)
			}
			honest := crowd(1, 2)
			stage.enter(stage.pipe, honest...)
			var j client.Job
			await(t, x, func() bool {
				if j, err = x.Client.Job(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				return j.Repairs > 0 && j.State == "done"
			})
			if got := artifact(t, x.Client, id, weights); got != mlp.alone(t) {
				t.Errorf("weights %v, want those of a run without volunteers, %v", got, mlp.alone(t))
			}
			if _, err := x.Client.Blob(t.Context(), wrong); err == nil {
				t.Error("the wrong weights are still given out")
			}
			if j := x.Wait(other); j.State != "done" || artifact(t, x.Client, other, weights) != grain.alone(t) {
				t.Errorf("the other job is %s: %s", j.State, j.Error)
			}
			if err := cluster.Verify(t.Context(), x.Client, id, j.Plan.Shards, 0); err != nil {
				t.Error(err)
			}
			blameless(t, x.Client, x.Hub.Addr().String(), honest)
			edition(t, x.Client, id, head)
		})
	}
}

// edition demands that a job's record names the one before it.
func edition(t *testing.T, c *client.Client, id string, before []byte) {
	t.Helper()
	signed, err := c.Head(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	h, err := receiptlog.OpenHead(signed)
	if err != nil {
		t.Fatal(err)
	}
	if h.Edition != 1 || h.Supersedes == nil || *h.Supersedes != receiptlog.Sum(before) || len(h.Artifacts) == 0 {
		t.Errorf("the head is %+v; want edition 1, after %v", h, receiptlog.Sum(before))
	}
	if old, err := c.Superseded(t.Context(), id, 0); err != nil || !bytes.Equal(old, before) {
		t.Errorf("the first head is %q, %v; want %q", old, err, before)
	}
	for _, a := range h.Artifacts {
		if a.Name == weights && job.Hash(a.SHA256) != artifact(t, c, id, weights) {
			t.Errorf("the head names other weights: %v", a.SHA256)
		}
	}
}

// await asks until something is so.
func await(t *testing.T, x *cluster.Cluster, so func() bool) {
	t.Helper()
	for end := time.Now().Add(cluster.Patience); !so(); {
		if time.Now().After(end) {
			t.Fatalf("it has not come to that in %v", cluster.Patience)
		}
		if err := x.Client.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
