package peers

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is what one run measured. It encodes as JSON.
type Report struct {
	What     string            `json:"what"`
	Date     string            `json:"date"`
	System   string            `json:"system"`
	Browser  string            `json:"browser,omitempty"`
	Device   string            `json:"device,omitempty"`
	Versions map[string]string `json:"versions"`
	Results  []Result          `json:"results"`
}

// Result is one lane on one piece of work.
type Result struct {
	Name   string  `json:"name"`
	Lane   string  `json:"lane"`
	Work   int64   `json:"operations"`
	Best   float64 `json:"best_ms"`
	Median float64 `json:"median_ms"`
	Runs   int     `json:"runs"`
	Digest string  `json:"sha256"`
	Exact  bool    `json:"exact"` // the digest is the one computed here
	Failed string  `json:"failed,omitempty"`

	took []float64
}

// summarise fills in Best, Median and Runs.
func (r *Result) summarise() {
	slices.Sort(r.took)
	r.Best, r.Median, r.Runs = r.took[0], r.took[len(r.took)/2], len(r.took)
}

func newReport(what string, s Set) *Report {
	return &Report{
		What:     what,
		Date:     time.Now().UTC().Format("2006-01-02"),
		System:   fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()),
		Versions: s.Versions(),
	}
}

// Write prints the report as a table.
func (r *Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s\n%s\n", r.What, r.Date, r.System)
	for _, s := range []string{r.Browser, r.Device} {
		if s != "" {
			fmt.Fprintln(w, s)
		}
	}
	names := make([]string, 0, len(r.Versions))
	for name := range r.Versions {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprintf(w, "%s %s", name, r.Versions[name])
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "\nwork\tlane\tbest GOP/s\tmedian GOP/s\tbest ms\tmedian ms\truns\tresult")
	for _, x := range r.Results {
		if x.Failed != "" {
			fmt.Fprintf(t, "%s\t%s\t-\t-\t-\t-\t-\tfailed: %s\n", x.Name, x.Lane, x.Failed)
			continue
		}
		rate := func(ms float64) float64 { return float64(x.Work) / ms / 1e6 }
		result := "exact"
		if !x.Exact {
			result = "differs"
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.1f\t%.3f\t%.3f\t%d\t%s\n", x.Name, x.Lane, rate(x.Best), rate(x.Median), x.Best, x.Median, x.Runs, result)
	}
	return t.Flush()
}
