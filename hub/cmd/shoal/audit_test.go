package main

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	receipts "github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
	"github.com/shoal-compute/shoal/wasm/sandbox/selftest"
)

// flip changes one byte of a file, and returns what puts it back.
func flip(t *testing.T, path string, at func(n int) int) (restore func()) {
	t.Helper()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[at(len(bad))] ^= 1
	write := func(data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(bad)
	return func() { write(good) }
}

func middle(n int) int { return n / 2 }

// A finished job of a real hub, with real volunteers: an audit confirms it, at
// the hub and in a folder, and notices any change of either.
func TestAudit(t *testing.T) {
	file := tinyJob(t)
	data := t.TempDir()
	url, key := runHub(t, data)
	volunteerFor(t, url)
	volunteerFor(t, url)
	t.Setenv("SHOAL_KEY", key)
	at := []string{"--hub", url}
	code, out, errs := shoal(t, append([]string{"submit", file, "--set", "trust.replicas=2", "--wait", "--json"}, at...)...)
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var done struct{ ID string }
	lastLine(t, out, &done)

	auditOf := func(code int, args ...string) auditResult {
		t.Helper()
		got, out, errs := shoal(t, append([]string{"audit", "--json"}, args...)...)
		if got != code {
			t.Fatalf("audit %v: code %d, want %d: %s%s", args, got, code, out, errs)
		}
		r := auditResult{Report: &audit.Report{}}
		if code == exitDone || code == exitVerification {
			lastLine(t, out, &r)
		}
		return r
	}
	all := auditOf(exitDone, done.ID, "--hub", url, "--sample", "100%")
	if all.Shards == 0 || all.Confirmed != all.Shards || all.Refuted != 0 || !all.Folding || !all.Linked || all.Pinned || all.Promise == nil {
		t.Errorf("audit of every shard: %+v", all.Report)
	}
	if all.Signatures != 2*all.Shards || all.Paths["agreed"] != all.Shards {
		t.Errorf("%d signatures and paths %v of %d shards", all.Signatures, all.Paths, all.Shards)
	}
	some := auditOf(exitDone, done.ID, "--hub", url, "--sample", "3", "--seed", "x", "--key", all.Key, "--device", "reference")
	if some.Sampled != 3 || some.Confirmed != 3 || some.Unavailable != 0 || !some.Pinned || some.Folding || some.Device != "reference" {
		t.Errorf("sample of 3: %+v", some.Report)
	}

	dir, light := filepath.Join(t.TempDir(), "all"), filepath.Join(t.TempDir(), "light")
	for folder, args := range map[string][]string{dir: {"--audit"}, light: nil} {
		args = append([]string{"job", "fetch", done.ID, "--hub", url, "-o", folder}, args...)
		if code, _, errs := shoal(t, args...); code != exitDone {
			t.Fatalf("%v: %s", args, errs)
		}
	}
	withoutBlobs(t, light)
	if r := auditOf(exitDone, dir, "--sample", "100%"); r.Confirmed != all.Shards || !r.Folding || r.Root != all.Root {
		t.Errorf("audit of the folder: %+v", r.Report)
	}
	if r := auditOf(exitDone, light, "--hub", url, "--sample", "100%"); r.Confirmed != all.Shards || !r.Folding {
		t.Errorf("audit of a folder with a hub behind it: %+v", r.Report)
	}
	auditOf(exitFailed, light) // nothing to compute from
	if r := auditOf(exitDone, light, "--sample", "0"); r.Signatures != all.Signatures {
		t.Errorf("audit without shards: %+v", r.Report)
	}
	code, out, _ = shoal(t, "audit", dir)
	if code != exitDone || !strings.Contains(out, "confirmed") || !strings.Contains(out, "not the folding") {
		t.Errorf("for people: code %d, %s", code, out)
	}

	blobs, err := os.ReadDir(filepath.Join(dir, audit.DirBlobs))
	if err != nil || len(blobs) == 0 {
		t.Fatalf("%d blobs, %v", len(blobs), err)
	}
	for _, name := range []string{
		audit.FileHead, audit.FileReceipts, audit.FileJob, audit.FileSums, "masters.safetensors",
		filepath.Join(audit.DirBlobs, blobs[0].Name()),
	} {
		restore := flip(t, filepath.Join(dir, name), middle)
		r := auditOf(exitVerification, dir, "--sample", "0")
		if len(r.Problems) == 0 {
			t.Errorf("%s changed: no problem is named", name)
		}
		restore()
	}
	auditOf(exitDone, dir, "--sample", "0")
	restore := flip(t, filepath.Join(dir, audit.FileSums), func(n int) int { return n - 2 })
	for _, text := range []string{"\x1b[2J", "\xb0"} {
		sums := filepath.Join(dir, audit.FileSums)
		if err := os.WriteFile(sums, []byte(strings.Repeat("0", 64)+"  "+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out, errs := shoal(t, "audit", dir, "--sample", "0")
		if code != exitVerification || strings.Contains(out+errs, text) || !utf8.ValidString(out+errs) {
			t.Errorf("a name of %q: code %d, %q%q", text, code, out, errs)
		}
	}
	restore()

	// The hub's own files.
	artifact := storedArtifact(t, data, filepath.Join(dir, "masters.safetensors"))
	for _, path := range []string{
		filepath.Join(data, "receipts", done.ID+".jsonl"), filepath.Join(data, "receipts", done.ID+".head"), artifact,
	} {
		restore := flip(t, path, middle)
		auditOf(exitVerification, done.ID, "--hub", url, "--sample", "1")
		restore()
	}
	auditOf(exitDone, done.ID, "--hub", url, "--sample", "1")

	// A store that was changed before the log was signed: the hub's signature
	// holds, those of the volunteers do not.
	for _, change := range []string{"UPDATE verdicts SET output = zeroblob(32)", "UPDATE results SET output = zeroblob(32)"} {
		restore := changeStore(t, data, done.ID, change)
		r := auditOf(exitVerification, done.ID, "--hub", url)
		if p := r.Problems[0]; p.Where != "receipt 0" || !strings.Contains(p.Text, "volunteer") {
			t.Errorf("%s: %s", change, p)
		}
		restore()
	}
	if r := auditOf(exitDone, done.ID, "--hub", url); r.Root != all.Root {
		t.Errorf("made again from the same store, the log has root %s, was %s", r.Root, all.Root)
	}

	other := strings.Replace(all.Key, "A", "B", 1)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"audit", dir, "--key", key}, exitUsage, "admin key"},
		{[]string{"audit", dir, "--key", other}, exitUsage, "--key"},
		{[]string{"audit", dir, "--sample", "lots"}, exitUsage, "--sample"},
		{[]string{"audit", dir, "--device", "webgpu"}, exitUsage, "browser"},
		{[]string{"audit", t.TempDir()}, exitUsage, "no fetched job"},
		{[]string{"audit", "nobody", "--hub", url}, exitUsage, `no folder "nobody" here, and no job "nobody" at ` + url},
		{[]string{"audit", "no/body", "--hub", "http://127.0.0.1:1"}, exitUsage, `no folder "no/body" here, and it is no job's ID`},
		{[]string{"audit", "", "--hub", "http://127.0.0.1:1"}, exitUsage, `it is no job's ID`},
		{[]string{"audit", filepath.Join(dir, audit.FileJob)}, exitUsage, "is a file"},
		{[]string{"job", "show", "x/../../y", "--hub", "http://127.0.0.1:1"}, exitUsage, `"x/../../y" is no job ID`},
		{[]string{"job", "watch", "..", "--hub", "http://127.0.0.1:1"}, exitUsage, "is no job ID"},
		{[]string{"job", "fetch", "", "--hub", "http://127.0.0.1:1"}, exitUsage, "is no job ID"},
		{[]string{"job", "cancel", "a?b", "--hub", "http://127.0.0.1:1"}, exitUsage, "is no job ID"},
		{[]string{"audit", done.ID, "--hub", "http://127.0.0.1:1"}, exitUnreachable, "not reachable"},
		{[]string{"audit"}, exitUsage, "want a job's ID or a folder"},
	} {
		code, _, errs := shoal(t, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%v: code %d, %s; want code %d and %q", tt.args, code, errs, tt.code, tt.want)
		}
	}
}

