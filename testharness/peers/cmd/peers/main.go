// Command peers measures Shoal's lanes beside their peers and prints a table.
//
//	peers browser  products in one page, beside onnxruntime-web and TensorFlow.js
//	peers native   products on a Vulkan device, beside Dawn with the same text
//	peers compile  every WGSL text of ours through Dawn's compiler
//
// It installs the pinned peers through npm where they are missing. Which
// Vulkan device native uses is what VK_ICD_FILENAMES says.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/testharness/peers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", strings.TrimPrefix(err.Error(), "peers: "))
		os.Exit(1)
	}
}

// flags are those of all that is measured.
type flags struct {
	*flag.FlagSet
	modules, file, sizes, lanes *string
	rounds                      *int
}

func newFlags(stderr io.Writer) *flags {
	f := &flags{FlagSet: flag.NewFlagSet("peers", flag.ContinueOnError)}
	f.SetOutput(stderr)
	f.modules = f.String("modules", filepath.Join(".cache", "peers"), "`directory` that the peers are installed in")
	f.file = f.String("json", "", "`file` that gets the report as JSON too")
	f.sizes = f.String("sizes", "256,512,1024", "`sizes` of the square products")
	f.lanes = f.String("lanes", "", "in a browser, measure only lanes whose name contains one of these `words`")
	f.rounds = f.Int("rounds", 12, "turns of every lane")
	return f
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("want browser, native or compile")
	}
	f := newFlags(stderr)
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	o, err := f.options(stderr)
	if err != nil {
		return err
	}
	set := peers.ForVulkan
	if args[0] == "browser" {
		set = peers.ForPage
	}
	m, err := peers.Install(ctx, *f.modules, set)
	if err != nil {
		return err
	}
	var rep *peers.Report
	switch args[0] {
	case "browser":
		rep, err = peers.Browser(ctx, m, o)
	case "native":
		rep, err = peers.Native(ctx, m, o)
	case "compile":
		return compile(ctx, m, stdout)
	default:
		return fmt.Errorf("%q is none of browser, native and compile", args[0])
	}
	if err != nil {
		return err
	}
	if *f.file != "" {
		if err := writeJSON(*f.file, rep); err != nil {
			return err
		}
	}
	return rep.Write(stdout)
}

func (f *flags) options(log io.Writer) (peers.Options, error) {
	o := peers.Options{Rounds: *f.rounds, Turn: 60 * time.Millisecond, Budget: 6 * time.Second, Log: log}
	for _, s := range strings.Split(*f.sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 4096 || n%8 != 0 {
			return o, fmt.Errorf("-sizes: %q is no multiple of 8 up to 4096", s)
		}
		o.Sizes = append(o.Sizes, n)
	}
	for _, lane := range peers.Lanes {
		for _, word := range strings.Split(*f.lanes, ",") {
			if strings.Contains(lane, word) {
				o.Lanes = append(o.Lanes, lane)
				break
			}
		}
	}
	if len(o.Lanes) == 0 {
		return o, fmt.Errorf("-lanes: no lane has any of %q in its name", *f.lanes)
	}
	return o, nil
}

func compile(ctx context.Context, m peers.Modules, stdout io.Writer) error {
	d, err := peers.OpenDawn(ctx, m, peers.Null)
	if err != nil {
		return err
	}
	defer d.Close()
	codes := peers.Codes()
	if err := peers.CompileAll(d, codes); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Dawn accepts all of %d texts\n", len(codes))
	return err
}

func writeJSON(file string, rep *peers.Report) error {
	data, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}
