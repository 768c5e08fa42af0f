// Compares the functions of the prelude that take a detour through floating
// point with plain integer arithmetic. It is compiled after the prelude.

int printf(const char *, ...);

static int bad;

static void check(const char *what, i32 x, i32 y, i32 got, i32 want) {
	if (got == want) return;
	if (bad++ < 10) printf("%s(%d, %d) = %d, want %d\n", what, x, y, got, want);
}

static i32 next(u32 *state) {
	*state = *state * 747796405u + 2891336453u;
	return (i32)(*state >> 1);
}

static void div(i32 x, i32 y) {
	check("div", x, y, op_div(x, y), x / y);
	if (x + (i64)y < 1 << 24) check("div24", x, y, op_div24(x, y), x / y);
}

// around divides what lies next to multiples of y, where rounding could reach
// the next integer.
static void around(i32 y, i32 q) {
	for (i64 d = -1; d <= 1; d++) {
		i64 x = (i64)q * y + d;
		if (x >= 0 && x <= 2147483647) div((i32)x, y);
	}
}

static void bitlen(i32 x) {
	i32 want = 0;
	while (x >> want) want++;
	check("bitlen", x, 0, op_bitlen(x), want);
}

int main(void) {
	u32 state = 1;
	for (i32 y = 1; y < 70000; y++) {
		around(y, 1);
		around(y, 2147483647 / y);
		around(y, (1 << 24) / y);
		around(y, next(&state) % (2147483647 / y + 1));
	}
	for (i32 i = 0; i < 2000000; i++) {
		i32 y = next(&state) >> (next(&state) & 30);
		if (y < 1) y = 1;
		around(y, 2147483647 / y);
		around(y, next(&state) % (2147483647 / y + 1));
		div(next(&state), y);
		div(2147483647, y);
	}
	for (i64 r = 1; r <= 46341; r++)
		for (i64 x = r * r - 1; x <= r * r + 1; x++)
			if (x >= 0 && x <= 2147483647) check("isqrt", (i32)x, 0, op_isqrt((i32)x), (i32)(x < r * r ? r - 1 : r));
	check("isqrt", 0, 0, op_isqrt(0), 0);
	check("isqrt", 2147483647, 0, op_isqrt(2147483647), 46340);
	for (i32 b = 0; b < 31; b++)
		for (i32 c = 0; c <= b; c++) {
			i32 x = (1 << b) | (i32)((1u << c) - 1);
			bitlen(x);
			bitlen(x - 1);
			bitlen((1 << b) | (next(&state) & ((1 << b) - 1)));
		}
	bitlen(2147483647);
	return bad != 0;
}
