package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
)

// A folder is one job's. Fetching that job again is fine, also where the first
// time was cut short; another job is refused and both are named.
func TestFolderOfAnotherJob(t *testing.T) {
	url, key := runHub(t, t.TempDir()) // without volunteers: jobs that end without files will do
	t.Setenv("SHOAL_KEY", key)
	t.Setenv("SHOAL_HUB", strings.TrimPrefix(url, "http://")) // as shoal-node takes it
	var ids []string
	for _, name := range []string{"first", "second"} {
		code, out, errs := shoal(t, "submit", tinyJob(t), "--set", "name="+name, "--json")
		if code != exitDone {
			t.Fatalf("submit: %s", errs)
		}
		var j struct{ ID string }
		lastLine(t, out, &j)
		if code, _, errs := shoal(t, "job", "cancel", j.ID); code != exitDone {
			t.Fatalf("cancel: %s", errs)
		}
		if code, _, errs := shoal(t, "job", "watch", j.ID); code != exitFailed { // until it has ended
			t.Fatalf("watch: %s", errs)
		}
		ids = append(ids, j.ID)
	}
	dir := filepath.Join(t.TempDir(), "files")
	fetch := func(id string, want int, says ...string) {
		t.Helper()
		code, _, errs := shoal(t, "job", "fetch", id, "-o", dir)
		if code != want {
			t.Fatalf("fetch of %s: code %d, %s", id, code, errs)
		}
		for _, text := range says {
			if !strings.Contains(errs, text) {
				t.Errorf("fetch of %s: %s; want %q", id, errs, text)
			}
		}
	}
	fetch(ids[0], exitDone)
	before, err := os.ReadFile(filepath.Join(dir, audit.FileSums))
	if err != nil {
		t.Fatal(err)
	}
	fetch(ids[1], exitUsage, dir, ids[0], ids[1], "first", "second", "-o")
	if after, err := os.ReadFile(filepath.Join(dir, audit.FileSums)); err != nil || string(after) != string(before) {
		t.Errorf("%s changed: %v", audit.FileSums, err)
	}
	fetch(ids[0], exitDone)

	// An audit tells what it is not about.
	stray := filepath.Join(dir, "model.safetensors")
	if err := os.WriteFile(stray, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const note = "nothing here vouches for it: \"model.safetensors\"\n"
	if code, out, errs := shoal(t, "audit", dir, "--sample", "0"); code != exitDone || !strings.Contains(out, note) {
		t.Errorf("audit of a folder with a stray file: code %d, %s%s", code, out, errs)
	}
	if err := os.Remove(stray); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := shoal(t, "audit", dir, "--sample", "0"); code != exitDone || strings.Contains(out, "vouches") {
		t.Errorf("audit of a folder without: code %d, %s%s", code, out, errs)
	}

	// Cut short, it is the first's all the same.
	for _, name := range []string{audit.FileSums, audit.FileJob, audit.FileReceipts} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	fetch(ids[1], exitUsage, ids[0])
	fetch(ids[0], exitDone)

	// Nobody knows whose these are.
	for _, damage := range []string{"no head", ""} {
		if err := os.WriteFile(filepath.Join(dir, audit.FileHead), []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		fetch(ids[0], exitUsage, "does not say which")
	}
	if err := os.Remove(filepath.Join(dir, audit.FileHead)); err != nil {
		t.Fatal(err)
	}
	fetch(ids[0], exitUsage, "has a job.yaml that is not of a fetched job")
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fetch(ids[1], exitDone)
}

// A hub does not choose where files go, or what they do to a terminal.
func TestNamesOfArtifacts(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/b", `a\b`, ".bashrc", "a\nb", "a\x1b[31m", "\u202egnp.exe", "a\x00", "\xff",
		audit.FileSums, audit.FileHead, audit.FileJob, audit.FileReceipts, audit.DirBlobs,
	} {
		err := checkNames([]client.Artifact{{Name: "good.json"}, {Name: name}})
		if exitCode(err) != exitVerification || !strings.Contains(err.Error(), "nothing is fetched") {
			t.Errorf("%q: %v", name, err)
		}
		if err != nil && printable(err.Error()) != err.Error() {
			t.Errorf("%q is told as %q", name, err)
		}
	}
	if err := checkNames([]client.Artifact{{Name: "a"}, {Name: "a"}}); err == nil {
		t.Error("two files of one name")
	}
	if err := checkNames([]client.Artifact{{Name: "model.safetensors"}, {Name: "output-0000.png"}, {Name: "tokenizer.md"}, {Name: "Übersicht 1.txt"}}); err != nil {
		t.Error(err)
	}
}
