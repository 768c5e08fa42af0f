package clang

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Fingerprint identifies what a kernel computes. Code built from Print is
// stored under it, so that a lane whose build is older than an op falls back
// instead of computing something else.
func Fingerprint(k *kernel.Kernel) uint64 {
	h := sha256.New()
	put := func(v ...int) {
		for _, x := range v {
			_ = binary.Write(h, binary.LittleEndian, int64(x))
		}
	}
	h.Write([]byte(k.Name))
	put(len(k.Params), len(k.Bufs), len(k.Stores))
	for _, b := range k.Bufs {
		put(int(b.DType), truth(b.Out))
	}
	ids := map[*kernel.Expr]int{}
	k.Walk(func(e *kernel.Expr) {
		ids[e] = len(ids)
		put(int(e.Op), int(e.K))
		for _, a := range e.Args {
			put(ids[a])
		}
	})
	for _, s := range k.Stores {
		put(s.Buf, ids[s.Index], ids[s.Value], truth(s.Add))
	}
	if c := k.Contract; c != nil {
		put(c.A, c.B)
	}
	return binary.LittleEndian.Uint64(h.Sum(nil))
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
