// Package dial reaches a hub from a native program: a WebSocket for the
// conversation and plain HTTP for blobs, both at the hub's one URL.
//
// It owns how a hub's address becomes connections, and that a blob is what
// its name says. It refuses to know what is said and when to try again: its
// user, the volunteer loop, decides that.
package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/hub/protocol/wsconn"
)

const (
	volunteerPath = "v1/volunteer"
	blobPath      = "blob"

	handshakeTimeout = 15 * time.Second
	headerTimeout    = 30 * time.Second
)

// Hub is a hub by its address. Its methods may be called from any goroutine.
type Hub struct {
	base    *url.URL
	agent   string
	maxBlob int64
	client  *http.Client
}

// Options tune a Hub. Zero fields get the defaults named beside them.
type Options struct {
	Agent   string // "shoal"; User-Agent
	MaxBlob int64  // 256 MiB; bytes of the largest blob that is fetched
}

// New returns the hub at address: an http or https URL, or a bare host:port,
// which means http.
func New(address string, opts Options) (*Hub, error) {
	base, err := parse(address)
	if err != nil {
		return nil, err
	}
	if opts.Agent == "" {
		opts.Agent = "shoal"
	}
	if opts.MaxBlob <= 0 {
		opts.MaxBlob = 256 << 20
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerTimeout
	return &Hub{base: base, agent: opts.Agent, maxBlob: opts.MaxBlob, client: &http.Client{Transport: transport}}, nil
}

func parse(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("dial: hub address: %w", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("dial: hub address %q: scheme must be http or https", u.Redacted())
	case u.Hostname() == "":
		return nil, fmt.Errorf("dial: hub address %q: no host", u.Redacted())
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("dial: hub address %q: must not have a user, query or fragment", u.Redacted())
	}
	return u, nil
}

// URL returns the hub's address.
func (h *Hub) URL() string { return h.base.String() }

// Close lets go of idle connections. Connections that Dial returned stay.
func (h *Hub) Close() { h.client.CloseIdleConnections() }

// Dial opens a conversation.
func (h *Hub) Dial(ctx context.Context) (protocol.Conn, error) {
	dialer := websocket.Dialer{
		Proxy:            http.ProxyFromEnvironment,
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     []string{protocol.Subprotocol},
	}
	header := http.Header{"User-Agent": {h.agent}, "Origin": {h.base.Scheme + "://" + h.base.Host}}
	u := h.base.JoinPath(volunteerPath)
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[h.base.Scheme]
	ws, resp, err := dialer.DialContext(ctx, u.String(), header)
	if err != nil {
		if resp != nil {
			return nil, fmt.Errorf("dial: %v answers %s", u, resp.Status)
		}
		return nil, fmt.Errorf("dial: %w", err)
	}
	if got := ws.Subprotocol(); got != protocol.Subprotocol {
		ws.Close()
		return nil, fmt.Errorf("dial: %v speaks %q, not %s", u, got, protocol.Subprotocol)
	}
	return wsconn.New(ws, wsconn.Options{}), nil
}

// Get fetches a blob. The error wraps fs.ErrNotExist where the hub does not
// have it.
func (h *Hub) Get(ctx context.Context, name job.Hash) ([]byte, error) {
	data, err := h.get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("dial: blob %v: %w", name, err)
	}
	return data, nil
}

func (h *Hub) get(ctx context.Context, name job.Hash) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base.JoinPath(blobPath, name.String()).String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", h.agent)
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, fs.ErrNotExist
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the hub answers %s", resp.Status)
	case resp.ContentLength > h.maxBlob:
		return nil, fmt.Errorf("%d bytes, limit %d", resp.ContentLength, h.maxBlob)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, h.maxBlob+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > h.maxBlob:
		return nil, fmt.Errorf("more than %d bytes", h.maxBlob)
	case job.Sum(data) != name:
		return nil, errors.New("the hub sent other bytes")
	}
	return data, nil
}
