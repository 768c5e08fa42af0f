package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shoal-compute/shoal/hub/protocol"
	"github.com/shoal-compute/shoal/webgpu/device/choose"
)

const (
	consentFile = "consent.json"
	consentTime = 90 * 24 * time.Hour // a person is asked again after that
)

// runs is what a person agrees to. A change of these words asks everyone
// again.
const runs = "shoal-node computes integer programs that the hub hands out, such as training steps of a model, " +
	"with the devices and limits named above, until you stop it. The programs are data: they read and write nothing " +
	"but their own numbers. Where the devices above include the sandbox, shoal-node also runs WebAssembly modules that " +
	"people gave to the hub. A module sees its input and nothing else: it has no network, no files, no clock and no " +
	"randomness, and is ended when it has used up the memory or the instructions that its job allows, which shoal-node " +
	"counts. --sandbox=off refuses modules. The hub and everyone who reads its receipts see your volunteer number, what your device " +
	"computed and how long it took."

// record is a consent as it is kept.
type record struct {
	Hub     string    `json:"hub"`
	Runs    string    `json:"runs"`
	Device  string    `json:"device"` // lanes, separated by ", "
	Threads int       `json:"threads"`
	Share   int       `json:"share"` // percent of the time
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// covers reports whether the record allows what want asks for.
func (r record) covers(want record, now time.Time) bool {
	agreed := strings.Split(r.Device, ", ")
	for _, lane := range strings.Split(want.Device, ", ") {
		if !slices.Contains(agreed, lane) {
			return false
		}
	}
	return r.Hub == want.Hub && r.Runs == want.Runs && r.Threads >= want.Threads && r.Share >= want.Share && now.Before(r.Expires)
}

// signable is the record as the hub gets it.
func (r record) signable() (protocol.Consent, error) {
	limits, err := json.Marshal(map[string]any{"device": r.Device, "threads": r.Threads, "cpu_usage_limit": r.Share})
	return protocol.Consent{Origin: "shoal-node", Runs: r.Runs, Limits: string(limits), Issued: r.Issued, Expires: r.Expires}, err
}

// consent returns the kept record if it covers this run, and asks for a new
// one otherwise.
func (n *node) consent(s streams, hub string, verdicts []choose.Verdict) (protocol.Consent, error) {
	path := filepath.Join(n.data, consentFile)
	kept, err := readConsent(path)
	if err != nil {
		return protocol.Consent{}, err
	}
	now := time.Now().Truncate(time.Millisecond)
	threads := 0
	var lanes []string // the spare ones as well: they compute when the others are gone
	for _, d := range verdicts {
		if d.Fit {
			threads = max(threads, d.Threads)
			lanes = append(lanes, d.Lane)
		}
	}
	want := record{Hub: hub, Runs: runs, Device: strings.Join(lanes, ", "), Threads: threads, Share: n.share, Issued: now, Expires: now.Add(consentTime)}
	if kept.covers(want, now) {
		kept.Threads, kept.Share = want.Threads, want.Share
		return kept.signable()
	}
	if err := n.agree(s, want); err != nil {
		return protocol.Consent{}, err
	}
	data, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		return protocol.Consent{}, err
	}
	if err := writeFile(path, append(data, '\n')); err != nil {
		return protocol.Consent{}, fmt.Errorf("consent: %w", err)
	}
	return want.signable()
}

func readConsent(path string) (record, error) {
	var r record
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("consent: %s: %w", path, err)
	}
	return r, nil
}

// agree shows what will run, and takes a yes from the person or from --yes.
func (n *node) agree(s streams, want record) error {
	fmt.Fprintf(s.err, "Volunteering to %s\n  device   %s\n  threads  %d, %d %% of the time\n  until    %s, or Ctrl-C\n\n%s\n\n",
		want.Hub, want.Device, want.Threads, want.Share, want.Expires.Format("2 January 2006"), wrap(want.Runs, 100))
	if n.yes {
		fmt.Fprintln(s.err, "Agreed by --yes.")
		return nil
	}
	fmt.Fprint(s.err, "Do you agree? [y/N] ")
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("consent: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	fmt.Fprintln(s.err)
	return usagef("nothing runs without consent: answer y, or pass --yes where nobody can be asked")
}

// wrap breaks text into lines of at most width bytes.
func wrap(text string, width int) string {
	var b strings.Builder
	line := 0
	for _, word := range strings.Fields(text) {
		switch {
		case line == 0:
		case line+1+len(word) > width:
			b.WriteByte('\n')
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
}
