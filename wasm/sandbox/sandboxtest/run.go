package sandboxtest

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// Run runs the cases with known outcomes on a host.
func Run(t *testing.T, h sandbox.Host) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Check(t.Context(), h); err != nil {
				t.Error(err)
			}
		})
	}
}

func zeros(n int) string { return strings.Repeat("\x00", n) }

// randomBytes are what modules are given for random ones.
func randomBytes(n int) string {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		h := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("shoal: these bytes are not random\n"), i))
		b = append(b, h[:]...)
	}
	return string(b[:n])
}
