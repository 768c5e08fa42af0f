package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func detailJSON(t *testing.T, args ...string) map[string]any {
	t.Helper()
	out, err := simulateWith(t, append(args, "--json")...)
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("not one line of JSON: %v\n%s", err, out)
	}
	return r
}

func TestSimulateDetailJSON(t *testing.T) {
	r := detailJSON(t, "--detail", "--volunteers", "100", "--width", "30", "--time", "20m", "--epsilon", "1e-4")
	for _, key := range strings.Fields("volunteers cheaters epsilon shards accepted wrong_accepted bound overhead seconds " +
		"lies_told lies_caught lies_repaired lies_left liar_profit time_to_detection " +
		"round_p50 round_p99 shard_p50 shard_p99 utilisation makespan leases expired events events_per_second") {
		if _, ok := r[key].(float64); !ok {
			t.Errorf("%s is %v, want a number", key, r[key])
		}
	}
	if r["wrong_accepted"] != 0.0 || r["bound"].(float64) > 1e-4 || r["rounds"].(float64) < 2 {
		t.Errorf("unexpected report: %v", r)
	}
}

// A run is recorded, played again, and played again under another policy.
func TestSimulateIncident(t *testing.T) {
	file := filepath.Join(t.TempDir(), "incident.jsonl")
	village := []string{"--volunteers", "100", "--width", "30", "--time", "30m", "--stream", "--strategy", "sleeper", "--cheaters", "0.1"}
	was := detailJSON(t, append(village, "--record", file)...)
	again := detailJSON(t, "--replay", file)
	if again["accepted"] != was["accepted"] || again["lies_told"] != was["lies_told"] {
		t.Errorf("%v accepted and %v lies told, then %v and %v", was["accepted"], was["lies_told"], again["accepted"], again["lies_told"])
	}
	if replay := again["replay"].(map[string]any); replay["compared"] != true || replay["diverged_at"] != -1.0 {
		t.Errorf("the hub decided otherwise: %v", replay)
	}
	otherwise := detailJSON(t, "--replay", file, "--assurance", "replicated", "--replicas", "3")
	if otherwise["assurance"] != "replicated" || otherwise["overhead"].(float64) < 1.5 {
		t.Errorf("three replicas: %v", otherwise)
	}
	out, err := simulateWith(t, "--replay", file)
	if err != nil || !strings.Contains(out, "the hub did the same") {
		t.Errorf("for people: error %v\n%s", err, out)
	}
	if _, err := simulateWith(t, "--replay", file, "--replicas", "3"); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "replicas: 3") {
		t.Errorf("replicas of an audited incident: error %v, want one of usage that names the flag", err)
	}
	out, err = simulateWith(t, append(village, "--record", file, "--around", "5m")...)
	if err != nil || !strings.Contains(out, "no bound holds against this strategy") {
		t.Errorf("around the first capture: error %v\n%s", err, out)
	}
	if out, err = simulateWith(t, "--replay", file); err != nil || !strings.Contains(out, "of a part") {
		t.Errorf("a part: error %v\n%s", err, out)
	}
}

func TestSimulateDetailRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{\"format\":\"diary\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--width", "5"}, "--width: only with --detail"},
		{[]string{"--detail", "--days", "5"}, "--days: has no meaning with --detail"},
		{[]string{"--detail", "--stay", "1s"}, "stay"},
		{[]string{"--detail", "--width", "-1"}, "width: -1"},
		{[]string{"--detail", "--shards", "-1"}, "shards: -1"},
		{[]string{"--detail", "--shards", "5"}, "--shards: only with --stream"},
		{[]string{"--detail", "--stream", "--width", "0", "--rounds", "5"}, "--rounds: there are none"},
		{[]string{"--detail", "--replicas", "3"}, "--replicas: only with --assurance replicated"},
		{[]string{"--replicas", "3", "--assurance", "full"}, "--replicas: only with --assurance replicated"},
		{[]string{"--detail", "--around", "5m"}, "--around: only with --record"},
		{[]string{"--replay", bad, "--seed", "3"}, "--seed: the incident says"},
		{[]string{"--replay", bad}, "line 1: format"},
	} {
		if _, err := simulateWith(t, c.args...); exitCode(err) != exitUsage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one of usage with %q", c.args, err, c.want)
		}
	}
}
