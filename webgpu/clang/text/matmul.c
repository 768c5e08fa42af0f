
// ---- The contraction: the sum over k of a[row, k] * b[col, k], exactly.
//
// The processor multiplies and adds KS consecutive k in one instruction, and
// NR columns by MR rows of sums stay in its registers. B is packed for that:
// panels of NR columns in which KS elements of one column lie side by side. A
// is read where it is if k is consecutive there; otherwise MR rows at a time
// are packed likewise.
//
//	AVX-512 VNNI: KS = 4 bytes, b + 128 unsigned; 128 * sum of a is subtracted
//	              by starting the sums there
//	ARM dot:      KS = 4 bytes, both signed
//	elsewhere:    KS = 2, widened to 16 bits: pmaddwd and its kin
//
// Sums stay below 2^31 by the proof of the instance; the biased sums of VNNI
// may wrap on the way, which cancels.

#if defined(__AVX512VNNI__)
#include <immintrin.h>
typedef i8 elem;
#define KS 4
#define VL 16
#define NV 2
#define MR 8
#define BIAS_B 0x80
typedef __m512i vec;
INLINE vec vec_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void vec_store(void *p, vec v) { _mm512_storeu_si512(p, v); }
INLINE vec vec_splat(i32 x) { return _mm512_set1_epi32(x); }
INLINE vec vec_add(vec a, vec b) { return _mm512_add_epi32(a, b); }
INLINE vec vec_dot(vec sum, vec a, vec b) { return _mm512_dpbusd_epi32(sum, b, a); }

#elif defined(__AVX2__)
#include <immintrin.h>
typedef i16 elem;
#define KS 2
#define VL 8
#define NV 2
#define MR 4
typedef __m256i vec;
INLINE vec vec_load(const void *p) { return _mm256_loadu_si256(p); }
INLINE void vec_store(void *p, vec v) { _mm256_storeu_si256(p, v); }
INLINE vec vec_splat(i32 x) { return _mm256_set1_epi32(x); }
INLINE vec vec_add(vec a, vec b) { return _mm256_add_epi32(a, b); }
INLINE vec vec_dot(vec sum, vec a, vec b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

#elif defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
typedef i8 elem;
#define KS 4
#define VL 4
#define NV 2
#define MR 8
typedef int32x4_t vec;
INLINE vec vec_load(const void *p) { return vld1q_s32(p); }
INLINE void vec_store(void *p, vec v) { vst1q_s32(p, v); }
INLINE vec vec_splat(i32 x) { return vdupq_n_s32(x); }
INLINE vec vec_add(vec a, vec b) { return vaddq_s32(a, b); }
INLINE vec vec_dot(vec sum, vec a, vec b) { return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)); }

#elif defined(__aarch64__)
#include <arm_neon.h>
typedef i16 elem;
#define KS 2
#define VL 4
#define NV 2
#define MR 8
typedef int32x4_t vec;
INLINE vec vec_load(const void *p) { return vld1q_s32(p); }
INLINE void vec_store(void *p, vec v) { vst1q_s32(p, v); }
INLINE vec vec_splat(i32 x) { return vdupq_n_s32(x); }
INLINE vec vec_add(vec a, vec b) { return vaddq_s32(a, b); }
INLINE vec vec_dot(vec sum, vec a, vec b) {
	int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
	return vaddq_s32(sum, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}

#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
typedef i16 elem;
#define KS 2
#define VL 4
#define NV 2
#define MR 4
typedef v128_t vec;
INLINE vec vec_load(const void *p) { return wasm_v128_load(p); }
INLINE void vec_store(void *p, vec v) { wasm_v128_store(p, v); }
INLINE vec vec_splat(i32 x) { return wasm_i32x4_splat(x); }
INLINE vec vec_add(vec a, vec b) { return wasm_i32x4_add(a, b); }
INLINE vec vec_dot(vec sum, vec a, vec b) { return wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(a, b)); }

#else
typedef i16 elem;
#define KS 2
#define VL 1
#define NV 2
#define MR 2
typedef i32 vec;
INLINE vec vec_load(const void *p) { return *(const i32 *)p; }
INLINE void vec_store(void *p, vec v) { *(i32 *)p = v; }
INLINE vec vec_splat(i32 x) { return x; }
INLINE vec vec_add(vec a, vec b) { return a + b; }
INLINE vec vec_dot(vec sum, vec a, vec b) { return sum + (i16)a * (i16)b + (a >> 16) * (b >> 16); }
#endif

