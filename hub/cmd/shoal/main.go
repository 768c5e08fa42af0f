// Command shoal is the hub, its client and the tools around them: see
// `shoal help`. What it prints on standard output is the result; progress and
// logs go to standard error.
//
// Exit codes: 0 done, 1 failed, 2 bad usage or bad input, 3 hub unreachable or
// out of order, 4 verification failed.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
