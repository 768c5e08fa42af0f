package wgsl_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
	"github.com/shoal-compute/shoal/webgpu/plan"
	"github.com/shoal-compute/shoal/webgpu/wgsl"
)

// limits are those that WebGPU promises.
var limits = launch.Limits{Bindings: 8, Binding: 128 << 20, Lanes: 256, Shared: 16 << 10, Side: 65535}

// kernels are those of every op and every fusion.
func kernels() []*kernel.Kernel { return append(plan.Kernels(), plan.FusedKernels()...) }

// eachCode calls f for every text of every kernel and variant, once.
func eachCode(f func(variant int, k *kernel.Kernel, c *launch.Code)) {
	seen := map[string]bool{}
	for i, o := range wgsl.Variants(limits, true) {
		p := wgsl.New(o)
		for _, k := range kernels() {
			for _, c := range p.Codes(k) {
				if !seen[c.Text] {
					seen[c.Text] = true
					f(i, k, c)
				}
			}
		}
	}
}

// TestLint holds every text to the subset of WGSL that all implementations
// get right.
func TestLint(t *testing.T) {
	eachCode(func(_ int, _ *kernel.Kernel, c *launch.Code) {
		for _, e := range lint(c.Text) {
			t.Errorf("%s: %s", c.Key, e)
		}
		if err := facts(c); err != nil {
			t.Errorf("%s: %v", c.Key, err)
		}
	})
	for _, i := range instances(t) { // memories in parts, too
		s, err := wgsl.New(wgsl.Options{Limits: launch.Limits{Bindings: 1 << 20, Binding: 256, Lanes: 256, Side: 65535}}).Step(i)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Passes {
			for _, e := range lint(p.Code.Text) {
				t.Errorf("%s: %s", p.Code.Key, e)
			}
		}
	}
}

var (
	identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	variable   = regexp.MustCompile(`\bvar\b(<\w+(?:, \w+)?>)?\s+\w+(?::\s*[^=;]+)?\s*(=?)`)
	function   = regexp.MustCompile(`^fn \w+\(.*\) -> `)
	declared   = regexp.MustCompile(`\b(?:let|var|fn)(?:<\w+(?:, \w+)?>)? (\w+)`)
	divides    = regexp.MustCompile(`[^/][/%] *([^ /].*)`)
	divisor    = regexp.MustCompile(`^(?:[1-9][0-9]*u?\b|u32\([1-9][0-9]*\)|u32\(max\([^()]*(?:\[\d+\]\.\w)?, 1\)\)|vec4<u32>\(vec4<i32>\([1-9][0-9]*\)\)|vec4<u32>\(max\([^()]*(?:\([^()]*\))?, vec4<i32>\(1\)\)\))`)
)

// banned are words that no text may use: what some implementation gets wrong
// or does not know, and floats, which no device computes with.
var banned = strings.Fields(`extractBits insertBits countLeadingZeros countTrailingZeros
	override requires enable const_assert f16 f32 vec2f vec3f vec4f sqrt floor ceil pack4xI8 unpack4xI8
	subgroupAdd subgroupMax subgroupOr ptr loop switch`)

// reserved are words that WGSL keeps for itself, of which naga knows few.
var reserved = strings.Fields(`NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await
	become cast catch class co_await co_return co_yield coherent column_major common compile compile_fragment concept
	const_cast consteval constexpr constinit crate debugger decltype delete demote demote_to_helper do dynamic_cast
	enum explicit export extends extern external fallthrough filter final finally friend from fxgroup get goto
	groupshared highp impl implements import inline instanceof interface layout lowp macro macro_rules match mediump
	meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent
	noperspective null nullptr of operator package packoffset partition pass patch pixelfragment precise precision
	premerge priv protected pub public readonly ref regardless register reinterpret_cast require resource restrict
	self set shared sizeof smooth snorm static static_assert static_cast std subroutine super target template this
	thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe unsized use using
	varying virtual volatile wgsl where with writeonly yield`)