#ifndef BIAS_B
#define BIAS_B 0
#endif

#define NR (NV * VL)
#define KBLOCK 1024 // k of one pass over the panels: what it reads of A stays in the second cache level
#define MBLOCK 64   // rows of one pass at most
#define ACC_ELEMS 16384 // sums of one pass, if they make 8 rows
#define ROUND(x, n) (((ix)(x) + (n) - 1) / (n) * (n))
#define UNROLL _Pragma("clang loop unroll(full)")

struct contraction {
	const i8 *a, *b; // at the offsets of the operands
	ix cols, m, b1, k;
	ix ab0, ab1, am, ak, bb0, bb1, bn, bk;
	ix steps;         // ceil(k / KS)
	ix ldacc;         // columns, rounded up to panels
	i32 *acc;         // sums of one block of rows
	elem *pa;         // packed rows of A: one pass
	elem *pb;         // packed panels of B: all columns
	const i8 *packed; // the B in pb, or null
};

// The largest sizes over all targets, so that callers need not know the
// target: see NeedsOf.
#define ACC_BYTES(cols) ((8 * ROUND(cols, 32) > ACC_ELEMS ? 8 * ROUND(cols, 32) : ACC_ELEMS) * 4)
#define PACKED_A_BYTES ((ix)MBLOCK * KBLOCK * 2)

INLINE struct contraction contraction_of(const struct args *a, i32 bufa, i32 bufb, char *scratch) {
	const i32 *p = a->params;
	struct contraction m = {
		.a = (const i8 *)a->buf[bufa] + p[3],
		.b = (const i8 *)a->buf[bufb] + p[8],
		.cols = a->cols, .m = p[0], .b1 = p[1], .k = p[2],
		.ab0 = p[4], .ab1 = p[5], .am = p[6], .ak = p[7],
		.bb0 = p[9], .bb1 = p[10], .bn = p[11], .bk = p[12],
		.steps = ROUND(p[2], KS) / KS,
		.ldacc = ROUND(a->cols, NR),
		.acc = (i32 *)scratch,
	};
	m.pa = (elem *)(scratch + ACC_BYTES(m.cols));
	m.pb = (elem *)(a->phase == 0 ? (char *)m.pa + PACKED_A_BYTES : a->shared);
	m.packed = a->phase == 2 ? m.b : 0;
	return m;
}

// ---- Packing. A panel has width rows of A or columns of B; for every step
// it holds KS elements of each.

typedef i32 quad __attribute__((vector_size(16)));
typedef i8 bytes __attribute__((vector_size(16)));
typedef i16 halves __attribute__((vector_size(16)));
#define SHUFFLE __builtin_shufflevector

// quad_of is four steps of one row whose k are consecutive.
INLINE quad quad_of(const i8 *p) {
#if KS == 4
	quad q;
	__builtin_memcpy(&q, p, 16);
	return q;
#else
	typedef i8 eight __attribute__((vector_size(8)));
	eight e;
	__builtin_memcpy(&e, p, 8);
	return (quad) __builtin_convertvector(e, halves);
#endif
}

// transpose writes four steps of four rows.
INLINE void transpose(elem *dst, ix width, const i8 *p, ix across, quad bias) {
	quad a = quad_of(p) ^ bias, b = quad_of(p + across) ^ bias;
	quad c = quad_of(p + 2 * across) ^ bias, d = quad_of(p + 3 * across) ^ bias;
	quad e = SHUFFLE(a, b, 0, 4, 1, 5), f = SHUFFLE(c, d, 0, 4, 1, 5);
	quad g = SHUFFLE(a, b, 2, 6, 3, 7), h = SHUFFLE(c, d, 2, 6, 3, 7);
	quad out[4] = {SHUFFLE(e, f, 0, 1, 4, 5), SHUFFLE(e, f, 2, 3, 6, 7), SHUFFLE(g, h, 0, 1, 4, 5), SHUFFLE(g, h, 2, 3, 6, 7)};
	UNROLL for (int i = 0; i < 4; i++) __builtin_memcpy(dst + i * width * KS, &out[i], 16);
}

