
NOINLINE void body_rows(i32 rows, i32 cols, ix row0, ix row1, const i32 *restrict params, const i32 *restrict b0, const i32 *restrict b1, i8 *restrict b2, i32 *restrict b3, i32 *restrict k35) {
	const i32 u1 = cols;
	i32 a36[64];
	const ix step = rows_at_once(cols);
	for (ix r0 = row0; r0 < row1; r0 += step) {
		const ix n = row1 - r0 < step ? row1 - r0 : step;
		for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			i32 *k35_row = k35 + i * cols;
			const i32 v0 = row;
			const i32 v2 = v0 * u1;
			const i32 *p0_2 = b0 + v2;
			const i32 *p1_2 = b1 + v2;
			i32 s36 = MIN_I32;
			VEC for (ix c = 0; c < cols; c++) {
				const i32 v6 = p0_2[c];
				const i32 v7 = p1_2[c];
				const i32 v16 = 30 < v7;
				const i32 v10 = op_max(v7, -30);
				const i32 v11 = op_min(v10, 1);
				const i32 v12 = 1 - v11;
				const i32 v14 = op_sar(2147483647, v12);
				const i32 v17 = v16 ? 0 : v14;
				const i32 v18 = 0 - v17;
				const i32 v19 = op_max(v6, v18);
				const i32 v20 = op_min(v19, v17);
				const i32 v21 = v12 - 1;
				const i32 v22 = op_max(v21, 0);
				const i32 v23 = op_shl(v20, v22);
				const i32 v24 = op_max(v7, 0);
				const i32 v26 = op_min(v24, 31);
				const i32 v27 = op_shl(1, v26);
				const i32 v28 = v27 - 1;
				const i32 v29 = op_sar(v28, 1);
				const i32 v33 = v23 + v29;
				const i32 v30 = op_sar(v23, v26);
				const i32 v31 = op_min(v26, 1);
				const i32 v32 = v30 & v31;
				const i32 v34 = v33 + v32;
				const i32 v35 = op_sar(v34, v26);
				k35_row[c] = v35;
				s36 = op_max(s36, v35);
			}
			a36[i] = s36;
		}
		VEC for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			const i32 v0 = row;
			const i32 v36 = a36[i];
			b3[v0] = (i32)v36;
		}
		for (ix i = 0; i < n; i++) {
			const i32 row = (i32)(r0 + i);
			i32 *k35_row = k35 + i * cols;
			const i32 v36 = a36[i];
			const i32 v0 = row;
			const i32 v2 = v0 * u1;
			i8 *p2_2 = b2 + v2;
			VEC for (ix c = 0; c < cols; c++) {
				const i32 v35 = k35_row[c];
				const i32 v37 = v35 < v36;
				p2_2[c] = (i8)v37;
			}
		}
	}
}

void rows(const struct args *a) {
	char *scratch = a->scratch;
	i32 *k35 = (i32 *)scratch;
	scratch += KEPT_BYTES(a->cols);
	body_rows(a->rows, a->cols, a->row0, a->row1, a->params, a->buf[0], a->buf[1], a->buf[2], a->buf[3], k35);
}
