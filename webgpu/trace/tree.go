package trace

import (
	"crypto/sha256"
	"encoding/hex"
	"math/bits"
)

// Digest is a SHA-256: of a value's bytes, of a leaf or of a node.
type Digest [sha256.Size]byte

// String returns the lower-case hexadecimal form.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// DigestOf is the digest of a value: its elements, little-endian and dense.
func DigestOf(value []byte) Digest { return sha256.Sum256(value) }

// Leaf is the hash of an op whose outputs have these digests.
func Leaf(outputs []Digest) Digest {
	b := make([]byte, 1, 1+len(outputs)*sha256.Size) // a leaf begins with 0
	for i := range outputs {
		b = append(b, outputs[i][:]...)
	}
	return sha256.Sum256(b)
}

// Node is the hash of an inner node.
func Node(left, right Digest) Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Split is how many of n >= 2 leaves are below the left child of their root:
// the largest power of two below n.
func Split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// Depth is the number of nodes between the root and the deepest of n leaves:
// the logarithm of n, rounded up.
func Depth(n int) int { return bits.Len(uint(n - 1)) }

// tree holds all nodes: level k has one for every 2^k leaves. A last node
// without a sibling is its own parent, which gives the shape that Split says.
type tree [][]Digest

func grow(leaves []Digest) tree {
	t := tree{leaves}
	for len(leaves) > 1 {
		up := make([]Digest, (len(leaves)+1)/2)
		for i := range up {
			up[i] = leaves[2*i]
			if 2*i+1 < len(leaves) {
				up[i] = Node(leaves[2*i], leaves[2*i+1])
			}
		}
		t = append(t, up)
		leaves = up
	}
	return t
}

// node is the root of the n leaves from lo on, which are all below one node.
func (t tree) node(lo, n int) Digest {
	level := Depth(n)
	return t[level][lo>>level]
}

// path lists the siblings of leaf i on its way to the root.
func (t tree) path(i int) []Digest {
	var path []Digest
	for _, level := range t[:len(t)-1] {
		if s := i ^ 1; s < len(level) {
			path = append(path, level[s])
		}
		i >>= 1
	}
	return path
}

// climb is the root of a tree of n leaves that has leaf at i, by the siblings
// on the way. It fails when there are too few of them or too many.
func climb(leaf Digest, i, n int, path []Digest) (Digest, bool) {
	if i < 0 || i >= n {
		return Digest{}, false
	}
	h := leaf
	for ; n > 1; n = (n + 1) / 2 {
		if i^1 < n {
			if len(path) == 0 {
				return Digest{}, false
			}
			if i&1 == 0 {
				h = Node(h, path[0])
			} else {
				h = Node(path[0], h)
			}
			path = path[1:]
		}
		i >>= 1
	}
	return h, len(path) == 0
}