// zip writes one step of eight rows that are consecutive, with k along apart.
INLINE void zip(elem *dst, const i8 *p, ix along, quad bias) {
	typedef i8 eight __attribute__((vector_size(8)));
	eight e[KS];
	UNROLL for (int j = 0; j < KS; j++) __builtin_memcpy(&e[j], p + j * along, 8);
#if KS == 4
	bytes ab = SHUFFLE(e[0], e[1], 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
	bytes cd = SHUFFLE(e[2], e[3], 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
	halves x = (halves)ab, y = (halves)cd;
#else
	halves x = __builtin_convertvector(e[0], halves), y = __builtin_convertvector(e[1], halves);
#endif
	quad lo = (quad)SHUFFLE(x, y, 0, 8, 1, 9, 2, 10, 3, 11) ^ bias, hi = (quad)SHUFFLE(x, y, 4, 12, 5, 13, 6, 14, 7, 15) ^ bias;
	__builtin_memcpy(dst, &lo, 16);
	__builtin_memcpy(dst + 4 * KS, &hi, 16);
}

// pack_some packs rows i0 to i1 of steps s0 to s1, one element at a time.
// Beyond k there are zeros, which make whatever they meet vanish: bias comes
// only upon elements.
static void pack_some(elem *dst, ix width, const i8 *src, ix across, ix along, ix k, i32 bias, ix i0, ix i1, ix s0, ix s1) {
	for (ix s = s0; s < s1; s++)
		for (ix i = i0; i < i1; i++)
			for (ix j = 0; j < KS; j++) {
				ix kk = s * KS + j;
				dst[(s * width + i) * KS + j] = kk < k ? (elem)(src[i * across + kk * along] ^ bias) : (elem)0;
			}
}

// pack packs have rows of a panel, at most width; what remains of the panel
// is left as it is, for nothing that meets it is used.
INLINE void pack(elem *dst, ix width, const i8 *src, ix have, ix across, ix along, ix k, ix steps, i32 bias) {
	u32 each = (u32)bias * 0x01010101u;
	quad biases = {(i32)each, (i32)each, (i32)each, (i32)each};
	ix i = 0, s = 0;
	if (along == 1) {
		for (; (s + 4) * KS <= k; s += 4) {
			for (i = 0; i + 4 <= have; i += 4) transpose(dst + (s * width + i) * KS, width, src + i * across + s * KS, across, biases);
			pack_some(dst, width, src, across, along, k, bias, i, have, s, s + 4);
		}
	} else if (across == 1) {
		for (; (s + 1) * KS <= k; s++) {
			for (i = 0; i + 8 <= have; i += 8) zip(dst + (s * width + i) * KS, src + i + s * KS * along, along, biases);
			pack_some(dst, width, src, across, along, k, bias, i, have, s, s + 1);
		}
	}
	pack_some(dst, width, src, across, along, k, bias, 0, have, s, steps);
}

#if defined(__AVX512VNNI__)
// interleave makes four vectors of four rows of bytes, four of one column side
// by side. It works within quarters of a vector: quarter q of vector j has
// columns 16q+4j and the three after it.
INLINE void interleave(vec out[4], const i8 *p, ix along) {
	vec a = vec_load(p), b = vec_load(p + along), c = vec_load(p + 2 * along), d = vec_load(p + 3 * along);
	vec e = _mm512_unpacklo_epi8(a, b), f = _mm512_unpacklo_epi8(c, d);
	vec g = _mm512_unpackhi_epi8(a, b), h = _mm512_unpackhi_epi8(c, d);
	out[0] = _mm512_unpacklo_epi16(e, f);
	out[1] = _mm512_unpackhi_epi16(e, f);
	out[2] = _mm512_unpacklo_epi16(g, h);
	out[3] = _mm512_unpackhi_epi16(g, h);
}

// pack_pair packs two panels of B, 64 columns that are consecutive.
static void pack_pair(elem *dst, const i8 *src, ix along, ix k, ix steps) {
	const vec bias = vec_splat((i32)0x80808080);
	ix second = steps * NR * KS, whole = k / KS;
	for (ix s = 0; s < whole; s++) {
		vec v[4];
		interleave(v, src + s * KS * along, along);
		vec a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
		vec c = _mm512_shuffle_i32x4(v[0], v[1], 0xee), d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
		elem *to = dst + s * NR * KS;
		vec_store(to, _mm512_xor_si512(bias, _mm512_shuffle_i32x4(a, b, 0x88)));
		vec_store(to + 64, _mm512_xor_si512(bias, _mm512_shuffle_i32x4(a, b, 0xdd)));
		vec_store(to + second, _mm512_xor_si512(bias, _mm512_shuffle_i32x4(c, d, 0x88)));
		vec_store(to + second + 64, _mm512_xor_si512(bias, _mm512_shuffle_i32x4(c, d, 0xdd)));
	}
	pack_some(dst, NR, src, 1, along, k, BIAS_B, 0, NR, whole, steps);
	pack_some(dst + second, NR, src + NR, 1, along, k, BIAS_B, 0, NR, whole, steps);
}
#endif

static void pack_b(const struct contraction *m, const i8 *b, ix panel0, ix panel1) {
	for (ix p = panel0; p < panel1; p++) {
		elem *to = m->pb + p * NR * m->steps * KS;
		const i8 *from = b + p * NR * m->bn;
		ix have = m->cols - p * NR;
#if defined(__AVX512VNNI__)
		if (m->bn == 1 && have >= 2 * NR && p + 2 <= panel1) {
			pack_pair(to, from, m->bk, m->k, m->steps);
			p++;
			continue;
		}
#endif
		pack(to, NR, from, have < NR ? have : NR, m->bn, m->bk, m->k, m->steps, BIAS_B);
	}
}

// contraction_pack packs some of B; callers count panels of 32 columns.
static void contraction_pack(const struct contraction *m, ix panel0, ix panel1) {
	ix panels = m->ldacc / NR, end = panel1 * (32 / NR);
	pack_b(m, m->b, panel0 * (32 / NR), end < panels ? end : panels);
}

// rows is where the tile finds A, in groups of MR rows: strides from group to
// group, from row to row, and from step to step, in elements.
struct rows {
	const elem *at;
	ix group, across, along;
	int mixed;         // groups are made of the rows that zip_wide puts there
	i32 start[MBLOCK]; // what the sums of a row start from, group by group
};

// row_of is the row that is number i of group g.
INLINE ix row_of(const struct rows *r, ix g, ix i) {
	return r->mixed ? (i & 3) + (g >> 1) * 4 + ((g & 1) * 2 + (i >> 2)) * 16 : g * MR + i;
}

#if defined(__AVX512VNNI__)
// zip_wide writes one step of MBLOCK consecutive rows. How interleave orders
// them decides the groups: see row_of.
INLINE void zip_wide(elem *dst, ix group, const i8 *p, ix along) {
	vec out[4];
	interleave(out, p, along);
	UNROLL for (int j = 0; j < 4; j++) {
		_mm256_storeu_si256((__m256i *)(dst + 2 * j * group), _mm512_castsi512_si256(out[j]));
		_mm256_storeu_si256((__m256i *)(dst + (2 * j + 1) * group), _mm512_extracti64x4_epi64(out[j], 1));
	}
}
#endif

// start_of sets what the sums of n rows start from: where B is biased, -128
// times the sum of A over k elements, of which steps are ready for the tile.
INLINE void start_of(struct rows *r, ix n, ix k, ix steps) {
#if BIAS_B
	const vec ones = vec_splat((i32)0x80808080);
	if (r->along == KS) { // k is consecutive
		for (ix i = 0; i < n; i++) {
			const elem *row = r->at + i * r->across;
			vec sum = vec_splat(0);
			for (; row + 64 <= r->at + i * r->across + k; row += 64) sum = vec_dot(sum, vec_load(row), ones);
			if (k & 63) sum = vec_dot(sum, _mm512_maskz_loadu_epi8((1ull << (k & 63)) - 1, row), ones);
			r->start[i] = -_mm512_reduce_add_epi32(sum);
		}
		return;
	}
	const __m256i one = _mm256_set1_epi32((i32)0x80808080);
	for (ix g = 0; g * MR < n; g++) {
		__m256i sum = _mm256_setzero_si256();
		for (ix s = 0; s < steps; s++) sum = _mm256_dpbusd_epi32(sum, one, _mm256_loadu_si256((const __m256i *)(r->at + g * r->group + s * r->along)));
		_mm256_storeu_si256((__m256i *)(r->start + g * MR), _mm256_sub_epi32(_mm256_setzero_si256(), sum));
	}
#else
	for (ix i = 0; i < n; i++) r->start[i] = 0;
#endif
}

// rows_of makes some steps of n rows, whose k remaining elements begin at a,
// readable by the tile.
static void rows_of(struct rows *r, const struct contraction *m, const i8 *a, ix n, ix k, ix steps) {
	ix whole = k / KS; // steps that are complete
	if (k > steps * KS) k = steps * KS;
	r->at = m->pa;
	r->mixed = 0;
	if (m->ak == 1 && KS == 4) { // as it is
		r->at = (const elem *)a;
		r->across = m->am;
		r->group = MR * r->across;
		r->along = KS;
	} else if (m->ak == 1) { // widened
		r->across = steps * KS;
		r->group = MR * r->across;
		r->along = KS;
		for (ix i = 0; i < n; i++) {
			elem *restrict to = m->pa + i * steps * KS;
			const i8 *restrict from = a + i * m->am;
			for (ix kk = 0; kk < k; kk++) to[kk] = from[kk];
			for (ix kk = k; kk < steps * KS; kk++) to[kk] = 0;
		}
	} else {
		r->across = KS;
		r->group = steps * MR * KS;
		r->along = MR * KS;
#if defined(__AVX512VNNI__)
		if (m->am == 1 && n == MBLOCK && whole >= steps) {
			r->mixed = 1;
			for (ix s = 0; s < steps; s++) zip_wide(m->pa + s * r->along, r->group, a + s * KS * m->ak, m->ak);
		}
#endif
		if (!r->mixed)
			for (ix i = 0; i < n; i += MR) pack(m->pa + i * steps * KS, MR, a + i * m->am, n - i < MR ? n - i : MR, m->am, m->ak, k, steps, 0);
	}
	start_of(r, n, k, steps);
}

// tile adds the product of have rows of A, at most MR, and one panel of B over
// steps to the sums at c, or to nothing if first. It computes all MR rows; of
// those beyond have, copies of the last.
INLINE void tile(const struct rows *r, ix g, ix have, const elem *restrict b, ix steps, i32 *restrict c, ix ldc, int first) {
	const elem *a[MR];
	vec sum[MR][NV];
	UNROLL for (int i = 0; i < MR; i++) {
		ix in = i < have ? i : have - 1;
		a[i] = r->at + g * r->group + in * r->across;
		vec start = vec_splat(r->start[g * MR + in]);
		UNROLL for (int j = 0; j < NV; j++) sum[i][j] = first ? start : vec_add(start, vec_load(c + row_of(r, g, i) * ldc + j * VL));
	}
	ix along = r->along, at = 0;
	_Pragma("clang loop unroll(disable)") for (ix s = 0; s < steps; s++) {
		vec bv[NV];
		UNROLL for (int j = 0; j < NV; j++) bv[j] = vec_load(b + j * VL * KS);
		UNROLL for (int i = 0; i < MR; i++) {
			i32 x;
			__builtin_memcpy(&x, a[i] + at, 4);
			vec av = vec_splat(x);
			UNROLL for (int j = 0; j < NV; j++) sum[i][j] = vec_dot(sum[i][j], av, bv[j]);
		}
		b += NR * KS;
		at += along;
	}
	UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++) vec_store(c + row_of(r, g, i) * ldc + j * VL, sum[i][j]);
}

// contraction_block computes the sums of some rows from r0 on, of one batch
// and before row1, into acc, and returns how many.
static ix contraction_block(struct contraction *m, ix r0, ix row1) {
	ix batch = r0 / m->m, in = r0 - batch * m->m;
	ix n = ACC_ELEMS / m->ldacc;
	n = n < 8 ? 8 : n > MBLOCK ? MBLOCK : n / 8 * 8;
	if (n > m->m - in) n = m->m - in;
	if (n > row1 - r0) n = row1 - r0;
	ix b0 = batch / m->b1, b1 = batch - b0 * m->b1;
	const i8 *a = m->a + b0 * m->ab0 + b1 * m->ab1 + in * m->am;
	const i8 *b = m->b + b0 * m->bb0 + b1 * m->bb1;
	ix panels = m->ldacc / NR;
	if (m->packed != b) {
		pack_b(m, b, 0, panels);
		m->packed = b;
	}
	struct rows r;
	for (ix s0 = 0; s0 < m->steps; s0 += KBLOCK / KS) {
		ix steps = m->steps - s0 < KBLOCK / KS ? m->steps - s0 : KBLOCK / KS;
		rows_of(&r, m, a + s0 * KS * m->ak, n, m->k - s0 * KS, steps);
		for (ix p = 0; p < panels; p++)
			for (ix g = 0; g * MR < n; g++)
				tile(&r, g, n - g * MR < MR ? n - g * MR : MR, m->pb + (p * m->steps + s0) * NR * KS, steps, m->acc + p * NR, m->ldacc, s0 == 0);
	}
	return n;
}

#undef ROUND
