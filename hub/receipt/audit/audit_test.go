package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/hub/job/local"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/receipt"
	"github.com/shoal-compute/shoal/hub/receipt/audit"
	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/reference"
)

const jobID = "k3v9k3v9k3v9k3v9"

// swarm makes finished jobs, as a hub and two volunteers would.
type swarm struct {
	t      testing.TB
	device device.Device
	hub    *receipt.Signer
	leases *lease.Signer
	keys   []ed25519.PrivateKey
	blobs  map[job.Hash][]byte
	file   []byte
	lines  bytes.Buffer
	log    *receipt.Writer
	head   receipt.Head

	// What a dishonest hub or volunteers do; nil: nothing.
	output func(round, index int, outputs [][]byte) // changes what a shard is said to give
	folded func(round int, outputs [][][]byte)      // changes what is folded
	line   func(r *receipt.Receipt)                 // changes a receipt
}

func newSwarm(t testing.TB) *swarm {
	t.Helper()
	signer, err := receipt.NewSigner(bytes.Repeat([]byte{7}, receipt.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	leases, err := lease.NewSigner(bytes.Repeat([]byte{8}, lease.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	s := &swarm{t: t, device: reference.New(), hub: signer, leases: leases, blobs: map[job.Hash][]byte{}}
	for i := range 2 {
		s.keys = append(s.keys, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)))
	}
	s.log = receipt.NewWriter(&s.lines)
	s.file = fmt.Appendf(nil, "kind: train\nname: tiny\nmodel: {arch: mlp, layers: [4, 3, 2]}\ndata: {idx: ['sha256:%v', 'sha256:%v']}\n"+
		"train: {steps: 3, batch: 4, micro_batch: 2, lr: 0.01, seed: 1}\n", s.put(images()), s.put(labels()))
	return s
}

// images and labels are 8 examples of 2 x 2 pixels in the IDX format.
func images() []byte {
	b := []byte{0, 0, 8, 3, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 2}
	for i := range 32 {
		b = append(b, byte(i*37))
	}
	return b
}

func labels() []byte { return []byte{0, 0, 8, 1, 0, 0, 0, 8, 0, 1, 1, 0, 1, 0, 0, 1} }

func (s *swarm) put(data []byte) job.Hash {
	h := job.Sum(data)
	s.blobs[h] = bytes.Clone(data)
	return h
}

// recording keeps every blob that a run stores.
type recording struct {
	*local.Blobs
	s *swarm
}

func (r recording) Put(ctx context.Context, data []byte) (job.Hash, error) {
	r.s.put(data)
	return r.Blobs.Put(ctx, data)
}

func (r recording) Get(ctx context.Context, h job.Hash) ([]byte, error) {
	if data, ok := r.s.blobs[h]; ok {
		return data, nil
	}
	return r.Blobs.Get(ctx, h)
}

// run computes the job and writes its log.
func (s *swarm) run() {
	s.t.Helper()
	ctx := s.t.Context()
	spec, kind := s.parse()
	blobs := recording{local.NewBlobs(), s}
	run, err := kind.Start(ctx, spec, job.Env{Blobs: blobs, Device: s.device}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer run.Close()
	exec := local.NewExecutor(s.device, blobs)
	defer exec.Close()
	for round := run.Round(); !round.Done; round = run.Round() {
		outputs := make([][][]byte, len(round.Shards))
		for i, shard := range round.Shards {
			if outputs[i], err = exec.Execute(ctx, shard); err != nil {
				s.t.Fatal(err)
			}
			if s.output != nil {
				s.output(round.Index, i, outputs[i])
			}
			s.settle(round.Index, i, shard, outputs[i])
		}
		if s.folded != nil {
			s.folded(round.Index, outputs)
		}
		if _, err := run.Fold(ctx, outputs); err != nil {
			s.t.Fatal(err)
		}
	}
	files, err := run.Artifacts(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	at := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	s.head = receipt.Head{Job: jobID, Name: "tiny", Kind: "train", File: receipt.Sum(s.file), State: "done", Created: at, Ended: at.Add(time.Hour)}
	for _, f := range files {
		s.blobs[job.Sum(f.Data)] = f.Data
		s.head.Artifacts = append(s.head.Artifacts, receipt.Artifact{Name: f.Name, Type: f.Type, Size: int64(len(f.Data)), SHA256: receipt.Sum(f.Data)})
	}
}

// settle writes the receipt of a shard that both volunteers have computed.
func (s *swarm) settle(round, index int, shard job.Shard, outputs [][]byte) {
	s.t.Helper()
	encoded := job.EncodeOutputs(outputs)
	s.put(encoded)
	at := time.Date(2026, 11, 5, 12, 30, round, index, time.UTC)
	r := receipt.Receipt{
		Job: jobID, Shard: receipt.ShardNumber(round, index), Round: round, Index: index, Program: receipt.Hash(shard.Program),
		Ops: shard.Cost, Output: receipt.Sum(encoded), Path: receipt.Agreed, Executed: 2, At: at,
	}
	for _, in := range shard.Inputs {
		if in.Data != nil {
			in.Blob = s.put(in.Data)
		}
		r.Inputs = append(r.Inputs, receipt.Hash(in.Blob))
	}
	for i, key := range s.keys {
		token, err := s.leases.Sign(lease.Lease{
			Job: jobID, Shard: r.Shard, Volunteer: [32]byte(key.Public().(ed25519.PublicKey)), Lane: "cpu", Deadline: at, Nonce: [16]byte{byte(i)},
		})
		if err != nil {
			s.t.Fatal(err)
		}
		r.Results = append(r.Results, receipt.Result{
			Volunteer: receipt.Key(key.Public().(ed25519.PublicKey)), Lane: "cpu", Output: r.Output, Standing: receipt.Confirmed,
			Millis: 5, At: at, Token: token, Signature: ed25519.Sign(key, protocol.ResultBytes(token, r.Output)),
		})
	}
	if s.line != nil {
		s.line(&r)
	}
	if err := s.log.Add(r); err != nil {
		s.t.Fatal(err)
	}
}

// save signs the log and writes the folder.
func (s *swarm) save() string {
	s.t.Helper()
	dir := s.t.TempDir()
	var err error
	s.head.Receipts = s.log.Log().Size()
	if s.head.Root, err = s.log.Log().Root(); err != nil {
		s.t.Fatal(err)
	}
	signed, err := s.hub.Sign(s.head)
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string][]byte{audit.FileHead: signed, audit.FileReceipts: s.lines.Bytes(), audit.FileJob: s.file}
	for _, a := range s.head.Artifacts {
		h := job.Hash(a.SHA256)
		files[a.Name] = s.blobs[h]
		delete(s.blobs, h)
	}
	for h, data := range s.blobs {
		files[filepath.Join(audit.DirBlobs, h.String())] = data
	}
	var sums bytes.Buffer
	for name, data := range files {
		fmt.Fprintf(&sums, "%v  %s\n", job.Sum(data), filepath.ToSlash(name))
	}
	files[audit.FileSums] = sums.Bytes()
	if err := os.Mkdir(filepath.Join(dir, audit.DirBlobs), 0o755); err != nil {
		s.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

func (s *swarm) parse() (*job.Spec, job.Kind) {
	s.t.Helper()
	spec, kind, err := parse(s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	return spec, kind
}

func parse(file []byte) (*job.Spec, job.Kind, error) {
	spec, err := jobfile.Parse(file)
	if err != nil {
		return nil, nil, err
	}
	kind, err := all.ByName(spec.Kind)
	return spec, kind, err
}

// run audits a folder.
func run(t testing.TB, dir, sample string, change func(*audit.Config)) *audit.Report {
	t.Helper()
	folder, err := audit.OpenFolder(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	d := reference.New()
	c := audit.Config{
		Source: folder, Parse: parse, Device: d,
		Executor: func(b job.Blobs) (audit.Executor, error) { return local.NewExecutor(d, b), nil },
	}
	if c.Sample, err = audit.ParseSample(sample); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&c)
	}
	r, err := audit.Run(t.Context(), c)
	if err != nil {
		t.Fatalf("audit: %v", err)
	}
	return r
}

func finished(t testing.TB, change func(*swarm)) (string, *swarm) {
	t.Helper()
	s := newSwarm(t)
	if change != nil {
		change(s)
	}
	s.run()
	return s.save(), s
}

func TestConfirm(t *testing.T) {
	dir, s := finished(t, nil)
	r := run(t, dir, "100%", func(c *audit.Config) { c.Key = s.hub.Key() })
	if !r.Sound() || !r.Linked || !r.Folding || !r.Pinned || r.Shards == 0 || r.Confirmed != r.Shards || r.Sampled != r.Shards || r.Refuted != 0 {
		t.Errorf("audit of every shard: %+v", r)
	}
	if r.Signatures != 2*r.Shards || r.Paths[receipt.Agreed] != r.Shards {
		t.Errorf("%d signatures and paths %v of %d shards", r.Signatures, r.Paths, r.Shards)
	}
	for sample, want := range map[string]int64{"5%": 1, "2": 2, "0": 0, "50%": (r.Shards + 1) / 2, "1000": r.Shards} {
		got := run(t, dir, sample, nil)
		if !got.Sound() || got.Folding || got.Pinned || got.Confirmed != want || got.Sampled != want || got.Unavailable != 0 {
			t.Errorf("sample %s: %+v, want %d confirmed", sample, got, want)
		}
	}
}

// Whoever knows the hub's key notices that another hub has signed.
func TestAnotherHub(t *testing.T) {
	dir, _ := finished(t, nil)
	other, err := receipt.NewSigner(make([]byte, receipt.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, dir, "100%", func(c *audit.Config) { c.Key = other.Key() })
	if r.Sound() || r.Confirmed != 0 || !strings.Contains(r.Problems[0].Text, "signed by another hub") {
		t.Errorf("%+v", r)
	}
}

// Everything is signed and of one piece, but false.
func TestLies(t *testing.T) {
	lie := func(at int) func(int, int, [][]byte) {
		return func(round, index int, outputs [][]byte) {
			if round == at && index == 1 {
				last := outputs[len(outputs)-1]
				last[0] ^= 1
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*swarm)
		where  string
		text   string
		refute int64
	}{
		"a wrong output": {func(s *swarm) { s.output = lie(1) }, "shard 1/1", "signed by volunteer", 1},
		"a wrong fold": {func(s *swarm) {
			s.folded = func(round int, outputs [][][]byte) {
				if round == 0 {
					outputs[1][0][2] ^= 1
				}
			}
		}, "shard 1/0", "as input", 0},
		"another program": {func(s *swarm) {
			s.line = func(r *receipt.Receipt) { r.Program[0] ^= 1 }
		}, "shard 0/0", "names program", 0},
		"other inputs": {func(s *swarm) {
			s.line = func(r *receipt.Receipt) { r.Inputs[0][0] ^= 1 }
		}, "shard 0/0", "as input 0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := finished(t, c.change)
			r := run(t, dir, "100%", nil)
			if r.Sound() || r.Folding || r.Refuted != c.refute {
				t.Fatalf("%+v", r)
			}
			if p := r.Problems[0]; p.Kind != audit.Refuted || !strings.Contains(p.Where, c.where) || !strings.Contains(p.String(), c.text) {
				t.Errorf("found %q, want %q and %q", p, c.where, c.text)
			}
		})
	}
}

// A receipt has an output for what nobody can compute: that is a lie, and no
// reason to give up.
func TestNonsense(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *swarm, r *receipt.Receipt)
		text   string
	}{
		"program": {func(s *swarm, r *receipt.Receipt) { r.Program = receipt.Hash(s.put([]byte("garbage"))) }, "damaged encoding"},
		"task": {func(s *swarm, r *receipt.Receipt) {
			r.Program = receipt.Hash(s.put(make([]byte, len(job.Task{}.Encode()))))
		}, "damaged encoding"},
		"length": {func(s *swarm, r *receipt.Receipt) { r.Inputs[0] = receipt.Hash(s.put([]byte{1, 2, 3})) }, "has 3 bytes"},
		"empty":  {func(s *swarm, r *receipt.Receipt) { r.Inputs[0] = receipt.Hash(s.put(nil)) }, "has 0 bytes"},
		"number": {func(_ *swarm, r *receipt.Receipt) { r.Inputs = r.Inputs[1:] }, "inputs, the program has"},
		"none":   {func(_ *swarm, r *receipt.Receipt) { r.Inputs = nil }, "0 inputs, the program has"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := finished(t, func(s *swarm) {
				s.line = func(r *receipt.Receipt) {
					if r.Name() == "1/1" {
						c.change(s, r)
					}
				}
			})
			for _, sample := range []string{"1000", "100%"} {
				r := run(t, dir, sample, nil)
				if r.Sound() || r.Problems[0].Kind != audit.Refuted || r.Problems[0].Where != "shard 1/1" {
					t.Fatalf("sample %s: %+v", sample, r)
				}
				if sample == "100%" {
					continue // the replay has seen that the job's shard is another
				}
				if r.Refuted != 1 || r.Sampled != r.Shards || r.Confirmed != r.Shards-1 {
					t.Errorf("sample %s: %+v", sample, r)
				}
				if p := r.Problems[0].String(); !strings.Contains(p, c.text) || !strings.Contains(p, "signed by volunteer") {
					t.Errorf("found %q, want %q", p, c.text)
				}
			}
		})
	}
}

// A folder that lacks the job's data and some of the inputs is audited as far
// as that goes, and the rest is counted.
func TestUnavailable(t *testing.T) {
	dir, s := finished(t, nil)
	spec, _ := s.parse()
	gone := slices.Clone(spec.Data.IDX)
	for i := range gone {
		gone[i] = strings.TrimPrefix(gone[i], "sha256:")
	}
	var first receipt.Receipt
	line, _, _ := bytes.Cut(s.lines.Bytes(), []byte("\n"))
	first, err := receipt.Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	gone = append(gone, first.Inputs[0].String())
	sums, err := os.ReadFile(filepath.Join(dir, audit.FileSums))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range gone {
		if err := os.Remove(filepath.Join(dir, audit.DirBlobs, name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(t, dir, "0", nil); r.Sound() {
		t.Error("blobs that are listed are missing, and nobody says so")
	}
	kept := slices.DeleteFunc(strings.SplitAfter(string(sums), "\n"), func(line string) bool {
		return slices.ContainsFunc(gone, func(name string) bool { return strings.Contains(line, audit.DirBlobs+"/"+name) })
	})
	if err := os.WriteFile(filepath.Join(dir, audit.FileSums), []byte(strings.Join(kept, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, dir, "100%", nil)
	if !r.Sound() || r.Linked || r.Folding || r.Unavailable == 0 || r.Confirmed+r.Unavailable != r.Shards || r.Confirmed == 0 {
		t.Errorf("%+v", r)
	}
	if len(r.Notes) < 2 {
		t.Errorf("notes %q do not say what was left out", r.Notes)
	}
	// What cannot be had is drawn again.
	if r := run(t, dir, "1", nil); r.Confirmed != 1 {
		t.Errorf("sample of 1: %+v", r)
	}
}

// No byte of a finished job can change unnoticed.
func TestEveryByte(t *testing.T) {
	dir, _ := finished(t, nil)
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	for _, path := range names {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Every byte of small files; some of long ones, never the same bit twice in a row.
		stride := 1 + len(good)/60
		for i := 0; i < len(good); i += stride {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << (i / stride % 8)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			tries++
			if r := run(t, dir, "100%", nil); r.Sound() {
				t.Errorf("%s: byte %d of %d was %#x, is %#x, and the audit confirms %d shards", path, i, len(good), good[i], bad[i], r.Confirmed)
			}
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := run(t, dir, "100%", nil); !r.Sound() {
		t.Errorf("the test has not put everything back: %v", r.Problems)
	}
	t.Logf("%d files, %d changes", len(names), tries)
}

// What is no regular file is damage, and is not waited for.
func TestIrregular(t *testing.T) {
	replace := map[string]func(path string) error{
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"link":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"holes": func(path string) error { // longer than anybody would read or store
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40))
		},
		"loop": func(path string) error { return os.Symlink(filepath.Base(path), path) },
	}
	dir, s := finished(t, nil)
	blob := job.Sum(images())
	for name, text := range map[string]string{
		audit.FileHead: "head", audit.FileJob: "job file", audit.FileReceipts: "receipts", audit.FileSums: audit.FileSums,
		s.head.Artifacts[0].Name: "file " + s.head.Artifacts[0].Name, filepath.Join(audit.DirBlobs, blob.String()): blob.String(),
	} {
		path := filepath.Join(dir, name)
		for kind, make := range replace {
			if kind == "holes" && strings.HasPrefix(name, audit.DirBlobs) {
				continue // to be read to its end, as any blob is
			}
			aside := filepath.Join(t.TempDir(), "aside")
			if err := errors.Join(os.Rename(path, aside), make(path)); err != nil {
				t.Fatal(err)
			}
			r := run(t, dir, "100%", nil)
			if r.Sound() || r.Problems[0].Kind != audit.Damaged || !strings.Contains(r.Problems[0].Where, text) {
				t.Errorf("%s is a %s: %+v", name, kind, r.Problems)
			}
			if err := errors.Join(os.Remove(path), os.Rename(aside, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, audit.DirBlobs)), os.Symlink("/tmp", filepath.Join(dir, audit.DirBlobs))); err != nil {
		t.Fatal(err)
	}
	if r := run(t, dir, "100%", nil); r.Sound() || r.Problems[0].Where != audit.DirBlobs {
		t.Errorf("the blobs are a link: %+v", r.Problems)
	}
}

// The list of files must have whatever an audit reads, in lines as sha256sum
// reads them.
func TestSums(t *testing.T) {
	dir, s := finished(t, nil)
	path := filepath.Join(dir, audit.FileSums)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(good), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	without := func(name string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return strings.HasSuffix(line, "  "+name+"\n") }), "")
	}
	cases := map[string]string{
		"empty": "", "one line": lines[0], "no end": strings.TrimSuffix(string(good), "\n"), "twice": string(good) + lines[0],
		"a line feed": string(good) + "\n", "CRLF": strings.ReplaceAll(string(good), "\n", "\r\n"),
		"a long line": strings.Repeat("a", 1<<20) + "\n" + string(good),
	}
	for _, name := range []string{audit.FileHead, audit.FileReceipts, audit.FileJob} {
		cases["without "+name] = without(name)
	}
	for _, a := range s.head.Artifacts {
		cases["without "+a.Name] = without(a.Name)
	}
	for name, text := range cases {
		if text == string(good) {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := run(t, dir, "0", nil)
		if r.Sound() || r.Problems[0].Kind != audit.Damaged || !strings.Contains(r.Problems[0].String(), audit.FileSums) {
			t.Errorf("%s: %+v", name, r.Problems)
		}
	}
}

// A head that names another file, a path out of the folder, or a link, leads
// nowhere.
func TestInside(t *testing.T) {
	dir, s := finished(t, nil)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{secret, "../" + filepath.Base(filepath.Dir(secret)) + "/secret", "link"} {
		s.head.Artifacts = []receipt.Artifact{{Name: name, Size: 5, SHA256: receipt.Sum([]byte("words"))}}
		signed, err := s.hub.Sign(s.head)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, audit.FileHead), signed, 0o600); err != nil {
			t.Fatal(err)
		}
		folder, err := audit.OpenFolder(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := folder.Artifact(t.Context(), name, &got); err == nil {
			t.Errorf("%s: read %q", name, &got)
		}
		folder.Close()
	}
}

func TestParseSample(t *testing.T) {
	for _, text := range []string{"", "-1", "-5%", "101%", "%", "five", "1/2%", "1e1%", "5 %"} {
		if s, err := audit.ParseSample(text); err == nil {
			t.Errorf("ParseSample(%q) = %+v, want an error", text, s)
		}
	}
	for _, text := range []string{"0", "7", "100%", "0.5%", "33.3%", "0%"} {
		if _, err := audit.ParseSample(text); err != nil {
			t.Errorf("ParseSample(%q): %v", text, err)
		}
	}
}
