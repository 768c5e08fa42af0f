// Integers only: doubles appear where they compute an exact integer function.
typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef __INTPTR_TYPE__ ix;

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define MIN_I32 (-2147483647 - 1)

struct args {
	i32 rows, cols, row0, row1, phase, reserved;
	const i32 *params;
	void *scratch;
	void *shared;
	void *buf[16];
};

// VEC before a loop asks for vectors as wide as the target's registers, of
// 32-bit lanes. One vector at a time: rows are often only a few vectors long.
#if defined(__AVX512F__)
#define VEC _Pragma("clang loop vectorize_width(16) interleave_count(1) unroll(disable)")
#elif defined(__AVX2__)
#define VEC _Pragma("clang loop vectorize_width(8) interleave_count(1) unroll(disable)")
#else
#define VEC _Pragma("clang loop vectorize_width(4) interleave_count(1) unroll(disable)")
#endif

INLINE i32 op_min(i32 x, i32 y) { return x < y ? x : y; }
INLINE i32 op_max(i32 x, i32 y) { return x > y ? x : y; }
INLINE i32 op_abs(i32 x) { return x < 0 ? -x : x; }
INLINE i32 op_shl(i32 x, i32 s) { return (i32)((u32)x << s); }
INLINE i32 op_sar(i32 x, i32 s) { return x >> s; }

// op_bitlen is the number of bits of x >= 0.
INLINE i32 op_bitlen(i32 x) {
#if defined(__AVX512CD__) || defined(__aarch64__)
	return 32 - (x ? __builtin_clz((u32)x) : 32);
#else
	// The exponent of x as a float. Clearing every bit right below a set one keeps
	// the highest and leaves the one after it 0, so that rounding to 24 bits
	// cannot carry into a higher power of two.
	union {
		float f;
		i32 i;
	} v = {(float)(x & ~(x >> 1))};
	return op_max((v.i >> 23) - 126, 0);
#endif
}

// op_div is floor(x/y) for 0 <= x and 1 <= y below 2^31. With q = floor(x/y),
// the exact quotient is at least 1/y below q+1, and rounding it to a double
// moves it by at most (q+1)*2^-53, which is less: (q+1)*y <= x+y < 2^32. So
// the rounded quotient stays below q+1, and q itself is representable.
INLINE i32 op_div(i32 x, i32 y) { return (i32)((double)x / (double)y); }

// op_div24 is the same in float, where x + y < 2^24 takes the place of 2^53.
INLINE i32 op_div24(i32 x, i32 y) { return (i32)((float)x / (float)y); }

// op_isqrt is floor(sqrt(x)). In float it is at most one off: the conversion
// and the root are off by less than 2^-23 of a value below 46341.
INLINE i32 op_isqrt(i32 x) {
	i32 r = op_min((i32)__builtin_sqrtf((float)x), 46340);
	r -= r * r > x;
	return r + ((u32)(r + 1) * (u32)(r + 1) <= (u32)x);
}

// op_rand is PCG-RXS-M-XS-32.
INLINE i32 op_rand(i32 x, i32 y) {
	u32 s = ((u32)x + (u32)y) * 747796405u + 2891336453u;
	u32 w = ((s >> ((s >> 28) + 4)) ^ s) * 277803737u;
	return (i32)((w >> 22) ^ w);
}

// rows_at_once is how many rows of n elements a kernel carries through its
// stages together: enough to vectorise what is computed once per row, few
// enough to stay in the first cache levels.
INLINE ix rows_at_once(ix n) {
	ix rows = 8192 / n;
	return rows < 1 ? 1 : rows > 64 ? 64 : rows;
}

// TABLE_BYTES and KEPT_BYTES are what one table and one kept value take of
// the scratch.
#define TABLE_BYTES(cols) (((ix)(cols) * 4 + 63) & -64)
#define KEPT_BYTES(cols) TABLE_BYTES((cols) > 8192 ? (cols) : 8192)
