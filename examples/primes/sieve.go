package main

import "math/bits"

const (
	// segment is how many odd numbers are sieved at once, one byte each.
	segment = 1 << 16
	// maxBase bounds the primes that the sieve crosses out with. Numbers up to
	// its square are decided by that alone; what is left of larger ones is
	// tested one by one.
	maxBase = 1 << 20
)

// search finds the primes p with from <= p < to.
func search(from, to uint64) *findings {
	f := &findings{from: from, to: to}
	if from <= 2 && to > 2 {
		f.add(2)
	}
	from = max(from, 3) | 1
	base := oddPrimes(min(isqrt(to), maxBase))
	var composite [segment]bool
	for from < to {
		// The numbers from, from+2, ... below to; counted so that nothing
		// overflows at the end of uint64.
		n := min((to-from+1)/2, segment)
		clear(composite[:n])
		for _, p := range base {
			cross(composite[:n], from, p)
		}
		last := from + 2*(n-1)
		for i := range n {
			if v := from + 2*i; !composite[i] && (last < maxBase*maxBase || isPrime(v)) {
				f.add(v)
			}
		}
		if last > last+2 {
			break
		}
		from = last + 2
	}
	return f
}

// cross marks the odd multiples of p from p*p on among from, from+2, ...
func cross(composite []bool, from, p uint64) {
	i := uint64(0) // of the first multiple
	if first := p * p; first >= from {
		i = (first - from) / 2
	} else if r := from % p; r != 0 {
		// from + (p - r) is a multiple; the next odd one is wanted.
		if d := p - r; d%2 == 0 {
			i = d / 2
		} else {
			i = (d + p) / 2
		}
	}
	for ; i < uint64(len(composite)); i += p {
		composite[i] = true
	}
}

// oddPrimes returns the odd primes up to n.
func oddPrimes(n uint64) []uint64 {
	composite := make([]bool, n+1)
	var primes []uint64
	for p := uint64(3); p <= n; p += 2 {
		if composite[p] {
			continue
		}
		primes = append(primes, p)
		for m := p * p; m <= n; m += 2 * p {
			composite[m] = true
		}
	}
	return primes
}

// isqrt returns the largest r with r*r <= n.
func isqrt(n uint64) uint64 {
	r := uint64(0)
	for bit := uint64(1) << 31; bit > 0; bit >>= 1 {
		if s := r + bit; s*s <= n {
			r = s
		}
	}
	return r
}

// isPrime reports whether the odd number n > 37 is prime, by the test of Miller
// and Rabin: with these twelve bases it is exact below 2^64 (Sorenson and
// Webster, 2015).
func isPrime(n uint64) bool {
	twos := bits.TrailingZeros64(n - 1)
	odd := (n - 1) >> twos
	for _, base := range [...]uint64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37} {
		if !strongProbable(n, base, odd, twos) {
			return false
		}
	}
	return true
}

func strongProbable(n, base, odd uint64, twos int) bool {
	x := uint64(1)
	for e := odd; e > 0; e >>= 1 {
		if e&1 == 1 {
			x = mulMod(x, base, n)
		}
		base = mulMod(base, base, n)
	}
	if x == 1 || x == n-1 {
		return true
	}
	for range twos - 1 {
		if x = mulMod(x, x, n); x == n-1 {
			return true
		}
	}
	return false
}

// mulMod returns a*b mod n for a and b below n.
func mulMod(a, b, n uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, r := bits.Div64(hi, lo, n)
	return r
}
