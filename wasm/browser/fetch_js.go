package browser

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall/js"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/webgpu/browser/promise"
)

// Blobs fetches blobs from a hub over HTTP, through the browser's own cache:
// a blob never changes.
type Blobs struct {
	Hub string // address
	Max int64  // bytes of the largest blob
}

// Get fetches a blob. The error wraps fs.ErrNotExist where the hub does not
// have it. The caller checks the bytes against the name.
func (b Blobs) Get(ctx context.Context, name job.Hash) ([]byte, error) {
	data, err := Fetch(ctx, strings.TrimSuffix(b.Hub, "/")+"/blob/"+name.String(), b.Max)
	if err != nil {
		return nil, fmt.Errorf("browser: blob %v: %w", name, err)
	}
	return data, nil
}

// Fetch returns what is at url, at most max bytes of it.
func Fetch(ctx context.Context, url string, max int64) ([]byte, error) {
	aborter := js.Global().Get("AbortController").New()
	stop := context.AfterFunc(ctx, func() { aborter.Call("abort") })
	defer stop()
	var answer js.Value
	if err := promise.Try(func() {
		answer = js.Global().Call("fetch", url, map[string]any{"signal": aborter.Get("signal"), "credentials": "omit"})
	}); err != nil {
		return nil, err
	}
	resp, err := promise.Await(ctx, nil, answer)
	if err != nil {
		return nil, err
	}
	if err := checkResponse(resp, max); err != nil {
		aborter.Call("abort")
		return nil, err
	}
	buffer, err := promise.Await(ctx, nil, resp.Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	if n := int64(buffer.Get("byteLength").Int()); n > max {
		return nil, fmt.Errorf("%d bytes, limit %d", n, max)
	}
	return toGo(buffer), nil
}

func checkResponse(resp js.Value, max int64) error {
	switch status := resp.Get("status").Int(); status {
	case 200:
	case 404:
		return fs.ErrNotExist
	default:
		return fmt.Errorf("the hub answers with status %d", status)
	}
	length := resp.Get("headers").Call("get", "content-length")
	if length.Type() == js.TypeString {
		if n := js.Global().Call("Number", length).Float(); n > float64(max) {
			return fmt.Errorf("%.0f bytes, limit %d", n, max)
		}
	}
	return nil
}
