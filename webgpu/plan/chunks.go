package plan

import (
	"cmp"
	"slices"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// Life is a need of memory: Size bytes from step First to step Last, both
// included. It may share memory with others of its DType alone, or with any
// where all have the same.
type Life struct {
	DType       kernel.DType
	Size        int64 // bytes
	First, Last int   // steps
}

// Temporaries lists the lives of the temporary values by value of the program;
// those of other values have no size.
func (p *Plan) Temporaries() []Life {
	lives := make([]Life, p.Program.Values())
	for i, s := range p.Steps {
		for b, slot := range s.Bufs {
			if slot.Place != Arena {
				continue
			}
			l := &lives[slot.Value]
			if l.Size == 0 {
				*l = Life{DType: s.Kernel.Bufs[b].DType, Size: int64(slot.Size), First: i}
			}
			l.Last = i
		}
	}
	return lives
}

// Chunk is memory that lives share, each in its time.
type Chunk struct {
	DType kernel.DType
	Size  int64 // of the largest life in it
}

// maxWaste is how many times its own size the chunk of a life may have, where
// the chunk is larger than smallChunk: a device may have to zero the whole
// chunk for it, and small chunks of their own cost little.
const (
	maxWaste   = 8
	smallChunk = 1 << 16
)

// Chunks is the plan of devices whose memory is not one arena: it gives every
// life with a size one whole chunk that it shares with no life of the same
// time. chunks are by size within their type, the largest first, so that
// several plans can share one set; of tells the chunk of every life.
//
// The lives are placed by size, the largest first, each in the smallest chunk
// that is free for its time.
func Chunks(lives []Life) (chunks []Chunk, of []int) {
	order := make([]int, 0, len(lives))
	for i, l := range lives {
		if l.Size > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := lives[i], lives[j]
		return cmp.Or(cmp.Compare(a.DType, b.DType), cmp.Compare(b.Size, a.Size))
	})
	of = make([]int, len(lives))
	var taken []calendar
	first := 0 // chunk of this type
	for _, i := range order {
		l := lives[i]
		if n := len(chunks); n > 0 && chunks[n-1].DType != l.DType {
			first = n
		}
		c := len(chunks) - 1
		for ; c >= first; c-- {
			if size := chunks[c].Size; size > smallChunk && size/maxWaste > l.Size {
				c = first - 1 // those before are larger still
				break
			}
			if taken[c].free(l) {
				break
			}
		}
		if c < first {
			c = len(chunks)
			chunks = append(chunks, Chunk{l.DType, l.Size})
			taken = append(taken, nil)
		}
		taken[c].take(l)
		of[i] = c
	}
	return chunks, of
}

// calendar is the lives in a chunk, in order of time.
type calendar []Life

// after is the place of the first life that starts after l does.
func (c calendar) after(l Life) int {
	i, _ := slices.BinarySearchFunc(c, l.First+1, func(x Life, step int) int { return cmp.Compare(x.First, step) })
	return i
}

func (c calendar) free(l Life) bool {
	i := c.after(l)
	return (i == 0 || c[i-1].Last < l.First) && (i == len(c) || c[i].First > l.Last)
}

func (c *calendar) take(l Life) { *c = slices.Insert(*c, c.after(l), l) }
