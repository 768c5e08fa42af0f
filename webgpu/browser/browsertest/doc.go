// Package browsertest runs programs built for js in a dedicated worker of a
// headless Chromium, where the lanes of package browser live in production
// too.
//
// It owns finding and starting the browser, the page, and the messages that
// come back. It refuses to know what a program does. A program speaks by
// posting {kind, value}, both strings; the page adds what it prints (line),
// how it ends (exit), and what goes wrong (error).
package browsertest
