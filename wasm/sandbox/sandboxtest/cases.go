package sandboxtest

import (
	"fmt"
	"slices"

	"github.com/shoal-compute/shoal/hub/job"
	"github.com/shoal-compute/shoal/wasm/sandbox"
)

// usual are limits that the cases keep to.
var usual = sandbox.Limits{Fuel: 1 << 20, Memory: 4, Output: 1 << 12}

// Cases are the modules with known outcomes.
func Cases() []Case {
	return slices.Concat(nans(), statuses(), costsOf(), stacks(), memories(), tables(), worlds(), control(), engines(), refusals())
}

// plain is a module of the plain form whose shoal_run is code. It puts its
// input at 1024.
func plain(code, locals string, more ...Function) Module {
	return Module{
		Memory: "1 8",
		Functions: append([]Function{
			{Name: "shoal_alloc", Type: "i32 -> i32", Code: "i32.const 1024", Export: true},
			{Name: "shoal_run", Type: "i32 i32 -> i64", Locals: locals, Code: code, Export: true},
		}, more...),
	}
}

// command is a module of the command form whose _start is code, with the
// usual imports.
func command(code string, more ...Function) Module {
	return Module{
		Imports: []Import{
			{"fd_write", "i32 i32 i32 i32 -> i32"}, {"fd_read", "i32 i32 i32 i32 -> i32"}, {"proc_exit", "i32 ->"},
			{"clock_time_get", "i32 i64 i32 -> i32"}, {"random_get", "i32 i32 -> i32"}, {"poll_oneoff", "i32 i32 i32 i32 -> i32"},
			{"fd_close", "i32 -> i32"}, {"fd_fdstat_get", "i32 i32 -> i32"}, {"path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32 -> i32"},
			{"args_sizes_get", "i32 i32 -> i32"}, {"fd_prestat_get", "i32 i32 -> i32"}, {"fd_seek", "i32 i64 i32 i32 -> i32"},
		},
		Memory:    "1 8",
		Functions: append([]Function{{Name: "_start", Type: "->", Code: code, Export: true}, printer}, more...),
	}
}

// printer writes n bytes at ptr to a file.
var printer = Function{Name: "print", Type: "i32 i32 i32 ->", Code: `
	i32.const 0; local.get 1; i32.store
	i32.const 4; local.get 2; i32.store
	local.get 0; i32.const 0; i32.const 1; i32.const 8; call fd_write; drop`}

// give is the end of a shoal_run that returns n bytes at ptr.
func give(ptr, n int) string { return fmt.Sprintf("\ni64.const %d", ptr<<32|n) }

// returns and ends are outcomes that cost any fuel.
func returns(output string) *job.Outcome {
	return &job.Outcome{Status: job.Returned, Output: []byte(output)}
}

func ends(s job.Status, complaint string) *job.Outcome {
	return &job.Outcome{Status: s, Output: []byte(complaint)}
}

func costs(fuel uint64, o *job.Outcome) *job.Outcome {
	o.Fuel = fuel
	return o
}

// nans are about the bits of NaNs.
func nans() (all []Case) {
	const (
		f32, f64, quiet32, quiet64 = "\x00\x00\xc0\x7f", "\x00\x00\x00\x00\x00\x00\xf8\x7f", "\x01\x00\xe0\xff", "\x01\x00\x00\x00\x00\x00\xfc\xff"
		load32, load64             = "f32.const 0xffe00001", "f64.const 0xfffc000000000001" // quiet, negative, with more in them
		inf32, inf64               = "f32.const 0x7f800000", "f64.const 0x7ff0000000000000"
	)
	for _, c := range []struct{ name, code, store, want string }{
		{"0/0", "f32.const 0; f32.const 0; f32.div", "f32", f32},
		{"-0/0", "f32.const 0x80000000; f32.const 0; f32.div", "f32", f32},
		{"sqrt(-1)", "f32.const 0xbf800000; f32.sqrt", "f32", f32},
		{"inf-inf", inf32 + ";" + inf32 + "; f32.sub", "f32", f32},
		{"0*inf", "f32.const 0;" + inf32 + "; f32.mul", "f32", f32},
		{"nan+1", load32 + "; f32.const 0x3f800000; f32.add", "f32", f32},
		{"1+nan", "f32.const 0x3f800000;" + load32 + "; f32.add", "f32", f32},
		{"signalling+0", "f32.const 0x7fa00001; f32.const 0; f32.add", "f32", f32},
		{"min", load32 + "; f32.const 0; f32.min", "f32", f32},
		{"max", load32 + "; f32.const 0; f32.max", "f32", f32},
		{"ceil", load32 + "; f32.ceil", "f32", f32},
		{"floor", load32 + "; f32.floor", "f32", f32},
		{"trunc", load32 + "; f32.trunc", "f32", f32},
		{"nearest", load32 + "; f32.nearest", "f32", f32},
		{"demote", load64 + "; f32.demote_f64", "f32", f32},
		{"negated after", "f32.const 0; f32.const 0; f32.div; f32.neg", "f32", "\x00\x00\xc0\xff"},
		{"copied sign", "f32.const 0x3f800000; f32.const 0; f32.const 0; f32.div; f32.copysign", "f32", "\x00\x00\x80\x3f"},
		{"through two", "f32.const 0; f32.const 0; f32.div; f32.sqrt; f32.const 0; f32.mul", "f32", f32},
		{"through a local", "f32.const 0; f32.const 0; f32.div; local.set 2; local.get 2; i32.reinterpret_f32; f32.reinterpret_i32", "f32", f32},
		{"through a block", "f32.const 0; f32.const 0; f32.div; i32.const 1; if f32; f32.const 0x80000000; f32.sqrt; else; f32.const 0; end; f32.copysign", "f32", "\x00\x00\xc0\xff"},
		{"handed on: constant", "f32.const 0x7fa00001", "f32", "\x01\x00\xa0\x7f"},
		{"handed on: neg", load32 + "; f32.neg", "f32", "\x01\x00\xe0\x7f"},
		{"handed on: abs", load32 + "; f32.abs", "f32", "\x01\x00\xe0\x7f"},
		{"handed on: select", load32 + "; f32.const 0; local.get 1; select", "f32", quiet32},
		{"0/0", "f64.const 0; f64.const 0; f64.div", "f64", f64},
		{"sqrt(-1)", "f64.const 0xbff0000000000000; f64.sqrt", "f64", f64},
		{"inf-inf", inf64 + ";" + inf64 + "; f64.sub", "f64", f64},
		{"0*inf", "f64.const 0;" + inf64 + "; f64.mul", "f64", f64},
		{"signalling+0", "f64.const 0x7ff4000000000001; f64.const 0; f64.add", "f64", f64},
		{"min", "f64.const 0;" + load64 + "; f64.min", "f64", f64},
		{"nearest", load64 + "; f64.nearest", "f64", f64},
		{"promote", load32 + "; f64.promote_f32", "f64", f64},
		{"demoted and promoted", "f64.const 0; f64.const 0; f64.div; f32.demote_f64; f64.promote_f32", "f64", f64},
		{"handed on: neg", load64 + "; f64.neg; f64.neg", "f64", quiet64},
	} {
		code := fmt.Sprintf("i32.const 16; %s; %s.store", c.code, c.store) + give(16, len(c.want))
		all = append(all, Case{Name: "nan/" + c.store + "/" + c.name, Module: plain(code, "f32").Encode(), Limits: usual, Input: []byte("x"), Want: returns(c.want)})
	}
	return all
}
