package peers

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// operands are two square matrices of bytes, row after row, over the whole
// range of a byte. Lanes read them as signed or unsigned.
type operands struct {
	n    int
	a, b []byte
}

func newOperands(n int) operands {
	s := rand.NewPCG(1, uint64(n))
	draw := func() []byte {
		m := make([]byte, n*n)
		for i := 0; i+8 <= len(m); i += 8 {
			binary.LittleEndian.PutUint64(m[i:], s.Uint64())
		}
		return m
	}
	return operands{n: n, a: draw(), b: draw()}
}

// digest is the SHA-256, in hexadecimal, of the little-endian 32-bit elements
// of a x b, the bytes of each read as signed or unsigned.
func (o operands) digest(signedA, signedB bool) string {
	value := func(x byte, signed bool) int32 {
		if signed {
			return int32(int8(x))
		}
		return int32(x)
	}
	b := make([]int32, len(o.b))
	for i, x := range o.b {
		b[i] = value(x, signedB)
	}
	h, row := sha256.New(), make([]int32, o.n)
	for i := range o.n {
		clear(row)
		for k := range o.n {
			a := value(o.a[i*o.n+k], signedA)
			for j, x := range b[k*o.n : (k+1)*o.n] {
				row[j] += a * x
			}
		}
		_ = binary.Write(h, binary.LittleEndian, row) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}

// transposed is the same product with b stored column after column.
func (o operands) transposed() operands {
	t := operands{n: o.n, a: o.a, b: make([]byte, len(o.b))}
	for i := range o.n {
		for j := range o.n {
			t.b[j*o.n+i] = o.b[i*o.n+j]
		}
	}
	return t
}
