// Command primes is a shard that looks for primes in ranges of numbers. Its
// input is a range, as in "1000000 2000000", from the first number up to but
// not including the second; its output is one line of JSON.
//
// It is an example of work that is worth distributing: a few bytes go in, a few
// come out, and in between is nothing but arithmetic.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/shoal-compute/shoal/wasm/shard"
)

// maxWidth bounds a range, and with it what one run takes.
const maxWidth = 1 << 26

func main() {
	shard.Main(func(input []byte) ([]byte, error) {
		from, to, err := parse(string(input))
		if err != nil {
			return nil, err
		}
		return search(from, to).json(), nil
	})
}

func parse(line string) (from, to uint64, err error) {
	words := strings.Fields(line)
	if len(words) != 2 {
		return 0, 0, fmt.Errorf("want two numbers, got %q", line)
	}
	if from, err = strconv.ParseUint(words[0], 10, 64); err != nil {
		return 0, 0, err
	}
	if to, err = strconv.ParseUint(words[1], 10, 64); err != nil {
		return 0, 0, err
	}
	switch {
	case to < from:
		return 0, 0, errors.New("the range ends before it begins")
	case to-from > maxWidth:
		return 0, 0, fmt.Errorf("a range of %d numbers is too much for one run, at most %d are possible", to-from, maxWidth)
	}
	return from, to, nil
}

// findings are what is remarkable about a range.
type findings struct {
	from, to uint64
	primes   int
	twins    int    // pairs of primes that differ by 2, both in the range
	last     uint64 // the largest prime so far; 0: none yet
	gap      uint64 // the largest difference of neighbouring primes of the range
	after    uint64 // the first prime with that gap behind it
}

func (f *findings) add(p uint64) {
	if f.primes > 0 {
		gap := p - f.last
		if gap == 2 {
			f.twins++
		}
		if gap > f.gap {
			f.gap, f.after = gap, f.last
		}
	}
	f.primes++
	f.last = p
}

func (f *findings) json() []byte {
	return fmt.Appendf(nil, `{"from":%d,"to":%d,"primes":%d,"twins":%d,"gap":%d,"after":%d}`+"\n",
		f.from, f.to, f.primes, f.twins, f.gap, f.after)
}
