package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Head returns the signed head of an ended job's log, as package receipt reads
// it.
func (c *Client) Head(ctx context.Context, id string) ([]byte, error) {
	var b strings.Builder
	err := c.copy(ctx, jobPath(id)+"/log", &b)
	return []byte(b.String()), err
}

// Superseded returns the signed head of an edition of a job's log, from 0, that
// another has taken the place of.
func (c *Client) Superseded(ctx context.Context, id string, edition int) ([]byte, error) {
	var b strings.Builder
	err := c.copy(ctx, fmt.Sprintf("%s/log/%d", jobPath(id), edition), &b)
	return []byte(b.String()), err
}

// Proof returns the proof that receipt n, from 0, is in an ended job's log: a
// receipt.Proof as JSON.
func (c *Client) Proof(ctx context.Context, id string, n int64) (json.RawMessage, error) {
	var p json.RawMessage
	err := c.call(ctx, http.MethodGet, fmt.Sprintf("%s/receipts/%d/proof", jobPath(id), n), nil, nil, &p)
	return p, err
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
	return l, c.call(ctx, http.MethodGet, "/api/v1/volunteers/"+volunteer+"/ledger", url.Values{"limit": {strconv.Itoa(limit)}}, nil, &l)
}
