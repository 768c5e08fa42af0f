package lab

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/job/train"
	"github.com/shoal-compute/shoal/webgpu/device"
)

// Steps is how a lane did at training.
type Steps struct {
	Millis  float64  `json:"ms_per_step"`
	Traffic *Traffic `json:"traffic_per_step,omitempty"` // of lanes that count
	Detail  string   `json:"detail"`
	Threads int      `json:"threads"`
}

// Traffic is device.Traffic of one step, on average.
type Traffic struct {
	Submits    float64 `json:"submits"`
	Dispatches float64 `json:"dispatches"`
	Written    float64 `json:"bytes_written"`
	Read       float64 `json:"bytes_read"`
}

var errMeasured = errors.New("lab: measured")

// Train computes n steps of a training job after one that does not count:
// gradients of all micro-batches, their sum, the update, and storing the new
// weights.
func Train(ctx context.Context, dev device.Device, spec *job.Spec, files func(context.Context, string) ([]byte, error), n int) (Steps, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	caps := dev.Caps()
	s := Steps{Detail: caps.Detail, Threads: caps.Threads}
	meter, _ := dev.(device.Meter)
	count := func() device.Traffic {
		if meter == nil {
			return device.Traffic{}
		}
		return meter.Traffic()
	}
	var first, last time.Time
	var before, after device.Traffic
	measured := *spec
	measured.Train.Steps = max(spec.Train.Steps, n+1)
	measured.Train.EvalEvery = 0
	_, err := local.Run(ctx, train.Kind{}, &measured, local.Config{
		Device: dev,
		Data:   files,
		Progress: func(r job.Report) {
			switch r.Step {
			case 1:
				first, before = time.Now(), count()
			case n + 1:
				if last.IsZero() {
					last, after = time.Now(), count()
					stop(errMeasured)
				}
			}
		},
	})
	if last.IsZero() || err != nil && !errors.Is(context.Cause(ctx), errMeasured) {
		return s, err
	}
	s.Millis = last.Sub(first).Seconds() * 1e3 / float64(n)
	if meter != nil {
		per := func(a, b int64) float64 { return float64(b-a) / float64(n) }
		s.Traffic = &Traffic{
			Submits:    per(before.Submits, after.Submits),
			Dispatches: per(before.Dispatches, after.Dispatches),
			Written:    per(before.Written, after.Written),
			Read:       per(before.Read, after.Read),
		}
	}
	return s, nil
}

// Reproduced is the outcome of a whole job.
type Reproduced struct {
	train.Summary
	Lane   string `json:"lane"`
	Detail string `json:"detail"`
}

// Reproduce computes a whole training job.
func Reproduce(ctx context.Context, dev device.Device, spec *job.Spec, files func(context.Context, string) ([]byte, error), progress func(job.Report)) (*local.Result, Reproduced, error) {
	caps := dev.Caps()
	r := Reproduced{Lane: caps.Lane, Detail: caps.Detail}
	res, err := local.Run(ctx, train.Kind{}, spec, local.Config{Device: dev, Data: files, Progress: progress})
	if err != nil {
		return nil, r, err
	}
	raw, err := res.Artifact(train.FileReport)
	if err != nil {
		return nil, r, err
	}
	return res, r, json.Unmarshal(raw, &r.Summary)
}
