package devicetest

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/device"
	"github.com/shoal-compute/shoal/webgpu/ops"
)

// Options say how much of the suite runs. The zero value is the whole suite at
// its usual size with the default seed.
type Options struct {
	Seed     uint64 // of everything; 0: 1, or SHOAL_SEED
	Cases    int    // of each op; 0: 240, more than 10,000 in all
	Programs int    // random programs; 0: 240
	MaxOps   int    // of a random program; 0: 24
	Whole    []Case // whole programs, besides those of Models
}

const (
	usualCases    = 240
	usualPrograms = 240
	usualOps      = 24
)

// sizes are the numbers of o beside what they usually are.
func (o *Options) sizes() []size {
	return []size{
		{"cases of each op", &o.Cases, usualCases},
		{"random programs", &o.Programs, usualPrograms},
		{"ops in a random program", &o.MaxOps, usualOps},
	}
}

type size struct {
	what  string
	n     *int
	usual int
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	if o.Seed == 0 {
		o.Seed = 1
	}
	for _, s := range o.sizes() {
		if *s.n == 0 {
			*s.n = s.usual
		}
	}
	return o
}

// forTest is withDefaults as the environment and the flags of t want it.
func (o Options) forTest(t *testing.T) Options {
	if o.Seed == 0 {
		if s := os.Getenv("SHOAL_SEED"); s != "" {
			n, err := strconv.ParseUint(s, 0, 64)
			if err != nil {
				t.Fatalf("SHOAL_SEED: %v", err)
			}
			o.Seed = n
		}
	}
	o = o.withDefaults()
	for _, d := range o.sizes() {
		if testing.Short() {
			*d.n = max(*d.n/4, 1)
		}
		if *d.n < d.usual {
			t.Logf("reduced: %d %s, not %d", *d.n, d.what, d.usual)
		}
	}
	return o
}

// Run holds dev to the reference and to the contract of package device.
func Run(t *testing.T, dev device.Device, o Options) {
	o = o.forTest(t)
	t.Logf("device %+v, seed %d", dev.Caps(), o.Seed)
	var ran counts
	defer func() { t.Log(ran) }()
	t.Run("contract", func(t *testing.T) { contract(t, dev) })
	t.Run("ops", func(t *testing.T) {
		for _, def := range ops.All {
			t.Run(def.Name, func(t *testing.T) {
				if generators[def.Name] == nil {
					t.Fatalf("op %s has no generator in devicetest: its bytes were not compared", def.Name)
				}
				cases := opBatches(def, o.Seed, o.Cases)
				if len(cases) == 0 {
					t.Fatalf("the generator of %s found nothing legal: its bytes were not compared", def.Name)
				}
				compareAll(t, dev, cases)
				for _, c := range cases {
					ran.ops += len(c.Program.Nodes())
				}
			})
		}
	})
	t.Run("programs", func(t *testing.T) {
		for i := range o.Programs {
			compareAll(t, dev, []Case{ProgramCase(o.Seed, i, o.MaxOps)})
			ran.programs++
		}
	})
	t.Run("whole", func(t *testing.T) {
		models, err := Models()
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, dev, append(models, o.Whole...))
		ran.whole = len(models) + len(o.Whole)
	})
}

// counts is what was compared.
type counts struct{ ops, programs, whole int }

func (c counts) String() string {
	return fmt.Sprintf("compared %d cases of ops, %d random programs, %d whole programs", c.ops, c.programs, c.whole)
}

// ProgramCase is random program number i of a seed.
func ProgramCase(seed uint64, i, maxOps int) Case {
	s := seed<<20 + uint64(i)
	return Case{Name: "program " + strconv.FormatUint(s, 10), Program: RandomProgram(s, maxOps), Seed: s}
}

// maxFailures is when a list of cases stops: one fault shows in many.
const maxFailures = 3

func compareAll(t *testing.T, dev device.Device, cases []Case) {
	t.Helper()
	failures := 0
	for _, c := range cases {
		err := Compare(t.Context(), dev, c)
		if err == nil {
			continue
		}
		t.Error(err)
		if failures++; failures >= maxFailures {
			t.Fatalf("stopped after %d failures", failures)
		}
	}
}
