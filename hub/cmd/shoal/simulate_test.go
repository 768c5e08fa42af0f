package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

func simulateWith(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := newSimulate(streams{out: &out, err: io.Discard})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestSimulateJSON(t *testing.T) {
	out, err := simulateWith(t, "--volunteers", "200", "--cheaters", "0.3", "--epsilon", "1e-4", "--days", "10", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("not one line of JSON: %v\n%s", err, out)
	}
	for _, key := range strings.Fields("volunteers cheaters epsilon shards accepted wrong_accepted bound overhead seconds " +
		"overhead_ramp_up lies_told lies_caught lies_repaired lies_left liar_profit time_to_detection") {
		if _, ok := r[key].(float64); !ok {
			t.Errorf("%s is %v, want a number", key, r[key])
		}
	}
	if r["volunteers"] != 200.0 || r["wrong_accepted"] != 0.0 || r["bound"].(float64) > 1e-4 {
		t.Errorf("unexpected report: %s", out)
	}
}

func TestSimulateForPeople(t *testing.T) {
	out, err := simulateWith(t, "--volunteers", "200", "--days", "5", "--strategy", "sleeper")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "no bound holds against this strategy") {
		t.Errorf("an adaptive strategy is reported with a promise:\n%s", out)
	}
}

func TestSimulateRefusesBadFlags(t *testing.T) {
	for _, args := range [][]string{{"--cheaters", "1.5"}, {"--strategy", "hope"}, {"--volunteers", "1"}, {"extra"}} {
		if _, err := simulateWith(t, args...); exitCode(err) != exitUsage {
			t.Errorf("%v: error %v, want one of usage", args, err)
		}
	}
}
