package trust

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// Million is the unit of probabilities that money or a verdict depends on:
// they are integers, in parts per million.
const Million = 1_000_000

// Stake is the least stake S that makes a lie a loss on average,
// p*S > (1-p)*gain, for a lie that is caught with probability p in parts per
// million.
func Stake(caught, gain int64) (int64, error) {
	switch {
	case caught < 1 || caught > Million:
		return 0, fmt.Errorf("trust: %d parts per million caught, want 1 to %d", caught, Million)
	case gain < 0:
		return 0, fmt.Errorf("trust: gain %d is negative", gain)
	}
	hi, lo := bits.Mul64(uint64(Million-caught), uint64(gain))
	if hi >= uint64(caught) {
		return 0, fmt.Errorf("trust: no stake outweighs a gain of %d that is caught at %d parts per million", gain, caught)
	}
	q, _ := bits.Div64(hi, lo, uint64(caught))
	if q >= math.MaxInt64 {
		return 0, fmt.Errorf("trust: no stake outweighs a gain of %d that is caught at %d parts per million", gain, caught)
	}
	return int64(q) + 1, nil
}

// Lot reports whether a volunteer's result is drawn for a check at this rate
// in parts per million. The draw depends on a secret of the job, so nobody can
// foresee it; with the secret published, anybody can see afterwards that it was
// fair.
func Lot(secret [32]byte, v volunteer.ID, shard uint64, rate int64) bool {
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(v[:])
	mac.Write(binary.LittleEndian.AppendUint64(nil, shard))
	hi, _ := bits.Mul64(binary.LittleEndian.Uint64(mac.Sum(nil)), Million)
	return int64(hi) < rate
}
