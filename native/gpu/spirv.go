package gpu

import (
	"encoding/binary"
	"fmt"

	"github.com/gogpu/naga"
)

// translate compiles WGSL to SPIR-V.
func translate(text string) ([]uint32, error) {
	code, err := naga.Compile(text)
	if err != nil {
		return nil, err
	}
	if len(code) < 4*headerWords || len(code)%4 != 0 {
		return nil, fmt.Errorf("%d bytes of SPIR-V", len(code))
	}
	words := make([]uint32, len(code)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(code[4*i:])
	}
	keepWorkgroupArrays(words)
	return words, nil
}

// Numbers of the SPIR-V specification, section 3.
const (
	headerWords = 5

	opNop          = 0
	opTypeArray    = 28
	opConstantNull = 46
	opVariable     = 59
	opStore        = 62

	classWorkgroup = 4
)

// keepWorkgroupArrays takes out the stores that zero arrays in workgroup
// memory. WGSL promises zeros there, and the compiler keeps the promise with
// one invocation that stores the whole array, element by element once a driver
// has unrolled it: that was most of a kernel's compile time, and time in every
// workgroup besides. Printed code writes such arrays before it reads them.
func keepWorkgroupArrays(words []uint32) {
	arrays, zeros, shared := map[uint32]bool{}, map[uint32]bool{}, map[uint32]bool{}
	for at := headerWords; at < len(words); {
		op, n := words[at]&0xffff, int(words[at]>>16)
		if n == 0 || at+n > len(words) {
			return // not what the specification says: the driver will tell
		}
		arg := words[at+1 : at+n]
		switch {
		case op == opTypeArray && n == 4:
			arrays[arg[0]] = true
		case op == opConstantNull && n == 3 && arrays[arg[0]]:
			zeros[arg[1]] = true
		case op == opVariable && n == 4 && arg[2] == classWorkgroup:
			shared[arg[1]] = true
		case op == opStore && n == 3 && shared[arg[0]] && zeros[arg[1]]:
			for i := range n {
				words[at+i] = 1<<16 | opNop
			}
		}
		at += n
	}
}
