package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/hub/job/mapping"
	"github.com/shoal-compute/shoal/wasm/sandbox"
	"github.com/shoal-compute/shoal/wasm/sandbox/wazerobox"
)

func newMap(s streams) *cobra.Command {
	var (
		limits limitFlags
		jobs   int
		null   bool
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "map PROG.wasm",
		Short: "Run a module on every line of standard input",
		Long: "Run a module on every line of standard input, in the sandbox that volunteers run it in,\n" +
			"and print what each run returns as one line, in the order of the inputs. A run that\n" +
			"fails leaves an empty line; why is told on standard error, and the exit code is 1 in the\n" +
			"end. So is that of an output of several lines: --null separates inputs and outputs by\n" +
			"zero bytes instead, and --json prints an object for each, as outputs.jsonl of a map job.",
		Args: exactly(1, "a WebAssembly module"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := limits.limits(c)
			if err != nil {
				return err
			}
			if jobs < 1 || jobs > maxJobs {
				return usagef(c, "--jobs: want 1 to %d, got %d", maxJobs, jobs)
			}
			module, err := readModule(c.Context(), s, args[0])
			if err != nil {
				return err
			}
			p := pipe{streams: s, module: module, limits: l, jobs: jobs, json: asJSON, separator: '\n'}
			if null {
				p.separator = 0
			}
			return p.run(c.Context())
		},
	}
	limits.flags(c)
	c.Flags().IntVarP(&jobs, "jobs", "j", min(runtime.GOMAXPROCS(0), maxJobs), "runs at the same time")
	c.Flags().BoolVarP(&null, "null", "0", false, "inputs and outputs end in a zero byte instead of a line end")
	c.Flags().BoolVar(&asJSON, "json", false, "print every outcome as a JSON object")
	return c
}

const maxJobs = 256

// pipe is one `shoal map`. It has these goroutines: one reads inputs and queues
// each twice, for the workers and, in order, for the writer; p.jobs workers run
// the module; the caller's writes. Both queues are bounded by the workers, so a
// slow reader of the output holds up the input. All are waited for but the one
// that reads: when the command is interrupted, it may be waiting for somebody at
// a keyboard.
type pipe struct {
	streams
	module    []byte
	limits    sandbox.Limits
	jobs      int
	separator byte
	json      bool
}

// item is one input on its way.
type item struct {
	input   []byte
	done    chan struct{} // closed when one of the following is there
	outcome job.Outcome
	err     error
}

func (p *pipe) run(ctx context.Context) error {
	host, err := wazerobox.New(ctx, wazerobox.Options{})
	if err != nil {
		return err
	}
	defer host.Close()
	// Load it once before anything is read: a module that cannot be run is
	// bad usage, whatever the input.
	first, err := loadModule(ctx, host, p.module, p.limits)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	work, order := make(chan *item), make(chan *item, 2*p.jobs)
	read := make(chan error, 1)
	go func() {
		defer close(order)
		read <- p.read(ctx, work, order)
	}()
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop() // and then wait
	for i := range p.jobs {
		m := first
		if i > 0 {
			m = nil
		}
		wait.Go(func() { p.work(ctx, host, m, work) })
	}
	if err := p.write(ctx, order); err != nil {
		return err
	}
	return <-read
}

// read queues every input.
func (p *pipe) read(ctx context.Context, work, order chan<- *item) error {
	r := bufio.NewReaderSize(p.in, 64<<10)
	for n := 1; ; n++ {
		input, err := p.next(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &inputError{fmt.Errorf("input %d: %w", n, err)}
		}
		it := &item{input: input, done: make(chan struct{})}
		for _, queue := range []chan<- *item{order, work} {
			select {
			case queue <- it:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

var errTooLong = fmt.Errorf("has more than %d bytes", mapping.MaxInput)

// next returns the next input without its end.
func (p *pipe) next(r *bufio.Reader) ([]byte, error) {
	var input []byte
	for {
		part, err := r.ReadSlice(p.separator)
		input = append(input, part...)
		switch {
		case len(input) > mapping.MaxInput+2: // its end is none of it
			return nil, errTooLong
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(input) == 0, err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		input = bytes.TrimSuffix(input, []byte{p.separator})
		if p.separator == '\n' {
			input = bytes.TrimSuffix(input, []byte("\r"))
		}
		if len(input) > mapping.MaxInput {
			return nil, errTooLong
		}
		return input, nil
	}
}

// work runs the module on inputs until ctx ends. Every worker has a module to
// itself; m is already loaded or nil.
func (p *pipe) work(ctx context.Context, host sandbox.Host, m sandbox.Module, queue <-chan *item) {
	defer func() {
		if m != nil {
			m.Close()
		}
	}()
	for {
		var it *item
		select {
		case it = <-queue:
		case <-ctx.Done():
			return
		}
		if m == nil {
			m, it.err = host.Load(ctx, p.module, p.limits)
		}
		if it.err == nil {
			it.outcome, it.err = m.Run(ctx, it.input)
		}
		it.input = nil
		close(it.done)
	}
}

// write prints the outcomes in order.
func (p *pipe) write(ctx context.Context, order <-chan *item) error {
	out := bufio.NewWriter(p.out)
	n, failed := 0, 0
	for {
		var it *item
		select {
		case it = <-order:
		case <-ctx.Done():
			return ctx.Err()
		}
		if it == nil { // that was the last
			break
		}
		n++
		select {
		case <-it.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if it.err != nil {
			return fmt.Errorf("input %d: %w", n, it.err)
		}
		problem, err := p.print(out, n, it.outcome)
		if problem != "" {
			failed++
			fmt.Fprintf(p.err, "shoal: input %d %s\n", n, problem)
		}
		if err == nil && len(order) == 0 {
			err = out.Flush() // nobody should wait for what is done
		}
		if err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d inputs failed", failed, n)
	}
	return nil
}

// print writes one outcome and says what is wrong with it, if anything is.
func (p *pipe) print(w io.Writer, n int, o job.Outcome) (problem string, err error) {
	if o.Status != job.Returned {
		problem = mapping.Reason(o)
	}
	if p.json {
		return problem, writeJSON(w, mapping.NewLine(n-1, o, false))
	}
	var output []byte
	if o.Status == job.Returned {
		output = o.Output
		if p.separator == '\n' {
			output = bytes.TrimSuffix(output, []byte("\n"))
		}
		if bytes.IndexByte(output, p.separator) >= 0 {
			problem = "returned more than one line: see --null and --json"
			if p.separator == 0 {
				problem = "returned a zero byte: see --json"
			}
			output = nil
		}
	}
	_, err = w.Write(append(output[:len(output):len(output)], p.separator))
	return problem, err
}
