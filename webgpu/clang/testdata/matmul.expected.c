
NOINLINE void body_matmul(i32 rows, i32 cols, ix row0, ix row1, const i32 *restrict params, const i8 *restrict b0, const i8 *restrict b1, i32 *restrict b2, i32 *restrict acc, struct contraction *restrict m) {
	const i32 u1 = params[13];
	const i32 u5 = op_max(u1, -30);
	const i32 u6 = op_min(u5, 1);
	const i32 u7 = 1 - u6;
	const i32 u9 = op_sar(2147483647, u7);
	const i32 u11 = 30 < u1;
	const i32 u12 = u11 ? 0 : u9;
	const i32 u13 = 0 - u12;
	const i32 u16 = u7 - 1;
	const i32 u17 = op_max(u16, 0);
	const i32 u19 = op_max(u1, 0);
	const i32 u21 = op_min(u19, 31);
	const i32 u22 = op_shl(1, u21);
	const i32 u23 = u22 - 1;
	const i32 u24 = op_sar(u23, 1);
	const i32 u26 = op_min(u21, 1);
	const i32 u32 = cols;
	for (ix r0 = row0, n; r0 < row1; r0 += n) {
		n = contraction_block(m, r0, row1);
		for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 *acc_row = acc + i * m->ldacc;
			const i32 v31 = row;
			const i32 v33 = v31 * u32;
			i32 *p2_33 = b2 + v33;
			VEC for (ix c = 0; c < cols; c++) {
				const i32 v0 = acc_row[c];
				const i32 v14 = op_max(v0, u13);
				const i32 v15 = op_min(v14, u12);
				const i32 v18 = op_shl(v15, u17);
				const i32 v28 = v18 + u24;
				const i32 v25 = op_sar(v18, u21);
				const i32 v27 = v25 & u26;
				const i32 v29 = v28 + v27;
				const i32 v30 = op_sar(v29, u21);
				p2_33[c] = (i32)v30;
			}
		}
	}
}

void matmul(const struct args *a) {
	char *scratch = a->scratch;
	struct contraction m = contraction_of(a, 0, 1, scratch);
	if (a->phase == 1) {
		contraction_pack(&m, a->row0, a->row1);
		return;
	}
	body_matmul(a->rows, a->cols, a->row0, a->row1, a->params, a->buf[0], a->buf[1], a->buf[2], m.acc, &m);
}
