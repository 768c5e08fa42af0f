package main

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

func TestSearch(t *testing.T) {
	tests := []struct {
		from, to uint64
		want     string
	}{
		{0, 0, `{"from":0,"to":0,"primes":0,"twins":0,"gap":0,"after":0}`},
		{0, 3, `{"from":0,"to":3,"primes":1,"twins":0,"gap":0,"after":0}`},
		{2, 4, `{"from":2,"to":4,"primes":2,"twins":0,"gap":1,"after":2}`},
		{0, 1000, `{"from":0,"to":1000,"primes":168,"twins":35,"gap":20,"after":887}`},
		{0, 10000000, `{"from":0,"to":10000000,"primes":664579,"twins":58980,"gap":154,"after":4652353}`},
	}
	for _, tt := range tests {
		if got := strings.TrimSpace(string(search(tt.from, tt.to).json())); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// The sieve agrees with another implementation wherever it changes its ways:
// at the ends of segments, where trial alone no longer decides, and at the end
// of 64 bits.
func TestSearchAgainstBig(t *testing.T) {
	const width = 3000
	for _, from := range []uint64{
		1, 2*segment - width/2, 1e12, maxBase*maxBase - width/2, 1 << 62, math.MaxUint64 - width,
	} {
		got := search(from, from+width)
		want := &findings{from: from, to: from + width}
		for i := range uint64(width) {
			if new(big.Int).SetUint64(from + i).ProbablyPrime(20) {
				want.add(from + i)
			}
		}
		if *got != *want {
			t.Errorf("from %d: got %s want %s", from, got.json(), want.json())
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, line := range []string{"", "1", "1 2 3", "1 x", "-1 2", "5 4", "0 67108865", "0 18446744073709551616"} {
		if _, _, err := parse(line); err == nil {
			t.Errorf("no error for %q", line)
		}
	}
	if from, to, err := parse(" 7\t9\n"); err != nil || from != 7 || to != 9 {
		t.Errorf("got %d %d %v", from, to, err)
	}
}
