package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// readInput reads a whole file, or standard input for "-", of at most limit
// bytes: either may have no end. It does not outlast ctx, but the goroutine that
// reads may: somebody at a keyboard, or at the other end of a pipe, can be waited
// for and not be interrupted. It then ends with the process.
func readInput(ctx context.Context, s streams, name string, limit int64) ([]byte, error) {
	type input struct {
		text []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		text, err := readUpTo(s, name, limit+1)
		read <- input{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case in := <-read:
		switch {
		case in.err != nil:
			return nil, &inputError{in.err}
		case int64(len(in.text)) > limit:
			if name == "-" {
				name = "standard input"
			}
			return nil, &inputError{fmt.Errorf("%s has more than %d bytes", name, limit)}
		}
		return in.text, nil
	}
}

func readUpTo(s streams, name string, limit int64) ([]byte, error) {
	in := s.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, limit))
}
