package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// loads finds what a page, module or worker loads by itself: no links that
// a person would have to follow.
var loads = regexp.MustCompile(`(?:<(?:link|script|img)\s[^>]*(?:href|src)=|\bfrom |\bimport |\bimport\(|\bfetch\(|\bimportScripts\(|\bnew Worker\()"([^"]+)"`)

// firstLoad loads what the first visit to the page at base loads, the worker
// and its WebAssembly included, and returns the paths and how many bytes their
// bodies take as they are sent to a browser that accepts brotli. What the
// worker itself asks for later, such as the sandbox for the first module, is
// not among it.
func firstLoad(ctx context.Context, base string) (paths []string, size int64, err error) {
	return load(ctx, base, "/")
}

// load loads the file at path and what that loads, and so on.
func load(ctx context.Context, base, path string) (paths []string, size int64, err error) {
	root, err := url.Parse(base)
	if err != nil {
		return nil, 0, err
	}
	start, err := root.Parse(path)
	if err != nil {
		return nil, 0, err
	}
	visitor := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	defer visitor.CloseIdleConnections()
	queue := []*url.URL{start}
	seen := map[string]bool{start.Path: true}
	for len(queue) > 0 {
		u := queue[0]
		queue = queue[1:]
		paths = append(paths, u.Path)
		body, kind, encoding, err := fetch(ctx, visitor, u, "gzip, deflate, br")
		if err != nil {
			return nil, 0, err
		}
		size += int64(len(body))
		if !strings.HasPrefix(kind, "text/html") && !strings.HasPrefix(kind, "text/javascript") {
			continue
		}
		if encoding != "" {
			if body, _, _, err = fetch(ctx, visitor, u, "identity"); err != nil {
				return nil, 0, err
			}
		}
		for _, m := range loads.FindAllSubmatch(body, -1) {
			next, err := u.Parse(string(m[1]))
			if err == nil && next.Host == u.Host && !seen[next.Path] {
				seen[next.Path] = true
				queue = append(queue, next)
			}
		}
	}
	return paths, size, nil
}

// maxPageFile bounds one file of the page.
const maxPageFile = 64 << 20

// fetch returns a body as it was sent, with its type and encoding.
func fetch(ctx context.Context, visitor *http.Client, u *url.URL, accept string) (body []byte, kind, encoding string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", "", err
	}
	req.Header.Set("Accept-Encoding", accept) // set by hand, nothing decompresses the body
	resp, err := visitor.Do(req)
	if err != nil {
		return nil, "", "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", "", fmt.Errorf("%s: the hub answers %s", u, resp.Status)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxPageFile))
	return body, resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding"), err
}