// changeStore changes the first shard in a hub's database and has the hub make
// the record of the job again.
func changeStore(t *testing.T, data, id, change string) (restore func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "hub.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	table := strings.Fields(change)[1]
	var output []byte
	if err := db.QueryRow("SELECT output FROM " + table + " WHERE shard = 0").Scan(&output); err != nil {
		t.Fatal(err)
	}
	forget := func() {
		for _, suffix := range []string{".jsonl", ".head"} {
			if err := os.RemoveAll(filepath.Join(data, "receipts", id+suffix)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := db.Exec(change + " WHERE shard = 0"); err != nil {
		t.Fatal(err)
	}
	forget()
	return func() {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "hub.db")+"?_pragma=busy_timeout(5000)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("UPDATE "+table+" SET output = ? WHERE shard = 0", output); err != nil {
			t.Fatal(err)
		}
		forget()
	}
}

// withoutBlobs makes of a fetched folder one that was fetched without blobs.
func withoutBlobs(t *testing.T, dir string) {
	t.Helper()
	sums, err := os.ReadFile(filepath.Join(dir, audit.FileSums))
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.DeleteFunc(strings.SplitAfter(string(sums), "\n"), func(line string) bool { return strings.Contains(line, audit.DirBlobs+"/") })
	err = errors.Join(os.RemoveAll(filepath.Join(dir, audit.DirBlobs)), os.WriteFile(filepath.Join(dir, audit.FileSums), []byte(strings.Join(kept, "")), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// storedArtifact finds the hub's blob with the bytes of a fetched file.
func storedArtifact(t *testing.T, data, fetched string) string {
	t.Helper()
	want, err := os.ReadFile(fetched)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	err = filepath.WalkDir(filepath.Join(data, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		got, err := os.ReadFile(path)
		if bytes.Equal(got, want) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("the hub does not store %s: %v", fetched, err)
	}
	return found
}

// A job that runs has no log yet, and its hub says so.
func TestAuditUnfinished(t *testing.T) {
	url, key := runHub(t, t.TempDir()) // without volunteers nothing moves
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	code, out, errs := shoal(t, "submit", tinyJob(t), "--json")
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var job struct{ ID string }
	lastLine(t, out, &job)
	if code, _, errs := shoal(t, "audit", job.ID); code != exitFailed || !strings.Contains(errs, "signed when it has ended") {
		t.Errorf("audit of an unfinished job: code %d, %s", code, errs)
	}
	if code, _, errs := shoal(t, "job", "cancel", job.ID); code != exitDone {
		t.Fatalf("cancel: %s", errs)
	}
	code, _, errs = shoal(t, "job", "watch", job.ID)
	if code != exitFailed {
		t.Fatalf("watch: code %d, %s", code, errs)
	}
	code, out, errs = shoal(t, "audit", job.ID, "--json")
	if code != exitDone {
		t.Fatalf("audit of a cancelled job: code %d, %s", code, errs)
	}
	r := auditResult{Report: &audit.Report{}}
	lastLine(t, out, &r)
	if r.State != "cancelled" || r.Shards != 0 {
		t.Errorf("audit of a cancelled job: %+v", r.Report)
	}
}

// Under every assurance the receipts bear out how their shards were accepted.
func TestAuditAssurances(t *testing.T) {
	file := tinyJob(t)
	url, key := runHub(t, t.TempDir())
	volunteerFor(t, url)
	volunteerFor(t, url)
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	for name, set := range map[string][]string{
		"as delivered": nil,
		"epsilon":      {"--set", "trust.epsilon=1e-6"},
		"replicated":   {"--set", "trust.assurance=replicated", "--set", "trust.replicas=2"},
		"full":         {"--set", "trust.assurance=full"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := shoal(t, append([]string{"submit", file, "--wait", "--json"}, set...)...)
			if code != exitDone {
				t.Fatalf("submit: %s", errs)
			}
			var done struct {
				ID    string
				Trust struct{ Assurance string }
			}
			lastLine(t, out, &done)
			code, out, errs = shoal(t, "audit", done.ID, "--sample", "100%", "--json")
			if code != exitDone {
				t.Fatalf("audit: code %d, %s%s", code, out, errs)
			}
			r := auditResult{Report: &audit.Report{}}
			lastLine(t, out, &r)
			if r.Confirmed != r.Shards || !r.Folding || r.Promise == nil || r.Promise.Assurance != done.Trust.Assurance {
				t.Errorf("%+v, promised %+v", r.Report, r.Promise)
			}
			t.Logf("accepted as %v, promised %+v", r.Paths, *r.Promise)
		})
	}
}

// A map job is audited like any other: its modules run in a sandbox here.
func TestAuditMap(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"known.wasm": selftest.Module, "lines.txt": []byte("sone\ndivide\nstwo\nsthree\n"),
		"job.yaml": []byte("kind: map\nname: known\nmap: {module: known.wasm, inputs: {lines: lines.txt}, batch: 2, fuel: 1000000, memory: 1MiB, output: 1KiB}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url, key := runHub(t, t.TempDir())
	volunteerFor(t, url)
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	code, out, errs := shoal(t, "submit", filepath.Join(dir, "job.yaml"), "--wait", "--json")
	if code != exitDone {
		t.Fatalf("submit: %s", errs)
	}
	var done struct{ ID string }
	lastLine(t, out, &done)
	for _, command := range []string{"show", "watch"} { // a run that failed is a result, and its reason is told
		code, out, errs := shoal(t, "job", command, done.ID)
		if code != exitDone || !strings.Contains(out, "4/4, 1 failed") || !strings.Contains(out, "1 trapped") || !strings.Contains(out, "input 1 trapped after") {
			t.Errorf("job %s: code %d, %s%s", command, code, out, errs)
		}
	}
	if _, out, _ := shoal(t, "job", "list"); !strings.Contains(out, "4/4, 1 failed") {
		t.Errorf("job list: %s", out)
	}
	files := filepath.Join(dir, "files")
	if code, _, errs := shoal(t, "job", "fetch", done.ID, "-o", files); code != exitDone {
		t.Fatalf("fetch: %s", errs)
	}
	for _, sample := range []string{"1", "100%"} {
		for _, what := range []string{done.ID, files} {
			code, out, errs := shoal(t, "audit", what, "--sample", sample, "--json")
			if code != exitDone {
				t.Fatalf("audit %s: code %d, %s%s", what, code, out, errs)
			}
			r := auditResult{Report: &audit.Report{}}
			lastLine(t, out, &r)
			if all := sample == "100%"; r.Shards != 2 || r.Confirmed == 0 || all != r.Folding || all && r.Confirmed != 2 || !r.Linked {
				t.Errorf("audit %s of %s: %+v", what, sample, r.Report)
			}
		}
	}
}

// A job that failed for its first failed run is audited up to there, and ends
// there here as well.
func TestAuditFailedMap(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"known.wasm": selftest.Module, "lines.txt": []byte("sone\ndivide\n"),
		"job.yaml": []byte("kind: map\nname: known\nmap: {module: known.wasm, inputs: {lines: lines.txt}, fuel: 1000000, memory: 1MiB, output: 1KiB, on_error: fail}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url, key := runHub(t, t.TempDir())
	volunteerFor(t, url)
	t.Setenv("SHOAL_HUB", url)
	t.Setenv("SHOAL_KEY", key)
	code, out, errs := shoal(t, "submit", filepath.Join(dir, "job.yaml"), "--wait", "--json")
	if code != exitFailed || !strings.Contains(errs, "input 1 trapped after") {
		t.Fatalf("submit: code %d, %s", code, errs)
	}
	var done struct{ ID string }
	lastLine(t, out, &done)
	code, out, errs = shoal(t, "audit", done.ID, "--sample", "100%", "--json")
	if code != exitDone {
		t.Fatalf("audit: code %d, %s%s", code, out, errs)
	}
	r := auditResult{Report: &audit.Report{}}
	lastLine(t, out, &r)
	if r.Shards != 1 || r.Confirmed != 1 || !strings.Contains(strings.Join(r.Notes, ""), "input 1 trapped after") {
		t.Errorf("%+v", r.Report)
	}
}

// A record that is not a job's first says so.
func TestAuditShowsEditions(t *testing.T) {
	before := receipts.Hash{1, 2}
	for want, r := range map[string]audit.Report{
		"supersedes the head with SHA-256 " + before.String(): {Edition: 1, Supersedes: &before},
		"2: the job was done, was reopened":                   {Edition: 2, Supersedes: &before},
		"an earlier end, which was never signed":              {Edition: 1},
	} {
		var out bytes.Buffer
		if err := (auditResult{Report: &r}).show(&out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("want %q in %s, %v", want, &out, err)
		}
	}
	var out bytes.Buffer
	if err := (auditResult{Report: &audit.Report{}}).show(&out); err != nil || strings.Contains(out.String(), "edition") {
		t.Errorf("a first edition is shown as %s, %v", &out, err)
	}
}
