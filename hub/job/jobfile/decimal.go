package jobfile

import (
	"errors"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
)

// maxDigits bounds the digits on either side of the point: enough for any
// rate a Q26 learning rate can tell apart, small enough for exact arithmetic
// to stay cheap.
const maxDigits = 18

// decimal turns "3e-3", "0.0030" and "0.003" into the one form "0.003".
func decimal(text string) (job.Decimal, error) {
	mantissa, exponent, hasExp := strings.Cut(strings.ToLower(text), "e")
	exp := 0
	if hasExp {
		var ok bool
		if exp, ok = smallInt(exponent); !ok {
			return "", errors.New("the exponent must be a whole number between -18 and 18")
		}
	}
	whole, frac, hasPoint := strings.Cut(strings.TrimPrefix(mantissa, "+"), ".")
	if strings.HasPrefix(whole, "-") {
		return "", errors.New("must not be negative")
	}
	if whole+frac == "" || !digits(whole) || !digits(frac) || (hasPoint && frac == "") {
		return "", errors.New("want a decimal number such as 0.003")
	}
	if len(whole) > 2*maxDigits || len(frac) > 2*maxDigits {
		return "", errors.New("has too many digits")
	}

	// Move the point by the exponent, then drop zeros that say nothing.
	all := whole + frac
	point := len(whole) + exp
	if point < 0 {
		all, point = strings.Repeat("0", -point)+all, 0
	}
	if point > len(all) {
		all += strings.Repeat("0", point-len(all))
	}
	whole = strings.TrimLeft(all[:point], "0")
	frac = strings.TrimRight(all[point:], "0")
	if len(whole) > maxDigits || len(frac) > maxDigits {
		return "", errors.New("has more than 18 digits before or after the point")
	}
	if whole == "" {
		whole = "0"
	}
	if frac == "" {
		return job.Decimal(whole), nil
	}
	return job.Decimal(whole + "." + frac), nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// smallInt reads an exponent: an optional sign and one or two digits, at most
// 18 in magnitude.
func smallInt(s string) (int, bool) {
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = -1, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 2 || !digits(s) {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		n = 10*n + int(s[i]-'0')
	}
	return sign * n, n <= maxDigits
}
