package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/shoal-compute/shoal/hub/internal/trust"
	"github.com/shoal-compute/shoal/hub/internal/volunteer"
)

// lots are the secrets with which a job draws what is checked. They follow
// from the hub's own secret, so a hub that is started again draws the same. A job
// that goes back draws anew: by their verdicts volunteers have seen which of their
// shards were drawn, and may be given the same again.
type lots struct{ check, audit, pairs [32]byte }

func newLots(secret []byte, record Job) lots {
	of := func(what string) [32]byte {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "shoal lots: %s\n%s\n%d", what, record.ID, record.Generation)
		return [32]byte(mac.Sum(nil))
	}
	return lots{check: of("check"), audit: of("audit"), pairs: of("pairs")}
}

// falls reports whether v's result for a shard is drawn at rate p.
func falls(secret [32]byte, v volunteer.ID, shard ShardID, p float64) bool {
	return trust.Lot(secret, v, uint64(shard), int64(p*trust.Million))
}
