package glsl

import (
	"fmt"
	"math/bits"

	"github.com/shoal-compute/shoal/webgpu/kernel"
)

// layout is how an operand of a contraction lies in its texels.
type layout string

const (
	alongK  layout = "k" // a texel holds four k of a row or column
	across  layout = "x" // a texel holds four rows or columns at one k
	strided layout = "any"
)

// across4 is how many columns a tile has: one in each part of a texel.
const across4 = 4

// contractions are the first passes of matmuls, by the layouts of a and b, or
// for any layouts of both. They are the same for all kernels.
func contractions(width, tile int) map[[2]layout]*pass {
	all := map[[2]layout]*pass{}
	for _, a := range []layout{alongK, across} {
		for _, b := range []layout{alongK, across} {
			all[[2]layout{a, b}] = printContraction(width, tile, a, b)
		}
	}
	all[[2]layout{strided, strided}] = printContraction(width, tile, strided, strided)
	return all
}

// operand names what is particular to one of the two.
type operand struct {
	name  string // of its parameters
	value string // of what is loaded
	side  int    // of the tile: a multiple of 4
	mem   memory
	at    layout
	first string // its first row or column of the tile
	last  string // its last
	step  string // parameter: elements from one to the next
}

// printContraction prints the pass that leaves the sums of tiles, a row of each
// in every target: tile (batch, i, j) of stretch s of k is texel ((s*batches +
// batch) * tiles_m + i)*tiles_n + j, and acc<r> has its row r.
func printContraction(width, tile int, a, b layout) *pass {
	sh := newShader(fmt.Sprintf("contract %s %s", a, b), width)
	body := &lines{indent: "  "}
	w := sh.word
	body.add("int stretch = t / %s;", w("tiles"))
	body.add("int q = t - stretch * tiles;")
	body.add("int q1 = q / %s;", w("tiles_n"))
	body.add("int n = (q - q1 * tiles_n) * 4;")
	body.add("int q2 = q1 / %s;", w("tiles_m"))
	body.add("int m = (q1 - q2 * tiles_m) * %d;", tile)
	body.add("int q3 = q2 / %s;", w("batch1"))
	body.add("int q4 = q2 - q3 * batch1;")
	x := operand{"a", "x", tile, memory{buf: contractA, dtype: kernel.I8}, a, "m", w("size_m") + " - 1", w("a_m")}
	y := operand{"b", "y", across4, memory{buf: contractB, dtype: kernel.I8}, b, "n", w("cols") + " - 1", w("b_n")}
	x.start(sh, body)
	y.start(sh, body)
	for i := range tile {
		body.add("ivec4 s%d = ivec4(0);", i)
	}
	body.add("int from = stretch * %s;", w("stretch_k"))
	body.add("int to = min(from + stretch_k, %s);", w("size_k"))
	if a == strided {
		body.open("for (int k = from; k < to; k++)")
		x.loadOne(sh, body)
		y.loadOne(sh, body)
		for i := range tile {
			body.add("s%d += x%d.%c * y0;", i, i/4, "xyzw"[i%4])
		}
	} else {
		body.open("for (int k = from; k < to; k += 4)")
		x.load(sh, body, alongK)
		y.load(sh, body, across)
		body.open("if (k + 4 > size_k)")
		body.add("ivec4 some = -ivec4(lessThan(k + ivec4(0, 1, 2, 3), ivec4(size_k)));")
		for i := range tile {
			body.add("x%d &= some;", i)
		}
		body.close()
		for i := range tile {
			body.add("s%d += x%d.x * y0 + x%d.y * y1 + x%d.z * y2 + x%d.w * y3;", i, i, i, i, i)
		}
	}
	body.close()
	for i := range tile {
		body.add("%s = s%d;", sh.target(temporary(fmt.Sprintf("acc%d", i))), i)
	}
	return sh.pass(body)
}

// Buffers in the bindings of passes that serve all kernels.
const (
	contractA = -2
	contractB = -3
	added     = -4 // the output of an adding store
)

