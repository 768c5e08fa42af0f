package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// A node that runs can be spoken to through a Unix socket in its data folder,
// which only its owner may enter. It speaks HTTP: POST /start, /pause and
// /finish, and GET /status.
const (
	socketFile  = "control.sock"
	controlTime = 5 * time.Second
)

// control is the listening end.
type control struct {
	server  *http.Server
	serving sync.WaitGroup
}

// listen also makes sure that one data folder serves one node at a time.
func listen(dir string, w *volunteer) (*control, error) {
	path := filepath.Join(dir, socketFile)
	if conn, err := net.DialTimeout("unix", path, controlTime); err == nil {
		conn.Close()
		return nil, usagef("--data: a node is running with %s already; give this one a folder of its own", dir)
	}
	// Left behind by a node that was killed.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	socket, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	start := time.Now()
	mux := http.NewServeMux()
	tell := func(name string, f func()) {
		mux.HandleFunc("POST /"+name, func(http.ResponseWriter, *http.Request) { f() })
	}
	tell("start", w.Start)
	tell("pause", w.Pause)
	tell("finish", w.Finish)
	mux.HandleFunc("GET /status", func(rw http.ResponseWriter, _ *http.Request) {
		s := w.Stats()
		_ = writeJSON(rw, summarise(s, s.Hub, time.Since(start))) // who asked has gone
	})
	c := &control{server: &http.Server{Handler: mux, ReadHeaderTimeout: controlTime, WriteTimeout: controlTime}}
	c.serving.Go(func() { _ = c.server.Serve(socket) }) // ends by Close
	return c, nil
}

// Close stops listening and removes the socket. Whoever told the node to finish
// still hears that it was heard.
func (c *control) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), controlTime)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		c.server.Close()
	}
	c.serving.Wait()
}

// newControls makes the commands that speak to a running node.
func newControls(s streams, dir *string) []*cobra.Command {
	order := func(name, short string) *cobra.Command {
		return &cobra.Command{
			Use:   name,
			Short: short,
			Args:  noArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				return ask(c.Context(), *dir, http.MethodPost, name, nil)
			},
		}
	}
	return []*cobra.Command{
		order("start", "Let the running node compute again after a pause"),
		order("pause", "Let the running node hand back its shards and wait"),
		order("finish", "Let the running node deliver the shards it has begun, and end"),
		newStatus(s, dir),
	}
}

func newStatus(s streams, dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say what the running node is doing",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var sum summary
			if err := ask(c.Context(), *dir, http.MethodGet, "status", &sum); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(s.out, sum)
			}
			link := "not connected"
			if sum.Connected {
				link = "connected to " + sum.Hub
			}
			fmt.Fprintf(s.out, "%s, %s\nvolunteer  %s\nshards     %d computed, %d accepted, %d rejected, %d waiting\ncredit     %d\n",
				sum.State, link, sum.Volunteer, sum.Shards, sum.Accepted, sum.Rejected, sum.Waiting, sum.Credit)
			for _, d := range sum.Devices {
				fmt.Fprintf(s.out, "%-10s %d threads, %s, %d shards\n", d.Lane, d.Threads, d.Detail, d.Shards)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// ask sends one request to the node that runs with dir.
func ask(ctx context.Context, dir, method, what string, answer any) error {
	path := filepath.Join(dir, socketFile)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, controlTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://node/"+what, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("no node is running with %s", dir)
	}
	if err != nil {
		return fmt.Errorf("the node that runs with %s does not answer: %w", dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the node answers %s", resp.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
