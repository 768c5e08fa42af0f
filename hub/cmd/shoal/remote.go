package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/client"
)

// defaultHub is where a hub started without flags listens.
const defaultHub = "http://localhost:8080"

// remote says which hub to talk to, and as whom.
type remote struct {
	hub, key string
}

// flags adds --hub and --key. A flag beats its environment variable.
func (r *remote) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.hub, "hub", "", "address of the hub; SHOAL_HUB, else "+defaultHub)
	c.Flags().StringVar(&r.key, "key", "", "the hub's admin key, needed to submit and cancel; SHOAL_KEY")
}

func (r *remote) client() (*client.Client, error) {
	hub, key := r.hub, r.key
	if hub == "" {
		hub = os.Getenv("SHOAL_HUB")
	}
	if hub == "" {
		hub = defaultHub
	}
	if key == "" {
		key = os.Getenv("SHOAL_KEY")
	}
	if !strings.Contains(hub, "://") { // as shoal-node takes it
		hub = "http://" + hub
	}
	c, err := client.New(hub, key, nil)
	if err != nil {
		return nil, &inputError{err}
	}
	return c, nil
}

// withAdvice says of an error what can be done about it, where that is known.
func withAdvice(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
		return fmt.Errorf("%w (--key or SHOAL_KEY is missing or wrong; a hub prints its admin key when it starts for the first time)", err)
	}
	return err
}

// refused reports whether the hub refuses what it was asked: asking again
// would not help.
func refused(err error) bool {
	var (
		p *client.Problem
		a *client.ArgumentError
	)
	if errors.As(err, &a) {
		return true // the client has, for every hub
	}
	if !errors.As(err, &p) {
		return false
	}
	switch p.Status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// ill reports whether the hub, or what stands before it, is out of order: asking
// again later may help.
func ill(err error) bool {
	var p *client.Problem
	return errors.As(err, &p) && p.Status >= http.StatusInternalServerError
}
