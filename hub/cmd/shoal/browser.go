package main

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// errNoBrowser reports that this machine has no browser that can be driven.
var errNoBrowser = errors.New("no Chromium or Chrome found; SHOAL_BROWSER may name one")

// findBrowser returns the path of a browser that speaks the DevTools protocol.
func findBrowser() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	if name := os.Getenv("SHOAL_BROWSER"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// openBrowser starts a headless browser with one tab on url. The returned
// context drives the tab; stop closes the browser and returns once it is gone.
func openBrowser(ctx context.Context, url string) (tab context.Context, stop func(), err error) {
	path, err := findBrowser()
	if err != nil {
		return nil, nil, err
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// As root, as in containers, Chromium's own sandbox cannot start. The
		// page is this program's own.
		chromedp.NoSandbox,
		// Where there is no GPU it offers one that the processor plays, to
		// pages that want it; the hub's page does not, unless told to.
		chromedp.Flag("enable-unsafe-webgpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	allocator, freeAllocator := chromedp.NewExecAllocator(ctx, opts...)
	// The protocol library reports events that it is too old to know; none
	// of them matters here.
	quiet := func(string, ...any) {}
	tab, freeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	stop = func() {
		freeTab()
		freeAllocator()
	}
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		stop()
		return nil, nil, err
	}
	return tab, stop, nil
}