// start prints where the operand's tile begins.
func (o operand) start(sh *shader, body *lines) {
	w := func(what string) string { return sh.word(o.name + "_" + what) }
	body.add("int %s_at = %s + q3 * %s + q4 * %s;", o.name, w("off"), w("b0"), w("b1"))
	switch o.at {
	case across:
		body.add("%s_at += %s;", o.name, o.first)
	case alongK:
		for i := range o.side {
			body.add("int %s_at%d = (%s_at + min(%s + %d, %s) * %s) >> 2;", o.name, i, o.name, o.first, i, o.last, o.step)
		}
	case strided:
		for i := 0; i < o.side; i += 4 {
			body.add("ivec4 %s_at%d = %s_at + min(%s + ivec4(%d, %d, %d, %d), %s) * %s;", o.name, i/4, o.name, o.first, i, i+1, i+2, i+3, o.last, o.step)
		}
	}
}

// loadOne prints the operand's values at k, each from a texel of its own.
func (o operand) loadOne(sh *shader, body *lines) {
	sh.needElem()
	for i := range o.side / 4 {
		body.add("ivec4 %s%d = elem(%s, %s_at%d + k * %s);", o.value, i, sh.sampler(o.mem), o.name, i, sh.word(o.name+"_k"))
	}
}

// load prints the operand's values at k to k+3: along k as one vector for each
// row or column, across as one for each k. Where they lie the other way they
// are turned.
func (o operand) load(sh *shader, body *lines, want layout) {
	for four := 0; four < o.side; four += 4 {
		raw := o.value
		if o.at != want {
			raw += "_"
		}
		for i := range 4 {
			texel := fmt.Sprintf("%s_at%d + (k >> 2)", o.name, four+i)
			if o.at == across {
				texel = fmt.Sprintf("(%s_at + min(k + %d, size_k - 1) * %s + %d) >> 2", o.name, i, sh.word(o.name+"_k"), four)
			}
			body.add("ivec4 %s%d = %s;", raw, four+i, sh.texel(o.mem, texel))
		}
		if o.at == want {
			continue
		}
		for i, c := range "xyzw" {
			body.add("ivec4 %s%d = ivec4(%s%d.%c, %s%d.%c, %s%d.%c, %s%d.%c);", o.value, four+i, raw, four, c, raw, four+1, c, raw, four+2, c, raw, four+3, c)
		}
	}
}

// accumulator is the load of what the first pass left.
func (s *scope) accumulator() value {
	if !s.have["acc"] {
		s.needAcc()
	}
	if v := s.view; !v.row.wide {
		return value{fmt.Sprintf("acc(%s, %s)", v.row.text, v.first), true}
	}
	s.need("pick", pick)
	one := func(c string) string {
		return fmt.Sprintf("pick(acc(row.%s, col.%s), col.%s)", c, c, c)
	}
	return value{fmt.Sprintf("ivec4(%s, %s, %s, %s)", one("x"), one("y"), one("z"), one("w")), true}
}

// needAcc adds the functions that find the sums of a row and the four columns
// of its tile.
func (s *scope) needAcc() {
	tile := s.module.tile
	f := &lines{}
	s.place("")
	f.open("ivec4 tile_at(int q, int m)")
	for i := range tile - 1 {
		f.open("if (m == %d)", i)
		f.add("return %s;", s.texel(temporary(fmt.Sprintf("acc%d", i)), "q"))
		f.close()
	}
	f.add("return %s;", s.texel(temporary(fmt.Sprintf("acc%d", tile-1)), "q"))
	f.close()
	s.need("tile_at", f.b.String())
	f = &lines{}
	f.open("ivec4 acc(int row, int col)")
	f.add("int batch = row / %s;", s.word("size_m"))
	f.add("int m = row - batch * size_m;")
	f.add("int i = m >> %d;", bits.Len(uint(tile))-1)
	f.add("int q = (batch * %s + i) * %s + (col >> 2);", s.word("tiles_m"), s.word("tiles_n"))
	f.add("m &= %d;", tile-1)
	f.add("ivec4 sum = tile_at(q, m);")
	f.open("for (int i = 1; i < %s; i++)", s.word("stretches"))
	f.add("sum += tile_at(q + i * %s, m);", s.word("tiles"))
	f.close()
	f.add("return sum;")
	f.close()
	s.need("acc", f.b.String())
}
