
// ---- The module's one entry: a list of steps, each a kernel and its
// arguments. Written by hand; everything above is printed.

#define EXPORT(name) __attribute__((visibility("default"), export_name(#name)))

// fill sets rows bytes of buf[0] to params[0].
static void fill_bytes(const struct args *a) { __builtin_memset(a->buf[0], a->params[0], (unsigned long)a->rows); }

// range writes the least and the greatest of rows elements of buf[0] to
// buf[1]. params[0] is the size of an element.
#define RANGE(type)                                              \
	do {                                                         \
		const type *restrict p = a->buf[0];                      \
		i32 lo = p[0], hi = p[0];                                \
		VEC for (ix i = 1; i < a->rows; i++) {                   \
			lo = op_min(lo, p[i]);                               \
			hi = op_max(hi, p[i]);                               \
		}                                                        \
		i32 *restrict out = a->buf[1];                           \
		out[0] = lo;                                             \
		out[1] = hi;                                             \
	} while (0)

static void range(const struct args *a) {
	switch (a->params[0]) {
	case 1:
		RANGE(i8);
		break;
	case 2:
		RANGE(i16);
		break;
	default:
		RANGE(i32);
	}
}

struct step {
	u32 kernel; // index into kernels
	struct args args;
};

static void (*const kernels[])(const struct args *) = {fill_bytes, range, KERNELS};

EXPORT(run) void run(const struct step *step, u32 n) {
	for (; n > 0; n--, step++) kernels[step->kernel](&step->args);
}
