package audit

import (
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Sample says how many shards to compute again: all, a number, or a share.
type Sample struct {
	All   bool
	Count int64
	share *big.Rat // of all shards, in (0, 1)
}

// ParseSample reads "5%", "0.1%", "100%" or a number.
func ParseSample(text string) (Sample, error) {
	percent, isShare := strings.CutSuffix(text, "%")
	if !isShare {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return Sample{}, fmt.Errorf("%q is neither a number nor a percentage such as 5%%", text)
		}
		return Sample{Count: n}, nil
	}
	if strings.Trim(percent, "0123456789.") != "" || len(percent) > 20 {
		return Sample{}, fmt.Errorf("%q is no percentage", text)
	}
	share, ok := new(big.Rat).SetString(percent)
	if !ok {
		return Sample{}, fmt.Errorf("%q is no percentage", text)
	}
	share.Quo(share, big.NewRat(100, 1))
	switch share.Cmp(big.NewRat(1, 1)) {
	case 0:
		return Sample{All: true}, nil
	case 1:
		return Sample{}, errors.New("more than 100 %")
	}
	return Sample{share: share}, nil
}

// of is how many of n shards the sample has: a share is rounded up, so that a
// sample of a small job is not empty.
func (s Sample) of(n int64) int64 {
	switch {
	case s.All:
		return n
	case s.share == nil:
		return min(s.Count, n)
	}
	num := new(big.Int).Mul(s.share.Num(), big.NewInt(n))
	num.Add(num, s.share.Denom()).Sub(num, big.NewInt(1))
	return min(num.Quo(num, s.share.Denom()).Int64(), n)
}

// draw yields the numbers 0 to n-1 in a random order, each once.
type draw struct {
	left  int64
	moved map[int64]int64 // a shuffle of numbers of which few are ever looked at
	rng   *rand.Rand
}

func newDraw(n int64, seed [32]byte) *draw {
	return &draw{left: n, moved: map[int64]int64{}, rng: rand.New(rand.NewChaCha8(seed))}
}

// next returns up to n numbers; none when all were drawn.
func (d *draw) next(n int64) []int64 {
	var numbers []int64
	for ; n > 0 && d.left > 0; n-- {
		i := d.rng.Int64N(d.left)
		d.left--
		numbers = append(numbers, d.at(i))
		d.moved[i] = d.at(d.left)
		delete(d.moved, d.left)
	}
	return numbers
}

func (d *draw) at(i int64) int64 {
	if to, ok := d.moved[i]; ok {
		return to
	}
	return i
}
