package sandboxtest

import (
	"strings"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// memories are about memory.
func memories() (all []Case) {
	add := func(name string, m Module, want *job.Outcome) {
		all = append(all, Case{Name: "memory/" + name, Module: m.Encode(), Limits: usual, Want: want})
	}
	add("grow to the limit", plain("i32.const 16; i32.const 3; memory.grow; i32.store; i32.const 20; memory.size; i32.store"+give(16, 8), ""), returns("\x01\x00\x00\x00\x04\x00\x00\x00"))
	add("grow beyond the limit", plain("i32.const 16; i32.const 4; memory.grow; i32.store; i32.const 20; memory.size; i32.store"+give(16, 8), ""), returns("\xff\xff\xff\xff\x01\x00\x00\x00"))
	add("grow by nothing", plain("i32.const 16; i32.const 0; memory.grow; i32.store"+give(16, 4), ""), returns("\x01\x00\x00\x00"))
	add("grow by 2**32-1", plain("i32.const 16; i32.const -1; memory.grow; i32.store"+give(16, 4), ""), returns("\xff\xff\xff\xff"))
	own := plain("i32.const 16; i32.const 2; memory.grow; i32.store"+give(16, 4), "")
	own.Memory = "1 2"
	add("grow beyond its own limit", own, returns("\xff\xff\xff\xff"))
	add("use what it grew by", plain("i32.const 1; memory.grow; drop; i32.const 131068; i32.const 7; i32.store"+give(131068, 4), ""), returns("\x07\x00\x00\x00"))
	add("trap when refused", plain("i32.const 100; memory.grow; drop; unreachable", ""), ends(job.OutOfMemory, ""))
	add("exit when refused", command("i32.const 100; memory.grow; drop; i32.const 2; i32.const 64; i32.const 1; call print; i32.const 2; call proc_exit"), ends(job.OutOfMemory, "\x00"))
	add("return although refused", command("i32.const 100; memory.grow; drop"), returns(""))
	add("grow for ever", plain("loop; i32.const 1; memory.grow; i32.const -1; i32.ne; br_if 0; end; unreachable", ""), ends(job.OutOfMemory, ""))
	fresh := plain("i32.const 16; i32.const 16; i32.load; i32.const 1; i32.add; i32.store; i32.const 20; global.get 0; i32.const 1; i32.add; global.set 0; global.get 0; i32.store"+give(16, 8), "")
	fresh.Globals, fresh.Data = []string{"mut i32 5"}, []Data{{16, []byte{9}}}
	add("fresh in every run", fresh, returns("\x0a\x00\x00\x00\x06\x00\x00\x00"))
	passive := plain("i32.const 16; i32.const 1; i32.const 3; memory.init 1; data.drop 1; i32.const 20; i32.const 0; i32.const 0; memory.init 1; i32.const 24; i32.const 16; i32.const 4; memory.copy"+give(16, 12), "")
	passive.Data = []Data{{24, []byte("....")}, {-1, []byte("hello")}}
	add("a passive segment", passive, returns("ell\x00\x00\x00\x00\x00ell\x00"))
	dropped := passive
	dropped.Functions = append([]Function{}, passive.Functions...)
	dropped.Functions[1].Code = "data.drop 1; i32.const 16; i32.const 0; i32.const 1; memory.init 1; i64.const 0"
	add("a dropped segment", dropped, ends(job.Trapped, ""))
	add("overlapping copy", plain("i32.const 16; i64.const 0x0807060504030201; i64.store; i32.const 18; i32.const 16; i32.const 6; memory.copy"+give(16, 8), ""), returns("\x01\x02\x01\x02\x03\x04\x05\x06"))
	return all
}

// tables are about tables and references.
func tables() (all []Case) {
	one := Function{Name: "one", Type: "-> i32", Code: "i32.const 1"}
	two := Function{Name: "two", Type: "-> i32", Code: "i32.const 2"}
	add := func(name, code string, want *job.Outcome) {
		m := plain(code, "funcref", one, two)
		m.Tables = []string{"4 5", "2"}
		m.Elements = []Elements{{0, 1, []string{"one", "two"}}, {-1, 0, []string{"two", "one", "two"}}}
		all = append(all, Case{Name: "table/" + name, Module: m.Encode(), Limits: usual, Want: want})
	}
	add("call", "i32.const 16; i32.const 2; call_indirect ->i32 0; i32.store"+give(16, 4), returns("\x02\x00\x00\x00"))
	add("call of another type", "i32.const 0; i32.const 2; call_indirect i32->i32 0; drop; i64.const 0", ends(job.Trapped, ""))
	add("call of nothing", "i32.const 0; call_indirect ->i32 0; drop; i64.const 0", ends(job.Trapped, ""))
	add("call out of bounds", "i32.const 4; call_indirect ->i32 0; drop; i64.const 0", ends(job.Trapped, ""))
	add("call far out of bounds", "i32.const -1; call_indirect ->i32 0; drop; i64.const 0", ends(job.Trapped, ""))
	add("init", "i32.const 0; i32.const 1; i32.const 2; table.init 1 1; elem.drop 1; i32.const 16; i32.const 0; call_indirect ->i32 1; i32.store"+give(16, 4), returns("\x01\x00\x00\x00"))
	add("init after drop", "elem.drop 1; i32.const 0; i32.const 0; i32.const 1; table.init 1 1; i64.const 0", ends(job.Trapped, ""))
	add("copy between tables", "i32.const 1; i32.const 2; i32.const 1; table.copy 1 0; i32.const 16; i32.const 1; call_indirect ->i32 1; i32.store"+give(16, 4), returns("\x02\x00\x00\x00"))
	add("grow", "i32.const 16; ref.func two; i32.const 1; table.grow 0; i32.store; i32.const 20; table.size 0; i32.store; i32.const 24; i32.const 4; call_indirect ->i32 0; i32.store; i32.const 28; ref.null; i32.const 1; table.grow 0; i32.store"+give(16, 16),
		returns("\x04\x00\x00\x00\x05\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\xff"))
	add("grow beyond what there is", "i32.const 16; ref.null; i32.const 0x100000; table.grow 1; i32.store"+give(16, 4), returns("\xff\xff\xff\xff"))
	add("fill, get and set", "i32.const 0; ref.func one; i32.const 2; table.fill 1; i32.const 3; i32.const 0; table.get 1; table.set 0; i32.const 16; i32.const 3; call_indirect ->i32 0; i32.store; i32.const 20; local.get 2; ref.is_null; i32.store"+give(16, 8), returns("\x01\x00\x00\x00\x01\x00\x00\x00"))
	add("get out of bounds", "i32.const 9; table.get 0; drop; i64.const 0", ends(job.Trapped, ""))
	return all
}

// worlds are about what a module is given by WASI.
func worlds() (all []Case) {
	add := func(name, code string, want *job.Outcome) {
		all = append(all, Case{Name: "wasi/" + name, Module: command(code).Encode(), Limits: usual, Input: []byte("input"), Want: want})
	}
	clock := func(id, at string) string {
		return "i32.const " + id + "; i64.const 1; i32.const " + at + "; call clock_time_get; drop;"
	}
	show := func(n string) string { return "i32.const 1; i32.const 64; i32.const " + n + "; call print;" }
	add("clock", clock("0", "64")+clock("1", "72")+clock("3", "80")+show("24"), returns("\xe8\x03\x00\x00\x00\x00\x00\x00\xd0\x07\x00\x00\x00\x00\x00\x00\xb8\x0b\x00\x00\x00\x00\x00\x00"))
	add("random", "i32.const 64; i32.const 7; call random_get; drop; i32.const 71; i32.const 40; call random_get; drop;"+show("47"), returns(randomBytes(47)))
	// Two alarms, after an hour and after 5000 ns: the second rings.
	add("sleep", `i32.const 200; i64.const 0x1111; i64.store; i32.const 224; i64.const 3600000000000; i64.store
		i32.const 248; i64.const 0x2222; i64.store; i32.const 272; i64.const 5000; i64.store
		i32.const 200; i32.const 64; i32.const 2; i32.const 300; call poll_oneoff; drop
		i32.const 96; i32.const 300; i32.load; i32.store;`+clock("1", "100")+show("44"),
		returns("\x22\x22\x00\x00\x00\x00\x00\x00"+zeros(24)+"\x01\x00\x00\x00\x70\x17\x00\x00\x00\x00\x00\x00"))
	add("poll for nothing", "i32.const 64; i32.const 200; i32.const 64; i32.const 0; i32.const 300; call poll_oneoff; i32.store;"+show("4"), returns("\x1c\x00\x00\x00"))
	add("no files", "i32.const 64; i32.const 3; i32.const 0; i32.const 0; i32.const 0; i32.const 0; i64.const 0; i64.const 0; i32.const 0; i32.const 0; call path_open; i32.store;"+
		"i32.const 68; i32.const 3; i32.const 0; call fd_prestat_get; i32.store; i32.const 72; i32.const 1; i64.const 0; i32.const 0; i32.const 0; call fd_seek; i32.store;"+show("12"),
		returns("\x34\x00\x00\x00\x08\x00\x00\x00\x46\x00\x00\x00"))
	add("no arguments", "i32.const 64; i64.const -1; i64.store; i32.const 64; i32.const 68; call args_sizes_get; drop;"+show("8"), returns(zeros(8)))
	add("a bad file", "i32.const 64; i32.const 3; i32.const 0; i32.const 0; i32.const 0; call fd_write; i32.store; i32.const 68; i32.const 1; i32.const 0; i32.const 0; i32.const 0; call fd_read; i32.store; i32.const 72; i32.const 7; call fd_close; i32.store;"+show("12"),
		returns("\x08\x00\x00\x00\x08\x00\x00\x00\x08\x00\x00\x00"))
	add("a closed file", "i32.const 2; call fd_close; drop; i32.const 64; i32.const 2; i32.const 0; i32.const 0; i32.const 0; call fd_write; i32.store;"+show("4"), returns("\x08\x00\x00\x00"))
	add("bad addresses", `i32.const 64; i32.const 0; i64.const 0; i32.const 65530; call clock_time_get; i32.store
		i32.const 68; i32.const -1; i32.const 16; call random_get; i32.store
		i32.const 72; i32.const 1; i32.const -8; i32.const 1; i32.const 0; call fd_write; i32.store
		i32.const 200; i32.const 65530; i32.store; i32.const 204; i32.const 100; i32.store
		i32.const 76; i32.const 1; i32.const 200; i32.const 1; i32.const 0; call fd_write; i32.store
		i32.const 80; i32.const 0; i32.const 200; i32.const 1; i32.const -2; call fd_read; i32.store;`+show("20"),
		returns("\x15\x00\x00\x00\x15\x00\x00\x00\x15\x00\x00\x00\x15\x00\x00\x00\x15\x00\x00\x00"))
	add("too much at once", "i32.const 64; i32.const 0; i32.const 0x200000; call random_get; i32.store; i32.const 68; i32.const 1; i32.const 0; i32.const 5000; i32.const 0; call fd_write; i32.store;"+show("8"), returns("\x1c\x00\x00\x00\x1c\x00\x00\x00"))
	add("what files are", "i32.const 64; i64.const -1; i64.store; i32.const 0; i32.const 64; call fd_fdstat_get; drop;"+show("16"), returns(zeros(8)+"\x02"+zeros(7)))
	return all
}

// control are about blocks, and what they take and leave.
func control() (all []Case) {
	add := func(name, code, locals string, want string) {
		all = append(all, Case{Name: "control/" + name, Module: plain(code, locals).Encode(), Limits: usual, Want: returns(want)})
	}
	add("several values", "i32.const 16; i32.const 5; i32.const 3; block i32,i32->i32,i32; i32.sub; i32.const 9; end; i32.mul; i32.store"+give(16, 4), "", "\x12\x00\x00\x00")
	add("a loop that takes values", "i32.const 16; i32.const 1; i32.const 5; local.set 2; loop i32->i32; i32.const 3; i32.mul; local.get 2; i32.const 1; i32.sub; local.tee 2; br_if 0; end; i32.store"+give(16, 4), "i32", "\xf3\x00\x00\x00")
	add("an if that takes values", "i32.const 16; i32.const 7; i32.const 1; if i32->i32; i32.const 2; i32.add; else; drop; i32.const 0; end; i32.store"+give(16, 4), "", "\x09\x00\x00\x00")
	add("a branch that carries values", "i32.const 16; block ->i32,i32; i32.const 4; i32.const 6; br 0; end; i32.add; i32.store"+give(16, 4), "", "\x0a\x00\x00\x00")
	add("return from within", "i32.const 16; i32.const 77; i32.store8; block; loop; i64.const 0x1000000001; return; end; end; unreachable", "", "M")
	add("br_table", loop(4, "block; block; block; local.get 2; br_table 0 1 2; end; i32.const 16; i32.const 16; i32.load; i32.const 1; i32.add; i32.store; end; i32.const 16; i32.const 16; i32.load; i32.const 10; i32.add; i32.store; end; i32.const 16; i32.const 16; i32.load; i32.const 100; i32.add; i32.store")+give(16, 4), "i32", "\x9a\x01\x00\x00")
	add("code after the end of all", "block; br 0; i32.add; drop; select; drop; i32.const 1; if i64; unreachable; else; i64.const 1; end; drop; end; i64.const 0", "", "")
	two := plain("i32.const 16; call f; i64.extend_i32_s; i64.add; i64.store"+give(16, 8), "", Function{Name: "f", Type: "-> i64 i32", Code: "i64.const -5; i32.const -6; call g", Export: false},
		Function{Name: "g", Type: "i64 i32 -> i64 i32", Code: "local.get 0; local.get 1; i32.const 1; br_if 0; unreachable"})
	all = append(all, Case{Name: "control/functions with several results", Module: two.Encode(), Limits: usual, Want: returns("\xf5\xff\xff\xff\xff\xff\xff\xff")})
	return all
}

// refusals are modules that nobody runs.
func refusals() (all []Case) {
	raw := func(name string, code []byte, l sandbox.Limits, why string) {
		all = append(all, Case{Name: "refused/" + name, Module: code, Limits: l, Refuse: why})
	}
	add := func(name string, m Module, why string) { raw(name, m.Encode(), usual, why) }
	instruction := func(name, code, why string) { add(name, plain(code+"; i64.const 0", "f32"), why) }
	head := "\x00asm\x01\x00\x00\x00"
	raw("nothing", nil, usual, "no WebAssembly")
	raw("text", []byte("(module)"), usual, "no WebAssembly")
	raw("a component", []byte("\x00asm\x0d\x00\x01\x00"), usual, "version")
	raw("empty", []byte(head), usual, "exports no memory")
	raw("cut off", plain("i64.const 0", "").Encode()[:60], usual, "end")
	raw("sections out of order", []byte(head+"\x03\x01\x00\x01\x01\x00"), usual, "out of order")
	raw("64-bit memory", []byte(head+"\x05\x03\x01\x04\x01"), usual, "64-bit")
	raw("shared memory", []byte(head+"\x05\x04\x01\x03\x01\x02"), usual, "threads")
	raw("two memories", []byte(head+"\x05\x05\x02\x00\x01\x00\x01"), usual, "memories")
	raw("tags", []byte(head+"\x0d\x01\x00"), usual, "exceptions")
	raw("structures", []byte(head+"\x01\x03\x01\x5f\x00"), usual, "garbage")
	instruction("atomics", "raw fe0000", "threads")
	instruction("exceptions", "raw 0640 0b", "exceptions")
	instruction("tail calls", "raw 1200", "tail calls")
	instruction("vectors", "raw fd0c"+strings.Repeat("00", 16), "SIMD")
	add("vectors as locals", plain("i64.const 0", "v128"), "SIMD")
	instruction("garbage collection", "raw fb00", "garbage")
	instruction("an unknown instruction", "raw ff", "unknown")
	instruction("types that do not fit", "i32.const 1; i64.const 1; i32.add; drop", "type")
	instruction("a value that is not there", "drop", "not there")
	instruction("a value that is left", "i32.const 1", "leaves more")
	instruction("a local that is not there", "local.get 9; drop", "local 9")
	instruction("a function that is not there", "raw 1009", "function 9")
	instruction("a branch out of everything", "br 4", "branches out")
	instruction("a greater alignment than there is", "i32.const 0; raw 280300; drop", "aligned")
	instruction("another memory", "i32.const 0; raw 28420100; drop", "another memory")
	instruction("a number with too many bits", "raw 41ffffffff3f; drop", "bits")
	instruction("a prefix that is longer than needed", "raw fc8b00", "more bytes")
	strange := plain("i64.const 0", "")
	strange.Imports = []Import{{"path_rename_all", "->"}}
	add("an unknown import", strange, `"path_rename_all"`)
	strange.Imports = []Import{{"fd_write", "i32 -> i32"}}
	add("an import of another type", strange, "another type")
	large := plain("i64.const 0", "")
	large.Memory = "5"
	add("more memory than allowed", large, "5 pages")
	large.Memory = ""
	large.Functions = large.Functions[:2]
	add("no memory", large, "exports no memory")
	both := plain("i64.const 0", "", Function{Name: "_start", Type: "->", Export: true})
	add("both forms", both, "both")
	half := plain("i64.const 0", "")
	half.Functions = half.Functions[1:]
	add("half a form", half, "only one")
	other := plain("i64.const 0", "")
	other.Functions[1].Type = "i32 i32 i32 -> i64"
	add("another type of shoal_run", other, "shoal_run")
	outside := plain("i64.const 0", "")
	outside.Data = []Data{{65535, []byte("xx")}}
	add("data outside its memory", outside, "not inside")
	outside = plain("i64.const 0", "")
	outside.Tables, outside.Elements = []string{"1"}, []Elements{{0, 1, []string{"shoal_run"}}}
	add("elements outside their table", outside, "not inside")
	used := plain("i32.const 0; i32.const 0; i32.const 0; memory.init 0; i64.const 0", "")
	used.Data = []Data{{0, []byte("x")}}
	add("data that is used up", used, "used up")
	used = plain("i32.const 0; i32.const 0; i32.const 0; table.init 0 0; i64.const 0", "")
	used.Tables, used.Elements = []string{"1"}, []Elements{{0, 0, []string{"shoal_run"}}}
	add("elements that are used up", used, "used up")
	foreign := plain("i64.const 0", "externref")
	add("externref", foreign, "externref")
	constant := plain("i32.const 1; global.set 0; i64.const 0", "")
	constant.Globals = []string{"i32 0"}
	add("setting a constant", constant, "constant")
	return all
}
