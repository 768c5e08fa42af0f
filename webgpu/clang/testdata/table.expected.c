
NOINLINE void body_table(i32 rows, i32 cols, ix row0, ix row1, const i32 *restrict params, const i32 *restrict b0, i32 *restrict b1, i32 *restrict t6) {
	const i32 u8 = cols;
	VEC for (ix c = 0; c < cols; c++) {
		const i32 v2 = (i32)c;
		const i32 v4 = op_div(v2, 3);
		const i32 v5 = v4 * 3;
		const i32 v6 = v2 - v5;
		t6[c] = v6;
	}
	i32 a1[64];
	const ix step = rows_at_once(cols);
	for (ix r0 = row0; r0 < row1; r0 += step) {
		const ix n = row1 - r0 < step ? row1 - r0 : step;
		VEC for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 v0 = row;
			const i32 v1 = b0[v0];
			a1[i] = v1;
		}
		for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 v1 = a1[i];
			const i32 v0 = row;
			const i32 v9 = v0 * u8;
			i32 *p1_9 = b1 + v9;
			VEC for (ix c = 0; c < cols; c++) {
				const i32 v6 = t6[c];
				const i32 v7 = v1 + v6;
				p1_9[c] = (i32)v7;
			}
		}
	}
}

void table(const struct args *a) {
	char *scratch = a->scratch;
	i32 *t6 = (i32 *)scratch;
	scratch += TABLE_BYTES(a->cols);
	body_table(a->rows, a->cols, a->row0, a->row1, a->params, a->buf[0], a->buf[1], t6);
}
