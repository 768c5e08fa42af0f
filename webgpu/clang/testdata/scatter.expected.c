
NOINLINE void body_scatter(i32 rows, i32 cols, ix row0, ix row1, const i32 *restrict params, const i32 *restrict b0, const i32 *restrict b1, i32 *restrict b2) {
	const i32 u1 = cols;
	i32 a8[64];
	const ix step = rows_at_once(cols);
	for (ix r0 = row0; r0 < row1; r0 += step) {
		const ix n = row1 - r0 < step ? row1 - r0 : step;
		VEC for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 v0 = row;
			const i32 v7 = b1[v0];
			const i32 v8 = v7 * u1;
			a8[i] = v8;
		}
		for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 v0 = row;
			const i32 v2 = v0 * u1;
			const i32 *p0_2 = b0 + v2;
			const i32 v8 = a8[i];
			i32 *p2_8 = b2 + v8;
			VEC for (ix c = 0; c < cols; c++) {
				const i32 v6 = p0_2[c];
				p2_8[c] += (i32)v6;
			}
		}
	}
}

void scatter(const struct args *a) {
	body_scatter(a->rows, a->cols, a->row0, a->row1, a->params, a->buf[0], a->buf[1], a->buf[2]);
}
