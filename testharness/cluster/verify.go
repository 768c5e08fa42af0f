package cluster

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/shoal-compute/shoal/hub/client"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
)

// receipt is one line of a job's receipts.
type receipt struct {
	Shard   uint64
	Path    string
	Output  string
	Ops     int64
	Results []struct {
		Volunteer, Output, Verdict, Token, Signature string
	}
}

// Verify asserts, from what the hub shows to everybody, that every shard of a
// job was settled exactly once, none under quorum, no volunteer counted twice
// for one shard, every signature holds, and that credit was neither created
// nor lost: what the job paid is what the confirmed results earn.
func Verify(ctx context.Context, c *client.Client, id string, shards, replicas int) error {
	var text bytes.Buffer
	if err := c.Receipts(ctx, id, &text); err != nil {
		return err
	}
	var errs []error
	seen := map[uint64]bool{}
	paid := int64(0)
	dec := json.NewDecoder(&text)
	for dec.More() {
		var r receipt
		if err := dec.Decode(&r); err != nil {
			return fmt.Errorf("cluster: receipts: %w", err)
		}
		if seen[r.Shard] {
			errs = append(errs, fmt.Errorf("cluster: shard %d settled twice", r.Shard))
		}
		seen[r.Shard] = true
		confirmed, err := r.check()
		if err == nil && confirmed < replicas {
			err = fmt.Errorf("accepted with %d confirmations, want %d", confirmed, replicas)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cluster: shard %d: %w", r.Shard, err))
		}
		paid += int64(confirmed) * ((r.Ops + 999_999) / 1_000_000)
	}
	if len(seen) != shards {
		errs = append(errs, fmt.Errorf("cluster: receipts for %d shards, want %d", len(seen), shards))
	}
	j, err := c.Job(ctx, id)
	// What a repair withdrew stays paid to whoever computed it right.
	if err == nil && (j.Cost < paid || j.Cost > paid && j.Repairs == 0) {
		err = fmt.Errorf("cluster: the job has paid %d, its receipts say %d", j.Cost, paid)
	}
	return errors.Join(append(errs, err, conserved(ctx, c))...)
}

// check verifies one receipt's results and counts the confirmed ones.
func (r receipt) check() (confirmed int, err error) {
	volunteers := map[string]bool{}
	for _, res := range r.Results {
		if volunteers[res.Volunteer] {
			return 0, fmt.Errorf("volunteer %.8s counts twice", res.Volunteer)
		}
		volunteers[res.Volunteer] = true
		key, err1 := hex.DecodeString(res.Volunteer)
		token, err2 := hex.DecodeString(res.Token)
		signature, err3 := hex.DecodeString(res.Signature)
		output, err4 := job.ParseHash(res.Output)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return 0, err
		}
		if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, protocol.ResultBytes(token, output), signature) {
			return 0, fmt.Errorf("signature of volunteer %.8s does not hold", res.Volunteer)
		}
		right, confirmedIt := res.Output == r.Output, res.Verdict == "confirmed"
		// Whoever cannot defend a result in a dispute has lost, right or not.
		undefended := right && res.Verdict == "refuted" && r.Path == "disputed"
		if right != confirmedIt && !undefended {
			return 0, fmt.Errorf("result of volunteer %.8s is %s, output equal: %v", res.Volunteer, res.Verdict, right)
		}
		if confirmedIt {
			confirmed++
		}
	}
	return confirmed, nil
}

// conserved asserts that what volunteers hold is what jobs have paid.
func conserved(ctx context.Context, c *client.Client) error {
	jobs, err := c.Jobs(ctx)
	if err != nil {
		return err
	}
	volunteers, err := c.Volunteers(ctx, 1000)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, v := range volunteers {
		sum += v.Credit + v.Stake
	}
	stats, err := c.Stats(ctx)
	if err != nil {
		return err
	}
	sum += stats.Slashed
	for _, j := range jobs {
		sum -= j.Cost
	}
	if sum != 0 {
		return fmt.Errorf("cluster: volunteers hold %d more than jobs have paid", sum)
	}
	return nil
}
