// Kernels for measuring what counting costs: the first byte of the input says
// which.
typedef unsigned int u32;
typedef unsigned long long u64;

static unsigned char heap[1 << 10];
static float a[128 * 128], b[128 * 128], c[128 * 128];
static unsigned char composite[1 << 16];
static u32 out;

static u32 fib(u32 n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static u32 product(void) {
	for (int i = 0; i < 128 * 128; i++) a[i] = i % 7, b[i] = i % 5;
	for (int r = 0; r < 20; r++)
		for (int i = 0; i < 128; i++)
			for (int j = 0; j < 128; j++) {
				float s = 0;
				for (int k = 0; k < 128; k++) s += a[i * 128 + k] * b[k * 128 + j];
				c[i * 128 + j] = s;
			}
	return c[77];
}

static u32 sieve(void) {
	u32 n = 0;
	for (int r = 0; r < 100; r++) {
		for (int i = 0; i < 1 << 16; i++) composite[i] = 0;
		for (u32 i = 2; i < 1 << 16; i++) {
			if (composite[i]) continue;
			n++;
			for (u32 j = i * 2; j < 1 << 16; j += i) composite[j] = 1;
		}
	}
	return n;
}

static u32 xorshift(void) {
	u32 x = 1, n = 0;
	for (u32 i = 0; i < 50000000; i++) x ^= x << 13, x ^= x >> 17, x ^= x << 5, n += x;
	return n;
}

static u32 mandelbrot(void) {
	u32 n = 0;
	for (int y = 0; y < 200; y++)
		for (int x = 0; x < 200; x++) {
			double zr = 0, zi = 0, cr = x * 0.01 - 1.5, ci = y * 0.01 - 1;
			int k = 0;
			for (; k < 500 && zr * zr + zi * zi < 4; k++) {
				double t = zr * zr - zi * zi + cr;
				zi = 2 * zr * zi + ci, zr = t;
			}
			n += k;
		}
	return n;
}

__attribute__((export_name("shoal_alloc"))) void *shoal_alloc(u32 n) { return heap; }

__attribute__((export_name("shoal_run"))) u64 shoal_run(const char *in, u32 n) {
	switch (in[0]) {
	case 'p': out = product(); break;
	case 's': out = sieve(); break;
	case 'x': out = xorshift(); break;
	case 'm': out = mandelbrot(); break;
	case 'f': out = fib(32); break;
	}
	return (u64)(u32)&out << 32 | sizeof out;
}
