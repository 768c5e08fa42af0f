package sandboxtest

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// numeric are the instructions from 0x45 on, in their order.
const numeric = `i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u
f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr
f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign
f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign
i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u
i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64
f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64
i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s`

// access are the instructions from 0x28 on that read and write memory.
const access = `i32.load:2 i64.load:3 f32.load:2 f64.load:3 i32.load8_s:0 i32.load8_u:0 i32.load16_s:1 i32.load16_u:1
i64.load8_s:0 i64.load8_u:0 i64.load16_s:1 i64.load16_u:1 i64.load32_s:2 i64.load32_u:2
i32.store:2 i64.store:3 f32.store:2 f64.store:3 i32.store8:0 i32.store16:1 i64.store8:0 i64.store16:1 i64.store32:2`

// others take immediates: letters say which. n is a number, f a function, t a
// type of a function, b the type of a block, z a zero, l a list of numbers
// with its length before it.
var others = map[string]string{
	"unreachable": "\x00", "nop": "\x01", "block": "\x02b", "loop": "\x03b", "if": "\x04b", "else": "\x05", "end": "\x0b", "br": "\x0cn",
	"br_if": "\x0dn", "br_table": "\x0el", "return": "\x0f", "call": "\x10f", "call_indirect": "\x11tn", "drop": "\x1a", "select": "\x1b",
	"local.get": "\x20n", "local.set": "\x21n", "local.tee": "\x22n", "global.get": "\x23n", "global.set": "\x24n", "table.get": "\x25n", "table.set": "\x26n",
	"memory.size": "\x3fz", "memory.grow": "\x40z", "ref.null": "\xd0\x70", "ref.is_null": "\xd1", "ref.func": "\xd2f",
	"i32.trunc_sat_f32_s": "\xfc\x00", "i32.trunc_sat_f32_u": "\xfc\x01", "i32.trunc_sat_f64_s": "\xfc\x02", "i32.trunc_sat_f64_u": "\xfc\x03",
	"i64.trunc_sat_f32_s": "\xfc\x04", "i64.trunc_sat_f32_u": "\xfc\x05", "i64.trunc_sat_f64_s": "\xfc\x06", "i64.trunc_sat_f64_u": "\xfc\x07",
	"memory.init": "\xfc\x08nz", "data.drop": "\xfc\x09n", "memory.copy": "\xfc\x0azz", "memory.fill": "\xfc\x0bz", "table.init": "\xfc\x0cnn",
	"elem.drop": "\xfc\x0dn", "table.copy": "\xfc\x0enn", "table.grow": "\xfc\x0fn", "table.size": "\xfc\x10n", "table.fill": "\xfc\x11n",
}

type opcode struct {
	code  byte
	align int // -1: no access
}

var opcodes = func() map[string]opcode {
	all := map[string]opcode{}
	for i, name := range strings.Fields(numeric) {
		all[name] = opcode{byte(0x45 + i), -1}
	}
	for i, name := range strings.Fields(access) {
		name, align, _ := strings.Cut(name, ":")
		all[name] = opcode{byte(0x28 + i), int(align[0] - '0')}
	}
	return all
}()

// code assembles instructions, which are separated by semicolons or new lines,
// each with its immediates after it:
//
//	f32.const 0x7fc00001      floats by their bits
//	i32.load 8                the offset, if not zero
//	block i32; br_table 0 1   the last is the default
//	call name                 call_indirect i32->i32 0 (its type without spaces)
//	raw ff00                  bytes
func (a *assembling) code(source string) (out []byte) {
	for line := range strings.FieldsFuncSeq(source, func(r rune) bool { return r == ';' || r == '\n' }) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		out = a.instruction(out, words[0], words[1:])
	}
	return out
}

func (a *assembling) instruction(out []byte, name string, args []string) []byte {
	if op, ok := opcodes[name]; ok {
		out = append(out, op.code)
		if op.align >= 0 {
			out = append(out, byte(op.align))
			if len(args) == 0 {
				args = []string{"0"}
			}
			out = number(out, parse(args[0]))
		}
		return out
	}
	switch name {
	case "i32.const":
		return signed(append(out, 0x41), int64(int32(parse(args[0]))))
	case "i64.const":
		return signed(append(out, 0x42), int64(parse(args[0])))
	case "f32.const":
		return binary.LittleEndian.AppendUint32(append(out, 0x43), uint32(parse(args[0])))
	case "f64.const":
		return binary.LittleEndian.AppendUint64(append(out, 0x44), parse(args[0]))
	case "raw":
		return append(out, raw(strings.Join(args, ""))...)
	}
	form, ok := others[name]
	if !ok {
		panic("sandboxtest: no instruction " + name)
	}
	codes := 1
	if form[0] == 0xfc || form[0] == 0xd0 {
		codes = 2
	}
	out = append(out, form[:codes]...)
	for i, kind := range form[codes:] {
		arg := ""
		if i < len(args) {
			arg = args[i]
		}
		switch kind {
		case 'n':
			out = number(out, parse(arg))
		case 'z':
			out = append(out, 0)
		case 'f':
			out = number(out, a.function(arg))
		case 't':
			out = number(out, a.typeIndex(arg))
		case 'b':
			out = a.blockType(out, arg)
		case 'l':
			out = number(out, uint64(len(args)-1))
			for _, n := range args {
				out = number(out, parse(n))
			}
		}
	}
	return out
}

func (a *assembling) blockType(out []byte, t string) []byte {
	switch {
	case t == "":
		return append(out, 0x40)
	case strings.Contains(t, "->"):
		return signed(out, int64(a.typeIndex(t)))
	}
	return append(out, valueType(t))
}

func signed(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func raw(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("sandboxtest: " + err.Error())
	}
	return b
}

func parse(s string) uint64 {
	if v, err := strconv.ParseInt(s, 0, 64); err == nil {
		return uint64(v)
	}
	v, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		panic("sandboxtest: number " + s)
	}
	return v
}
