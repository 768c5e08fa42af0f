package mapping

import (
	"testing"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

func TestCheck(t *testing.T) {
	e := env(files{"m.wasm": string(selftest.Module), "in.txt": "a\nb\nc\n"})
	spec := &job.Spec{Kind: "map", Name: "x", Map: job.Map{
		Module: "m.wasm", Inputs: job.Inputs{Lines: "in.txt"}, Batch: 2, Fuel: 1000, Memory: 1 << 20, Output: 10,
	}}
	plan, err := Kind{}.Check(t.Context(), spec, e)
	want := job.Plan{Rounds: 1, Shards: 2, Ops: 3000, PeakBytes: 1 << 20, InputBytes: int64(len(selftest.Module)) + 60, Steps: 3}
	if err != nil || plan != want {
		t.Errorf("got  %+v, %v\nwant %+v", plan, err, want)
	}
	// A million rounds of the most expensive runs.
	spec.Map.Inputs = job.Inputs{Range: job.Range{To: maxInputs, Step: 1}}
	spec.Map.Fuel, spec.Map.Output, spec.Map.Batch = job.MaxFuel, job.MaxTaskOutput, 1
	plan, err = Kind{}.Check(t.Context(), spec, e)
	if err != nil || plan.Ops != job.MaxFuel*maxInputs || plan.Shards != maxInputs || plan.Rounds != 16645 {
		t.Errorf("got %+v, %v", plan, err)
	}
}
