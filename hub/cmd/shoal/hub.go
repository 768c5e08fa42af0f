package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub"
	"github.com/shoal-compute/shoal/hub/internal/httpapi"
	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/all"
	"github.com/shoal-compute/shoal/hub/job/data"
	"github.com/shoal-compute/shoal/hub/job/jobfile"
	"github.com/shoal-compute/shoal/site"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

func newHub(s streams) *cobra.Command {
	var (
		set     = hubSettings{Listen: "localhost:8080", Data: "shoal-data", Name: "shoal"}
		flags   hubSettings
		config  string
		certify []string
		proxies []string
		retain  string
		mend    time.Duration
		verbose bool
	)
	c := &cobra.Command{
		Use:   "hub",
		Short: "Run a hub",
		Long: "Run a hub: jobs, volunteers and the page for browsers, from one directory. Everything\n" +
			"that matters survives kill -9; start it again with the same --data. On its first start\n" +
			"the hub prints the admin key that submitting needs; it keeps only the key's hash.",
		Args: exactly(0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			if err := set.read(config, flags); err != nil {
				return err
			}
			cfg, err := hubConfig(c.Context(), set.Listen, set.Data, newLogger(s.err, level))
			if err != nil {
				return err
			}
			defer cfg.Device.Close()
			defer cfg.Sandbox.Close()
			defer cfg.Arbiter.Close()
			cfg.Name = set.Name
			if cfg.Certified, err = volunteerKeys(certify); err != nil {
				return err
			}
			if cfg.TrustProxy, err = proxyNetworks(proxies); err != nil {
				return err
			}
			keep, err := job.ParseBytes(retain)
			if err != nil {
				return &inputError{fmt.Errorf("--retain: %w", err)}
			}
			cfg.Retain = int64(keep)
			if mend < 0 {
				return &inputError{fmt.Errorf("--mend: %v is negative; 0 means never", mend)}
			}
			cfg.Mend = mend
			if set.Files != "" {
				if cfg.Files, err = dataFiles(set.Files); err != nil {
					return err
				}
			}
			cfg.Announce = func(key string) {
				fmt.Fprintf(s.err, "\nThe admin key of this hub is\n\n    %s\n\nIt is not shown again. Use it as SHOAL_KEY or --key.\n\n", key)
			}
			h, err := hub.New(cfg)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.err, "Receipts are signed by %s\n", h.ReceiptsKey())
			fmt.Fprintf(s.err, "Open %s\n", hubURL(h.Addr()))
			return h.Run(c.Context())
		},
	}
	c.Flags().StringVar(&flags.Listen, "listen", "", "address to listen on; SHOAL_LISTEN, else "+set.Listen)
	c.Flags().StringVar(&flags.Data, "data", "", "directory of everything the hub keeps; SHOAL_DATA, else "+set.Data)
	c.Flags().StringVar(&flags.Name, "name", "", "the hub's name for people; SHOAL_NAME, else "+set.Name)
	c.Flags().StringVar(&flags.Files, "files", "", "directory of data files that job files may name; SHOAL_FILES, else none")
	c.Flags().StringVar(&config, "config", "", "YAML or JSON file with the fields listen, data, name and files")
	c.Flags().StringSliceVar(&certify, "certify", nil, "keys of volunteers whose results count like the hub's own, 64 hexadecimal digits each")
	c.Flags().StringSliceVar(&proxies, "trust-proxy", nil, "addresses and networks of the proxies before this hub, as in 10.0.0.0/8: they are believed to say in X-Forwarded-For where volunteers are")
	c.Flags().StringVar(&retain, "retain", "1GiB", "how much of every job's shard inputs is kept, so that audits can run its shards again")
	c.Flags().DurationVar(&mend, "mend", hub.Default().Mend, "how long after its end a job is run again where somebody whose word it rests on is proved wrong; 0 never")
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "log every shard")
	return c
}

// hubSettings is what an operator chooses. A flag beats an environment
// variable, which beats the file named by --config, which beats the default.
type hubSettings struct {
	Listen string `yaml:"listen"`
	Data   string `yaml:"data"`
	Name   string `yaml:"name"`
	Files  string `yaml:"files"`
}

// read overwrites the defaults in h.
func (h *hubSettings) read(file string, flags hubSettings) error {
	if file != "" {
		text, err := os.ReadFile(file)
		if err == nil {
			err = yaml.UnmarshalWithOptions(text, h, yaml.Strict())
		}
		if err != nil {
			return &inputError{fmt.Errorf("--config %s: %w", file, err)}
		}
	}
	for _, f := range []struct {
		field     *string
		env, flag string
	}{
		{&h.Listen, "SHOAL_LISTEN", flags.Listen},
		{&h.Data, "SHOAL_DATA", flags.Data},
		{&h.Name, "SHOAL_NAME", flags.Name},
		{&h.Files, "SHOAL_FILES", flags.Files},
	} {
		if v := os.Getenv(f.env); v != "" {
			*f.field = v
		}
		if f.flag != "" {
			*f.field = f.flag
		}
	}
	return nil
}

// hubConfig is a hub of this program: its job kinds, its page, and the best
// device of this machine for the hub's own part. The caller closes Device,
// Sandbox and Arbiter.
func hubConfig(ctx context.Context, listen, dir string, log *slog.Logger) (hub.Config, error) {
	d, err := openLane(ctx, lanes[0])
	if err != nil {
		return hub.Config{}, err
	}
	cfg := hub.Default()
	cfg.Listen = listen
	cfg.Data = dir
	cfg.Kinds = all.Kinds()
	cfg.Device = d
	if cfg.Sandbox, err = wazerobox.New(ctx, wazerobox.Options{}); err != nil {
		return hub.Config{}, errors.Join(err, d.Close())
	}
	if cfg.Arbiter, err = wazerobox.New(ctx, wazerobox.Options{Interpreter: true}); err != nil {
		return hub.Config{}, errors.Join(err, cfg.Sandbox.Close(), d.Close())
	}
	cfg.Parse = func(file []byte) (*job.Spec, error) { return jobfile.Parse(file) }
	cfg.Site = site.Handler()
	cfg.Log = log
	return cfg, nil
}

// dataFiles reads data files inside dir, and nothing outside it.
func dataFiles(dir string) (func(context.Context, string) ([]byte, error), error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &inputError{fmt.Errorf("--files: %w", err)}
	}
	return func(ctx context.Context, name string) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := root.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return data.Decompress(name, f)
	}, nil
}

// hubURL is where people reach a hub that listens on addr.
func hubURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "http://" + host + ":" + port
}

// volunteerKeys reads the keys of --certify.
func volunteerKeys(list []string) ([][32]byte, error) {
	keys := make([][32]byte, len(list))
	for i, text := range list {
		if n, err := hex.Decode(keys[i][:], []byte(text)); err != nil || len(text) != 2*n || n != len(keys[i]) {
			return nil, &inputError{fmt.Errorf("--certify: %q is no volunteer's key: want 64 hexadecimal digits", text)}
		}
	}
	return keys, nil
}

// proxyNetworks reads the networks of --trust-proxy.
func proxyNetworks(list []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, len(list))
	for i, text := range list {
		var err error
		if networks[i], err = httpapi.ParseProxy(text); err != nil {
			return nil, &inputError{fmt.Errorf("--trust-proxy: %w", err)}
		}
	}
	return networks, nil
}
