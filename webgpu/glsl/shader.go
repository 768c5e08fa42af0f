package glsl

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// lines collects statements at one indentation.
type lines struct {
	b      strings.Builder
	indent string
}

func (l *lines) add(format string, args ...any) {
	l.b.WriteString(l.indent)
	fmt.Fprintf(&l.b, format, args...)
	l.b.WriteByte('\n')
}

// put appends what other collected.
func (l *lines) put(other *lines) { l.b.WriteString(other.b.String()) }

// open starts a block, close ends it.
func (l *lines) open(format string, args ...any) {
	l.add(format+" {", args...)
	l.indent += "  "
}

func (l *lines) close() {
	l.indent = l.indent[2:]
	l.add("}")
}

// memory is a buffer of the kernel, or a temporary of the step by name.
type memory struct {
	buf   int
	temp  string // "": a buffer
	dtype kernel.DType
}

func temporary(name string) memory { return memory{buf: -1, temp: name, dtype: kernel.I32} }

// pass is a code with what a step binds to it.
type pass struct {
	code     *launch.Code
	bindings []memory
	words    []string // names of the parameters
}

// shader is one text while it is printed.
type shader struct {
	key     string
	width   int
	reads   []memory
	writes  []memory
	words   []string
	helpers []string
	have    map[string]bool
}

func newShader(key string, width int) *shader {
	return &shader{key: key, width: width, have: map[string]bool{}}
}

// sampler is the name of a memory that is read.
func (s *shader) sampler(m memory) string {
	for i, r := range s.reads {
		if r == m {
			return fmt.Sprintf("b%d", i)
		}
	}
	s.reads = append(s.reads, m)
	return fmt.Sprintf("b%d", len(s.reads)-1)
}

// target is the name of a memory that is written.
func (s *shader) target(m memory) string {
	s.writes = append(s.writes, m)
	return fmt.Sprintf("o%d", len(s.writes)-1)
}

// word is a parameter by name, under which it may be used.
func (s *shader) word(name string) string {
	for _, w := range s.words {
		if w == name {
			return name
		}
	}
	s.words = append(s.words, name)
	return name
}

// need adds a helper once. Those it calls must have been added before.
func (s *shader) need(name, text string) string {
	if !s.have[name] {
		s.have[name] = true
		s.helpers = append(s.helpers, text)
	}
	return name
}

// place is the place of texel t.
func (s *shader) place(t string) string {
	return s.need("place", fmt.Sprintf("ivec2 place(int t) {\n  return ivec2(t & %d, t >> %d);\n}\n", s.width-1, bits.Len(uint(s.width))-1)) + "(" + t + ")"
}

// texel reads the four elements of texel t of a memory.
func (s *shader) texel(m memory, t string) string {
	return fmt.Sprintf("texelFetch(%s, %s, 0)", s.sampler(m), s.place(t))
}

// pass assembles the text around the body of its main function, in which t is
// the number of the fragment's texel and at its place.
func (s *shader) pass(body *lines) *pass {
	s.word("texels")
	p := &pass{words: s.words}
	c := &launch.Code{Key: s.key, Entry: "main", Params: len(s.words)}
	var b strings.Builder
	b.WriteString("#version 300 es\n")
	fmt.Fprintf(&b, "// %s\n", s.key)
	b.WriteString("precision highp float;\nprecision highp int;\nprecision highp isampler2D;\n")
	fmt.Fprintf(&b, "layout(std140) uniform Params { ivec4 params[%d]; };\n", (len(s.words)+3)/4)
	for i, w := range s.words {
		fmt.Fprintf(&b, "#define %s params[%d].%c\n", w, i/4, "xyzw"[i%4])
	}
	for i, m := range s.reads {
		fmt.Fprintf(&b, "uniform isampler2D b%d;\n", i)
		c.Bindings = append(c.Bindings, launch.Binding{DType: m.dtype})
	}
	for i, m := range s.writes {
		fmt.Fprintf(&b, "layout(location = %d) out ivec4 o%d;\n", i, i)
		c.Bindings = append(c.Bindings, launch.Binding{DType: m.dtype, Write: true})
	}
	for _, h := range s.helpers {
		b.WriteByte('\n')
		b.WriteString(h)
	}
	fmt.Fprintf(&b, `
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int t = at.y * %d + at.x;
  if (t >= texels) {
    return;
  }
`, s.width)
	b.WriteString(body.b.String())
	b.WriteString("}\n")
	c.Text = b.String()
	p.code = c
	p.bindings = append(append(p.bindings, s.reads...), s.writes...)
	return p
}
