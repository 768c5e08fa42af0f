package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Head returns the signed head of an ended job's log, as package receipt reads
// it.
func (c *Client) Head(ctx context.Context, id string) ([]byte, error) {
	return c.head(ctx, id, "/log")
}

// Superseded returns the signed head of an edition of a job's log, from 0, that
// another has taken the place of.
func (c *Client) Superseded(ctx context.Context, id string, edition int) ([]byte, error) {
	return c.head(ctx, id, fmt.Sprintf("/log/%d", edition))
}

func (c *Client) head(ctx context.Context, id, part string) ([]byte, error) {
	var b bytes.Buffer
	if err := c.copyPart(ctx, id, part, &b, c.limits.head); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Proof returns the proof that receipt n, from 0, is in an ended job's log: a
// receipt.Proof as JSON.
func (c *Client) Proof(ctx context.Context, id string, n int64) (json.RawMessage, error) {
	var p json.RawMessage
	path, err := jobPath(id, fmt.Sprintf("/receipts/%d/proof", n))
	if err != nil {
		return nil, err
	}
	return p, c.call(ctx, http.MethodGet, path, nil, nil, &p)
}

// Ledger explains what a volunteer's account holds.
type Ledger struct {
	Volunteer    string        `json:"volunteer"`
	Credit       int64         `json:"credit"` // what it may dispose of
	Stake        int64         `json:"stake"`  // what it has earned and would lose for a lie
	Transactions []Transaction `json:"transactions"`
}

// Transaction moves credit between accounts; its entries sum to zero.
type Transaction struct {
	At        time.Time `json:"at"`
	Reference struct {
		Job    string `json:"job"`
		Shard  uint64 `json:"shard"`
		Output string `json:"output"`
		Reason string `json:"reason"`
	} `json:"reference"`
	Entries []struct {
		Account string `json:"account"`
		Amount  int64  `json:"amount"`
	} `json:"entries"`
}

// Ledger returns a volunteer's balances and up to limit transactions that made
// them, newest first.
func (c *Client) Ledger(ctx context.Context, volunteer string, limit int) (Ledger, error) {
	var l Ledger
	if err := checkID("volunteer", volunteer); err != nil {
		return l, err
	}
	return l, c.call(ctx, http.MethodGet, "/api/v1/volunteers/"+volunteer+"/ledger", url.Values{"limit": {strconv.Itoa(limit)}}, nil, &l)
}
