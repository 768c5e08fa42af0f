// Package client is a hub seen from a submitter: submit a job, watch it, fetch
// what came out of it.
//
// It owns the API's requests, and the difference between a hub that cannot be
// reached (*UnreachableError), one that refuses (*Problem), and an answer that
// is not what it should be. It refuses to know what job files mean and what is
// done with artifacts.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to one hub. It is safe for concurrent use.
type Client struct {
	base   *url.URL
	key    string
	http   *http.Client
	limits limits
}

// New returns a client of the hub at base, as in "http://localhost:8080". key
// is the hub's admin key; reading needs none. A nil transport is http's own.
func New(base, key string, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("client: %q is no address of a hub; want one such as http://localhost:8080", base)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	// No overall timeout: artifacts are large and events are endless. Callers
	// have contexts.
	return &Client{base: u, key: key, http: &http.Client{Transport: transport}, limits: defaultLimits()}, nil
}

// Hub is the address of the hub.
func (c *Client) Hub() string { return c.base.String() }

// UnreachableError means that the hub did not answer. Trying again later may
// help.
type UnreachableError struct {
	Hub string
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("client: hub %s is not reachable: %v", e.Hub, e.Err)
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Problem is a refusal in the hub's own words (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Field  string `json:"field"` // of the job file or the query; may be empty
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("client: the hub answers %d %s", p.Status, p.Title)
	}
	return "client: the hub refuses: " + p.Detail
}

// Is lets callers test for fs.ErrNotExist.
func (p *Problem) Is(target error) bool {
	return target == fs.ErrNotExist && p.Status == http.StatusNotFound
}

// ErrDamaged means that the hub sent other bytes than their name or its own
// list says, or more than there can be.
var ErrDamaged = errors.New("client: damaged")

// request sends one request and returns its successful answer. The caller
// closes the body.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	u := *c.base
	u.Path += path // escaped by URL.String
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.key != "" && method != http.MethodGet {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which is said already
		}
		return nil, &UnreachableError{Hub: c.base.String(), Err: err}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemOf(resp)
}

func problemOf(resp *http.Response) *Problem {
	p := &Problem{}
	mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if mediaType == "application/problem+json" {
		// A problem that does not decode is still known by its status.
		_ = json.NewDecoder(io.LimitReader(resp.Body, maxProblem)).Decode(p)
	}
	p.Status = resp.StatusCode
	if p.Title == "" {
		p.Title = http.StatusText(resp.StatusCode)
	}
	return p
}

// call sends a request and decodes its JSON answer into out, unless nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body []byte, out any) error {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	resp, err := c.request(ctx, method, path, query, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	in := &answer{r: resp.Body, path: path, limit: c.limits.json}
	if err := json.NewDecoder(in).Decode(out); err != nil {
		return c.broken(ctx, path, err)
	}
	return nil
}

// broken says that an answer stopped or made no sense half way.
func (c *Client) broken(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return &UnreachableError{Hub: c.base.String(), Err: fmt.Errorf("%s: %w", path, err)}
}

// WaitReady returns once the hub is ready, asking again until ctx ends; then
// with the last reason why it was not.
func (c *Client) WaitReady(ctx context.Context) error {
	for {
		err := c.call(ctx, http.MethodGet, "/readyz", nil, nil, nil)
		if err == nil {
			return nil
		}
		timer := time.NewTimer(50 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}
