package ptxtest

import (
	"strings"

	"github.com/shoal-compute/shoal/webgpu/kernel"
	"github.com/shoal-compute/shoal/webgpu/launch"
)

// Sum is code for package machinetest: out[i] = a[i] + b[i] + p for all i
// below n.
func Sum() *launch.Code {
	return &launch.Code{
		Key: "sum", Entry: "sum", Lanes: 64, Params: 2,
		Bindings: []launch.Binding{{DType: kernel.I32}, {DType: kernel.I32}, {DType: kernel.I32, Write: true}},
		Text: `.version 7.0
.target sm_80
.address_size 64

.visible .entry sum(
	.param .u64 b0,
	.param .u64 b1,
	.param .u64 b2,
	.param .align 4 .b8 p[8]
)
.maxntid 64, 1, 1
{
	.reg .pred %p<1>;
	.reg .b32 %r<8>;
	.reg .b64 %d<9>;
	ld.param.u64 %d0, [b0];
	ld.param.u64 %d1, [b1];
	ld.param.u64 %d2, [b2];
	ld.param.b32 %r0, [p+0];
	ld.param.b32 %r1, [p+4];
	cvta.to.global.u64 %d3, %d0;
	cvta.to.global.u64 %d4, %d1;
	cvta.to.global.u64 %d5, %d2;
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, %tid.x;
	mad.lo.s32 %r4, %r2, 64, %r3;
	setp.ge.s32 %p0, %r4, %r0;
	@%p0 bra DONE;
	mad.wide.s32 %d6, %r4, 4, %d3;
	mad.wide.s32 %d7, %r4, 4, %d4;
	mad.wide.s32 %d8, %r4, 4, %d5;
	ld.global.nc.s32 %r5, [%d6];
	ld.global.nc.s32 %r6, [%d7];
	add.s32 %r7, %r5, %r6;
	add.s32 %r7, %r7, %r1;
	st.global.b32 [%d8], %r7;
DONE:
	ret;
}
`,
	}
}

// Broken is Sum with an instruction that does not exist.
func Broken() *launch.Code {
	c := Sum()
	c.Key = "broken"
	c.Text = strings.ReplaceAll(c.Text, "add.s32", "plus.s32")
	return c
}
