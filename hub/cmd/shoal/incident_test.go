package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A job of a real hub is exported from the hub, from a fetched folder and from
// the hub's own directory, and played again.
func TestIncident(t *testing.T) {
	file := tinyJob(t)
	data, dir := t.TempDir(), t.TempDir()
	url, key := runHub(t, data)
	volunteerFor(t, url)
	volunteerFor(t, url)
	t.Setenv("SHOAL_KEY", key)
	code, out, errs := shoal(t, "submit", file, "--set", "trust.replicas=2", "--wait", "--json", "--hub", url)
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var done struct {
		ID   string
		Plan struct{ Rounds, Shards int }
	}
	lastLine(t, out, &done)
	folder := filepath.Join(dir, "fetched")
	if code, _, errs := shoal(t, "job", "fetch", done.ID, "--hub", url, "-o", folder); code != exitDone {
		t.Fatalf("fetch: %s", errs)
	}
	for name, args := range map[string][]string{
		"hub": {done.ID, "--hub", url}, "folder": {folder}, "data": {done.ID, "--data", data},
	} {
		path := filepath.Join(dir, name+".jsonl")
		code, out, errs := shoal(t, append([]string{"incident", "-o", path, "--json"}, args...)...)
		if code != exitDone {
			t.Fatalf("%s: code %d, %s", name, code, errs)
		}
		var sum struct {
			File                                       string
			Volunteers, Rounds, Shards, Results, Wrong int
			Caught                                     []int
		}
		lastLine(t, out, &sum)
		if sum.File != path || sum.Volunteers != 2 || sum.Rounds != done.Plan.Rounds || sum.Shards != done.Plan.Shards ||
			sum.Results != 2*done.Plan.Shards || sum.Wrong != 0 || len(sum.Caught) != 0 {
			t.Errorf("%s: %+v, want %+v twice", name, sum, done.Plan)
		}
		again := detailJSON(t, "--replay", path)
		if again["accepted"] != float64(done.Plan.Shards) || again["rounds"] != float64(done.Plan.Rounds) || again["assurance"] != "replicated" || again["lies_told"] != 0.0 {
			t.Errorf("%s: played again: %v", name, again)
		}
		otherwise := detailJSON(t, "--replay", path, "--assurance", "full")
		if otherwise["accepted"] != float64(done.Plan.Shards) || otherwise["audits"].(float64) < float64(done.Plan.Shards) || otherwise["epsilon"] != 1e-6 {
			t.Errorf("%s: played again with every result audited: %v", name, otherwise)
		}
	}
	code, incident, errs := shoal(t, "incident", folder, "-o", "-")
	if code != exitDone || !strings.HasPrefix(incident, `{"format":"shoal-incident"`) || !strings.Contains(errs, "caught: nobody") || !strings.Contains(errs, "note: ") {
		t.Errorf("to standard output: code %d, %.80s, %s", code, incident, errs)
	}
	code, out, _ = shoal(t, "simulate", "--replay", filepath.Join(dir, "data.jsonl"))
	if code != exitDone || !strings.Contains(out, "then ") || !strings.Contains(out, "runs had to be made up") || !strings.Contains(out, "at a steady rate") {
		t.Errorf("for people: code %d, %s", code, out)
	}

	restore := flip(t, filepath.Join(folder, fileReceipts), middle)
	if code, _, errs := shoal(t, "incident", folder, "-o", "-"); code != exitVerification || !strings.Contains(errs, "does not hold") {
		t.Errorf("changed receipts: code %d, %s", code, errs)
	}
	restore()

	// What cannot be exported, or is none.
	code, out, errs = shoal(t, "submit", file, "--set", "name=waits", "--set", "trust.replicas=16", "--json", "--hub", url)
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var running struct{ ID string }
	lastLine(t, out, &running)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no incident\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"incident", "nothing", "--hub", url}, "nothing"},
		{[]string{"incident", running.ID, "--hub", url}, "has not ended"},
		{[]string{"incident", running.ID, "--data", data}, "has not ended"},
		{[]string{"incident", "nothing", "--data", data}, done.ID + " (done)"},
		{[]string{"incident", "nothing", "--data", dir}, "hub.db"},
		{[]string{"incident", dir}, "no fetched job"},
		{[]string{"incident", text}, "is a file"},
		{[]string{"incident", "x", "--data", data, "--hub", url}, "want one of them"},
		{[]string{"incident", "x", "-o", "-", "--json"}, "--json"},
		{[]string{"incident"}, "want a job's ID"},
		{[]string{"simulate", "--replay", text}, "line 1"},
		{[]string{"simulate", "--replay", filepath.Join(dir, "data.db")}, "no such file"},
		{[]string{"simulate", "--replay", filepath.Join(dir, "hub.jsonl"), "--epsilon", "7"}, "epsilon"},
	} {
		if code, _, errs := shoal(t, c.args...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("%v: code %d, %s, want %d and %q", c.args, code, errs, exitUsage, c.want)
		}
	}
}
