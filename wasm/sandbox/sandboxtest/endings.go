package sandboxtest

import (
	"fmt"
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// statuses are about how runs end.
func statuses() (all []Case) {
	add := func(name string, m Module, want *job.Outcome) {
		all = append(all, Case{Name: "end/" + name, Module: m.Encode(), Limits: usual, Input: []byte("input"), Want: want})
	}
	for _, c := range [][2]string{
		{"unreachable", "unreachable"},
		{"division by zero", "i32.const 1; i32.const 0; i32.div_s; drop"},
		{"remainder by zero", "i64.const 1; i64.const 0; i64.rem_u; drop"},
		{"overflow of division", "i32.const 0x80000000; i32.const -1; i32.div_s; drop"},
		{"conversion of NaN", "f32.const 0x7fc00000; i32.trunc_f32_s; drop"},
		{"conversion of 2**40", "f64.const 0x4270000000000000; i32.trunc_f64_u; drop"},
		{"read out of bounds", "i32.const 65533; i32.load; drop"},
		{"read far out", "i32.const -1; i64.load 0xffffffff; drop"},
		{"write out of bounds", "i32.const 65536; i32.const 0; i32.store8"},
		{"fill out of bounds", "i32.const 65530; i32.const 0; i32.const 7; memory.fill"},
		{"copy out of bounds", "i32.const 0; i32.const 65530; i32.const 7; memory.copy"},
	} {
		add(c[0], plain(c[1]+"; i64.const 0", ""), ends(job.Trapped, ""))
		add(c[0]+" in a command", command("i32.const 2; i32.const 64; i32.const 5; call print;"+c[1]), ends(job.Trapped, "\x00\x00\x00\x00\x00"))
	}
	add("negative result", plain("i64.const -1", ""), ends(job.OutputTooBig, ""))
	add("negative address", plain("i64.const -4294967296", ""), ends(job.Trapped, ""))
	add("result out of bounds", plain(give(65535, 2), ""), ends(job.Trapped, ""))
	add("result far out", plain(give(0x7fffffff, 1), ""), ends(job.Trapped, ""))
	badAlloc := plain("i64.const 0", "")
	badAlloc.Functions[0].Code = "i32.const 65532"
	add("allocated out of bounds", badAlloc, ends(job.Trapped, ""))
	add("nothing from the end of memory", plain(give(65536, 0), ""), returns(""))
	add("echo", plain("i64.const 0x40000000000; local.get 1; i64.extend_i32_u; i64.or", ""), returns("input"))
	add("echo of a command", command(`
		i32.const 0; i32.const 64; i32.store; i32.const 4; i32.const 100; i32.store
		i32.const 0; i32.const 0; i32.const 1; i32.const 8; call fd_read; drop
		i32.const 1; i32.const 64; i32.const 8; i32.load; call print
		i32.const 0; i32.const 0; i32.const 1; i32.const 8; call fd_read; drop
		i32.const 1; i32.const 8; i32.const 4; call print`), returns("input\x00\x00\x00\x00"))
	for _, code := range []int{0, 3, -1} {
		want := ends(job.Exited, "\x02\x00\x00\x00")
		if code == 0 {
			want = returns("\x01\x00\x00\x00")
		}
		add(fmt.Sprintf("exit %d", code), command(fmt.Sprintf(`
			i32.const 64; i32.const 1; i32.store; i32.const 68; i32.const 2; i32.store
			i32.const 1; i32.const 64; i32.const 4; call print; i32.const 2; i32.const 68; i32.const 4; call print
			i32.const %d; call proc_exit; i32.const 1; i32.const 64; i32.const 4; call print`, code)), want)
	}
	early := plain("i32.const 0; call proc_exit; i64.const 0x4000000000004", "")
	early.Imports = []Import{{"proc_exit", "i32 ->"}}
	add("exit of a plain module", early, ends(job.Exited, ""))

	add("output of the limit", command(fmt.Sprintf("i32.const 1; i32.const 64; i32.const %d; call print", usual.Output)), returns(strings.Repeat("\x00", int(usual.Output))))
	add("output beyond the limit", command(fmt.Sprintf("i32.const 1; i32.const 64; i32.const %d; call print", usual.Output+1)), ends(job.OutputTooBig, ""))
	add("output beyond the limit in parts", command("loop; i32.const 1; i32.const 64; i32.const 100; call print; i32.const 2; i32.const 0; i32.const 1; call print; br 0; end"),
		ends(job.OutputTooBig, strings.Repeat("\x00", 40)))
	add("plain output of the limit", plain(give(4096, int(usual.Output)), ""), returns(strings.Repeat("\x00", int(usual.Output))))
	add("plain output beyond the limit", plain(give(4096, int(usual.Output)+1), ""), ends(job.OutputTooBig, ""))
	add("the end of a long complaint", command("i32.const 1500; i32.const 7; i32.store8; i32.const 2; i32.const 64; i32.const 1440; call print; i32.const 2; i32.const 60; i32.const 2; call print; unreachable"),
		ends(job.Trapped, strings.Repeat("\x00", 1018)+"\x07\x00\x00\x00\x00\x00"))
	started := plain("i32.const 16; global.get 0; i32.store"+give(16, 4), "",
		Function{Name: "s", Type: "->", Code: "global.get 0; i32.const 7; i32.add; global.set 0"},
		Function{Name: "i", Type: "->", Code: "global.get 0; i32.const 3; i32.mul; global.set 0"})
	started.Globals, started.Start, started.Exports = []string{"mut i32 1"}, "s", map[string]string{"_initialize": "i"}
	add("start, then _initialize", started, returns("\x18\x00\x00\x00"))
	return all
}

// loop is code that runs n times, counting in local 2.
func loop(n int, code string) string {
	return fmt.Sprintf("i32.const %d; local.set 2; loop; %s; local.get 2; i32.const 1; i32.sub; local.tee 2; br_if 0; end", n, code)
}

// costsOf are about fuel.
func costsOf() (all []Case) {
	const page = 4096
	add := func(name string, m Module, l sandbox.Limits, want *job.Outcome) {
		all = append(all, Case{Name: "fuel/" + name, Module: m.Encode(), Limits: l, Want: want})
	}
	// One for the constant in shoal_alloc, one in shoal_run, and a page.
	add("least", plain("i64.const 0", ""), usual, costs(page+2, returns("")))
	add("nop costs nothing", plain("nop; nop; i64.const 0", ""), usual, costs(page+2, returns("")))
	add("a loop", plain(loop(10, "nop")+"; i64.const 0", "i32"), usual, costs(page+1+2+10*6+1+1, returns("")))
	add("an if", plain("i32.const 1; if; i32.const 1; drop; else; i32.const 1; drop; i32.const 1; drop; end; i64.const 0", ""), usual, costs(page+1+2+2+1, returns("")))
	add("a branch that is taken", plain("block; i32.const 1; br_if 0; i32.const 1; drop; end; i32.const 1; drop; i64.const 0", ""), usual, costs(page+1+2+3, returns("")))
	add("a branch that is not", plain("block; i32.const 0; br_if 0; i32.const 1; drop; end; i32.const 1; drop; i64.const 0", ""), usual, costs(page+1+2+2+3, returns("")))
	add("a br_table", plain("block; block; i32.const 0; br_table 0 1; end; i32.const 1; drop; end; i64.const 0", ""), usual, costs(page+1+2+2+1, returns("")))
	add("a select, a copysign and an and", plain("f32.const 0; f32.const 0; i32.const 1; i32.const 1; i32.and; select; f32.const 0; f32.copysign; drop; i64.const 0", ""), usual, costs(page+1+10, returns("")))
	add("code that is not reached", plain("i64.const 0; return; i32.const 0; drop; loop; br 0; end", ""), usual, costs(page+1+2, returns("")))
	add("fill", plain("i32.const 0; i32.const 0; i32.const 1600; memory.fill; i64.const 0", ""), usual, costs(page+1+5+100, returns("")))
	add("grow", plain("i32.const 2; memory.grow; drop; i64.const 0", ""), usual, costs(page+1+4+2*page, returns("")))
	add("just enough", plain("i64.const 0", ""), sandbox.Limits{Fuel: page + 2, Memory: 1}, costs(page+2, returns("")))
	add("one too little", plain("i64.const 0", ""), sandbox.Limits{Fuel: page + 1, Memory: 1}, costs(page+1, ends(job.OutOfFuel, "")))
	add("not enough to begin", plain("i64.const 0", ""), sandbox.Limits{Fuel: page - 1, Memory: 1}, costs(page-1, ends(job.OutOfFuel, "")))
	add("for ever", plain("loop; br 0; end; i64.const 0", ""), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("for ever and doing nothing", plain("loop; loop; end; br 0; end; i64.const 0", ""), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("for ever on the fourth way", plain("loop; block; block; block; i32.const 3; br_table 0 1 2 3; end; end; end; end; loop; br 0; end; i64.const 0", ""), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("for ever in a command", command("loop; i32.const 2; i32.const 64; i32.const 1; call print; br 0; end"), usual, costs(usual.Fuel, ends(job.OutOfFuel, strings.Repeat("\x00", 505))))
	add("over many ticks", plain("loop; br 0; end; i64.const 0", ""), sandbox.Limits{Fuel: 20_000_001, Memory: 1}, costs(20_000_001, ends(job.OutOfFuel, "")))
	add("long but enough", plain(loop(2_000_000, "nop")+"; i64.const 0", "i32"), sandbox.Limits{Fuel: 1 << 30, Memory: 1}, costs(page+1+2+2_000_000*6+2, returns("")))
	add("two to the power of 100 calls", plain("i32.const 100; call f; i64.const 0", "",
		Function{Name: "f", Type: "i32 ->", Code: "local.get 0; if; local.get 0; i32.const 1; i32.sub; call f; local.get 0; i32.const 1; i32.sub; call f; end"}), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("filling for ever", plain("loop; i32.const 0; i32.const 0; i32.const 60000; memory.fill; br 0; end; i64.const 0", ""), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("drawing for ever", command("loop; i32.const 0; i32.const 60000; call random_get; drop; br 0; end"), usual, costs(usual.Fuel, ends(job.OutOfFuel, "")))
	add("trap without fuel", plain(strings.Repeat("i32.const 0; drop;", 1000)+"unreachable", ""), sandbox.Limits{Fuel: page + 1000, Memory: 1}, costs(page+1000, ends(job.OutOfFuel, "")))
	return all
}

// stacks are about the depth of calls.
func stacks() (all []Case) {
	add := func(name string, m Module, want *job.Outcome) {
		all = append(all, Case{Name: "stack/" + name, Module: m.Encode(), Limits: sandbox.Limits{Fuel: 1 << 24, Memory: 4, Output: 1 << 12}, Want: want})
	}
	down := Function{Name: "down", Type: "i32 -> i32", Code: "local.get 0; if i32; local.get 0; i32.const 1; i32.sub; call down; i32.const 1; i32.add; else; i32.const 0; end"}
	add("for ever", plain("call f; i64.const 0", "", Function{Name: "f", Type: "->", Code: "call f"}), ends(job.OutOfStack, ""))
	add("for ever, each other", plain("call f; i64.const 0", "", Function{Name: "f", Type: "->", Code: "call g"}, Function{Name: "g", Type: "->", Code: "call f"}), ends(job.OutOfStack, ""))
	add("deep", plain("i32.const 16; i32.const 1000; call down; i32.store"+give(16, 4), "", down), returns("\xe8\x03\x00\x00"))
	add("deep again and again", plain(loop(100, "i32.const 16; i32.const 1000; call down; i32.store")+give(16, 4), "i32", down), returns("\xe8\x03\x00\x00"))
	add("too deep", plain("i32.const 16; i32.const 4000; call down; i32.store"+give(16, 4), "", down), ends(job.OutOfStack, ""))
	fat := down
	fat.Locals = strings.Repeat("i64 ", 500)
	add("fat", plain("i32.const 16; i32.const 50; call down; i32.store"+give(16, 4), "", fat), returns("\x32\x00\x00\x00"))
	add("too fat", plain("i32.const 16; i32.const 100; call down; i32.store"+give(16, 4), "", fat), ends(job.OutOfStack, ""))
	through := plain("i32.const 16; i32.const 0; i32.const 0; call_indirect i32->i32 0; i32.store"+give(16, 4), "",
		Function{Name: "r", Type: "i32 -> i32", Code: "local.get 0; i32.const 0; call_indirect i32->i32 0"})
	through.Tables, through.Elements = []string{"1"}, []Elements{{Table: 0, Offset: 0, Functions: []string{"r"}}}
	add("for ever through a table", through, ends(job.OutOfStack, ""))
	values := plain("call f; i64.const 0", "", Function{Name: "f", Type: "->", Code: strings.Repeat("i64.const 1;", 300) + "call f;" + strings.Repeat("drop;", 300)})
	add("for ever with many values", values, ends(job.OutOfStack, ""))
	// As deep as it goes, and there a call of the host, which needs room too.
	hosts := command("call f", Function{Name: "f", Type: "->", Code: "i32.const 2; i32.const 64; i32.const 1; call print; call f"})
	add("calling the host at every depth", hosts, ends(job.OutOfStack, strings.Repeat("\x00", 1024)))
	params := plain("call f; i64.const 0", "", Function{Name: "f", Type: "->", Code: strings.Repeat("i64.const 1;", 60) + "call g"},
		Function{Name: "g", Type: strings.Repeat("i64 ", 60) + "->", Code: "call f"})
	add("for ever with many parameters", params, ends(job.OutOfStack, ""))
	return all
}
