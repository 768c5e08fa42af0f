
NOINLINE void body_flat(i32 rows, i32 cols, ix row0, ix row1, const i32 *restrict params, const i32 *restrict b0, i16 *restrict b1) {
	const i32 u3 = params[0];
	const i32 u6 = op_max(u3, -30);
	const i32 u7 = op_min(u6, 1);
	const i32 u8 = 1 - u7;
	const i32 u10 = op_sar(2147483647, u8);
	const i32 u12 = 30 < u3;
	const i32 u13 = u12 ? 0 : u10;
	const i32 u14 = 0 - u13;
	const i32 u17 = u8 - 1;
	const i32 u18 = op_max(u17, 0);
	const i32 u20 = op_max(u3, 0);
	const i32 u22 = op_min(u20, 31);
	const i32 u23 = op_shl(1, u22);
	const i32 u24 = u23 - 1;
	const i32 u25 = op_sar(u24, 1);
	const i32 u27 = op_min(u22, 1);
	VEC for (ix c = row0; c < row1; c++) {
		const i32 v2 = b0[c];
		const i32 v15 = op_max(v2, u14);
		const i32 v16 = op_min(v15, u13);
		const i32 v19 = op_shl(v16, u18);
		const i32 v29 = v19 + u25;
		const i32 v26 = op_sar(v19, u22);
		const i32 v28 = v26 & u27;
		const i32 v30 = v29 + v28;
		const i32 v31 = op_sar(v30, u22);
		const i32 v33 = op_max(v31, -32767);
		const i32 v35 = op_min(v33, 32767);
		b1[c] = (i16)v35;
	}
}

void flat(const struct args *a) {
	body_flat(a->rows, a->cols, a->row0, a->row1, a->params, a->buf[0], a->buf[1]);
}