// lint lists what is wrong with a text.
func lint(text string) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	returns := false // inside a function that returns a value
	last := ""       // statement
	for i, line := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(line, "//")
		for _, word := range identifier.FindAllString(code, -1) {
			if slices.Contains(banned, word) {
				bad("line %d: %s", i+1, word)
			}
		}
		for _, name := range declared.FindAllStringSubmatch(code, -1) {
			if slices.Contains(reserved, name[1]) || strings.HasPrefix(name[1], "__") {
				bad("line %d: %s is reserved", i+1, name[1])
			}
		}
		for _, v := range variable.FindAllStringSubmatch(code, -1) {
			if v[1] == "" && v[2] == "" {
				bad("line %d: a variable without a first value", i+1)
			}
		}
		for _, d := range divides.FindAllStringSubmatch(code, -1) {
			if !divisor.MatchString(d[1]) {
				bad("line %d: divides by %s, which may be 0", i+1, d[1])
			}
		}
		switch trimmed := strings.TrimSpace(code); {
		case function.MatchString(code):
			returns = true
		case code == "}":
			if returns && !strings.HasPrefix(last, "return ") {
				bad("line %d: a function that returns a value ends with %q", i+1, last)
			}
			returns = false
		case trimmed != "" && strings.HasPrefix(code, "  ") && !strings.HasPrefix(code, "   "):
			last = trimmed
		}
	}
	return wrong
}

// facts compares what a code says of itself with its text.
func facts(c *launch.Code) error {
	shared := 0
	for _, m := range regexp.MustCompile(`var<workgroup> \w+: array<(i32|vec4<u32>), (\d+)>`).FindAllStringSubmatch(c.Text, -1) {
		size := map[string]int{"i32": 4, "vec4<u32>": 16}[m[1]]
		n := 0
		if _, err := fmt.Sscan(m[2], &n); err != nil {
			return err
		}
		shared += size * n
	}
	atomic := 0
	for _, b := range c.Bindings {
		if b.Atomic {
			atomic++
		}
	}
	for _, f := range []struct {
		what      string
		says, has int
	}{
		{"bytes of workgroup memory", c.Shared, shared},
		{"bindings", len(c.Bindings), strings.Count(c.Text, "@group(0)")},
		{"atomic bindings", atomic, strings.Count(c.Text, "array<atomic<i32>>")},
		{"uniform blocks of its parameters", 1, strings.Count(c.Text, fmt.Sprintf("@group(1) @binding(0) var<uniform> params: array<vec4<i32>, %d>;", (c.Params+3)/4))},
		{"workgroups of its size", 1, strings.Count(c.Text, fmt.Sprintf("@workgroup_size(%d)", c.Lanes))},
	} {
		if f.says != f.has {
			return fmt.Errorf("says it has %d %s, and has %d", f.says, f.what, f.has)
		}
	}
	if c.Shared > limits.Shared || c.Lanes > limits.Lanes {
		return fmt.Errorf("takes %d bytes of workgroup memory and %d invocations", c.Shared, c.Lanes)
	}
	return nil
}

// TestLintFinds checks that the linter sees what it is for.
func TestLintFinds(t *testing.T) {
	for _, text := range []string{
		"fn f() {\n  var x: i32;\n}\n",
		"fn f() {\n  var x: array<i32, 4>;\n}\n",
		"fn f(x: i32) -> i32 {\n  if (x > 0) {\n    return 1;\n  } else {\n    return 2;\n  }\n}\n",
		"fn f() {\n  let x = countLeadingZeros(5);\n}\n",
		"override size = 4;\n",
		"enable f16;\n",
		"fn f(x: i32, y: i32) {\n  let z = x / y;\n}\n",
		"fn f(x: i32, y: i32) {\n  let z = u32(x) / u32(y);\n}\n",
		"fn f(x: i32, y: i32) {\n  let z = x % 0;\n}\n",
		"fn f(x: f32) {\n}\n",
		"fn f() {\n  let of = 3;\n}\n",
	} {
		if len(lint(text)) == 0 {
			t.Errorf("nothing wrong with:\n%s", text)
		}
	}
	good := "fn f(x: i32) -> i32 {\n  var y = x;\n  var z: i32 = i32(u32(y) / u32(max(x, 1))) % 7;\n  return z; // 3 / 0\n}\n"
	if wrong := lint(good); len(wrong) > 0 {
		t.Errorf("%q in:\n%s", wrong, good)
	}
}
