package receipt_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/shoal-compute/shoal/hub/internal/lease"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/receipt"
)

const jobID = "k3v9k3v9k3v9k3v9"

var at = time.Date(2026, 11, 5, 12, 30, 0, 250_000_000, time.UTC)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) receipt.Key { return receipt.Key(k.Public().(ed25519.PublicKey)) }

// sign makes the result of volunteer n for a shard.
func sign(t testing.TB, n byte, shard uint64, output receipt.Hash) receipt.Result {
	t.Helper()
	leases, err := lease.NewSigner(bytes.Repeat([]byte{8}, lease.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	token, err := leases.Sign(lease.Lease{
		Job: jobID, Shard: shard, Volunteer: [32]byte(public(key(n))), Lane: "wasm", Deadline: at, Nonce: [16]byte{n},
	})
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Result{
		Volunteer: public(key(n)), Lane: "wasm", Output: output, Standing: receipt.Confirmed, Risk: 1e-7, Millis: 12, At: at,
		Token: token, Signature: ed25519.Sign(key(n), protocol.ResultBytes(token, output)),
	}
}

// sample is a shard that two volunteers agree on.
func sample(t testing.TB, round, index int) receipt.Receipt {
	t.Helper()
	output := receipt.Sum([]byte("output"))
	shard := receipt.ShardNumber(round, index)
	return receipt.Receipt{
		Job: jobID, Shard: shard, Round: round, Index: index, Program: receipt.Sum([]byte("program")),
		Inputs: []receipt.Hash{receipt.Sum([]byte("weights")), receipt.Sum([]byte("tokens"))}, Ops: 2_500_000,
		Output: output, Verdict: "accepted", Path: receipt.Agreed, Risk: 1e-14, Executed: 2, At: at,
		Results: []receipt.Result{sign(t, 1, shard, output), sign(t, 2, shard, output)},
	}
}

func encode(t testing.TB, r receipt.Receipt) []byte {
	t.Helper()
	line, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestRoundTrip(t *testing.T) {
	bare := receipt.Receipt{Job: "x", Ops: 1, Path: receipt.Audited, Executed: 1, At: at.In(time.FixedZone("CET", 3600))}
	for _, r := range []receipt.Receipt{sample(t, 3, 1), bare} {
		line := encode(t, r)
		got, err := receipt.Decode(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if again := encode(t, got); !bytes.Equal(again, line) {
			t.Errorf("encoded again:\n%s\nwant\n%s", again, line)
		}
		if err := got.Verify(); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if bytes.ContainsRune(line, '\n') {
			t.Errorf("%q has a line feed", line)
		}
	}
	bare.Risk = math.NaN()
	if line, err := bare.Encode(); err == nil {
		t.Errorf("a risk that is no number is written as %s", line)
	}
}

// There is one way to write a receipt.
func TestDecodeStrict(t *testing.T) {
	line := string(encode(t, sample(t, 3, 1)))
	for name, bad := range map[string]string{
		"empty":            "",
		"null":             "null",
		"cut":              line[:len(line)-1],
		"followed":         line + "{}",
		"space":            strings.Replace(line, ":", ": ", 1),
		"unknown field":    strings.Replace(line, `{"job"`, `{"x":1,"job"`, 1),
		"field twice":      strings.Replace(line, `{"job"`, `{"job":"y","job"`, 1),
		"other case":       strings.Replace(line, `"job"`, `"Job"`, 1),
		"upper-case hash":  strings.Replace(line, receipt.Sum([]byte("program")).String(), strings.ToUpper(receipt.Sum([]byte("program")).String()), 1),
		"short hash":       strings.Replace(line, receipt.Sum([]byte("program")).String(), "ab", 1),
		"hash of letters":  strings.Replace(line, receipt.Sum([]byte("program")).String(), strings.Repeat("z", 64), 1),
		"number as 1.0":    strings.Replace(line, `"executed":2`, `"executed":2.0`, 1),
		"risk as exponent": strings.Replace(line, `"risk":1e-14`, `"risk":0.1e-13`, 1),
		"no inputs":        strings.Replace(line, line[strings.Index(line, `"inputs"`):strings.Index(line, `"ops"`)], `"inputs":null,`, 1),
		"other time zone":  strings.Replace(line, "T12:30:00.25Z", "T13:30:00.25+01:00", 1),
		"escaped":          strings.Replace(line, "wasm", `w\u0061sm`, 1),
		"field missing":    strings.Replace(line, `"executed":2,`, "", 1),
		"huge":             line + strings.Repeat(" ", receipt.MaxLine),
	} {
		if bad == line {
			t.Errorf("%s: the test changes nothing", name)
		}
		if r, err := receipt.Decode([]byte(bad)); !errors.Is(err, receipt.ErrDamaged) {
			t.Errorf("%s: %+v, %v; want ErrDamaged", name, r, err)
		}
	}
}

func TestVerify(t *testing.T) {
	wrong := receipt.Sum([]byte("wrong"))
	shard := receipt.ShardNumber(3, 1)
	for name, c := range map[string]struct {
		change func(*receipt.Receipt)
		want   string // empty: it holds
	}{
		"as it is":     {func(*receipt.Receipt) {}, ""},
		"one refuted":  {func(r *receipt.Receipt) { refute(t, r, wrong); r.Path = receipt.Disputed }, ""},
		"audited":      {func(r *receipt.Receipt) { r.Results, r.Path = nil, receipt.Audited }, ""},
		"one believed": {func(r *receipt.Receipt) { r.Results, r.Path = r.Results[:1], receipt.Alone }, ""},
		"one pending":  {func(r *receipt.Receipt) { r.Results[1].Standing = receipt.Pending }, ""},

		"no job":             {func(r *receipt.Receipt) { r.Job = "" }, "job"},
		"another number":     {func(r *receipt.Receipt) { r.Shard++ }, "shard: number"},
		"another round":      {func(r *receipt.Receipt) { r.Round++ }, "shard: number"},
		"round below 0":      {func(r *receipt.Receipt) { r.Round = -1 }, "shard: number"},
		"no ops":             {func(r *receipt.Receipt) { r.Ops = 0 }, "ops"},
		"not accepted":       {func(r *receipt.Receipt) { r.Verdict = "rejected" }, "verdict"},
		"unknown path":       {func(r *receipt.Receipt) { r.Path = "guessed" }, "path"},
		"risk over 1":        {func(r *receipt.Receipt) { r.Risk = 1.5 }, "risk"},
		"fewer executions":   {func(r *receipt.Receipt) { r.Executed = 1 }, "executed"},
		"another output":     {func(r *receipt.Receipt) { r.Output = wrong }, "confirmed, but not"},
		"result's output":    {func(r *receipt.Receipt) { r.Results[0].Output = wrong }, "signature"},
		"signature":          {func(r *receipt.Receipt) { r.Results[0].Signature[9] ^= 1 }, "signature"},
		"short signature":    {func(r *receipt.Receipt) { r.Results[0].Signature = r.Results[0].Signature[:63] }, "signature"},
		"token":              {func(r *receipt.Receipt) { r.Results[0].Token[len(r.Results[0].Token)-1] ^= 1 }, "signature"},
		"no token":           {func(r *receipt.Receipt) { r.Results[0].Token = nil }, "token"},
		"another shard":      {func(r *receipt.Receipt) { r.Index, r.Shard = 2, receipt.ShardNumber(3, 2) }, "another shard"},
		"another job":        {func(r *receipt.Receipt) { r.Job = "other" }, "another shard"},
		"another lane":       {func(r *receipt.Receipt) { r.Results[0].Lane = "cpu" }, "another shard"},
		"another volunteer":  {func(r *receipt.Receipt) { r.Results[0].Volunteer = public(key(3)) }, "another shard"},
		"counted twice":      {func(r *receipt.Receipt) { r.Results[1] = r.Results[0] }, "counts twice"},
		"risk below 0":       {func(r *receipt.Receipt) { r.Results[0].Risk = -1 }, "risk"},
		"refuted, but right": {func(r *receipt.Receipt) { r.Results[0].Standing = receipt.Refuted }, "refuted, but the accepted"},
		"unknown standing":   {func(r *receipt.Receipt) { r.Results[0].Standing = "so so" }, "unknown"},
		"one does not agree": {func(r *receipt.Receipt) { r.Results = r.Results[:1] }, "1 volunteers signed"},
		"none believed": {func(r *receipt.Receipt) {
			refute(t, r, wrong)
			r.Results, r.Path = r.Results[1:], receipt.Alone
		}, "0 volunteers signed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := sample(t, 3, 1)
			c.change(&r)
			err := r.Verify()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, receipt.ErrDamaged) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrDamaged with %q", err, c.want)
			}
		})
	}
	r := sample(t, 3, 1)
	refute(t, &r, wrong)
	if got := r.Signers(); len(got) != 1 || got[0] != public(key(1)) {
		t.Errorf("signers of the accepted output: %v", got)
	}
	if r.Shard != shard || r.Name() != "3/1" {
		t.Errorf("shard %d is %s", r.Shard, r.Name())
	}
}

// Each path takes a number of volunteers who signed the accepted output; one
// more is as good, one fewer is a record that does not bear itself out.
func TestSignersOfPaths(t *testing.T) {
	wrong := receipt.Sum([]byte("wrong"))
	for _, c := range []struct {
		path    receipt.Path
		refuted bool // a third volunteer's result is
		want    int
	}{
		{receipt.Alone, false, 1},
		{receipt.Alone, true, 1},
		{receipt.Agreed, false, 2},
		{receipt.Agreed, true, 2},
		{receipt.Checked, false, 2},
		{receipt.Checked, true, 2},
		{receipt.Audited, false, 0},
		{receipt.Audited, true, 0},
		{receipt.Disputed, true, 1},
		{receipt.Disputed, false, 3}, // of the two there are: a dispute without a loser is none
	} {
		for n := range 3 {
			r := sample(t, 3, 1)
			r.Path, r.Executed, r.Results = c.path, 3, r.Results[:n]
			if c.refuted {
				loser := sign(t, 3, r.Shard, wrong)
				loser.Standing = receipt.Refuted
				r.Results = append(r.Results, loser)
			}
			err := r.Verify()
			if n >= c.want && err != nil || n < c.want && (!errors.Is(err, receipt.ErrDamaged) || !strings.Contains(err.Error(), "path "+string(c.path))) {
				t.Errorf("%s by %d volunteers, another refuted %t: %v; want %d", c.path, n, c.refuted, err, c.want)
			}
		}
	}
}

// refute lets the second volunteer have signed something else.
func refute(t testing.TB, r *receipt.Receipt, output receipt.Hash) {
	r.Results[1] = sign(t, 2, r.Shard, output)
	r.Results[1].Standing = receipt.Refuted
}

// What hubs sign is what ParseToken reads.
func TestToken(t *testing.T) {
	res := sign(t, 1, receipt.ShardNumber(7, 3), receipt.Hash{})
	got, err := receipt.ParseToken(res.Token)
	want := receipt.Token{Volunteer: public(key(1)), Shard: 7<<24 | 3, Job: jobID, Lane: "wasm"}
	if err != nil || got != want {
		t.Errorf("ParseToken = %+v, %v; want %+v", got, err, want)
	}
	for n := range res.Token {
		if got, err := receipt.ParseToken(res.Token[:n]); err == nil {
			t.Errorf("cut to %d bytes: %+v", n, got)
		}
	}
	if got, err := receipt.ParseToken(append(bytes.Clone(res.Token), 0)); err == nil {
		t.Errorf("a byte more: %+v", got)
	}
	res.Token[0] = 9
	if _, err := receipt.ParseToken(res.Token); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("another version: %v", err)
	}
	// A token of version 1, as the first hubs made them.
	old, err := hex.DecodeString("0101" + strings.Repeat("ab", 32) + strings.Repeat("00", 16) + "0000000007000003" + "000001a2073ece1c" + "046b337639" + "03637075" + strings.Repeat("00", 32))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := receipt.ParseToken(old); err != nil || got.Job != "k3v9" || got.Lane != "cpu" || got.Shard != 7<<24|3 {
		t.Errorf("version 1: %+v, %v", got, err)
	}
}
