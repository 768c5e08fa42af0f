// A module that does what the first byte of its input says: well, or one of
// the things that a sandbox is there for. `go generate` makes known.wasm of it.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;

#define EXPORT(name) __attribute__((export_name(name)))

static u8 input[4096];
static u8 output[4096];
static u32 runs;

EXPORT("shoal_alloc") u32 alloc(u32 size) { return size <= sizeof input ? (u32)input : 0; }

static u64 result(u32 size) { return (u64)(u32)output << 32 | size; }

static u64 put(u64 v) {
  for (int i = 0; i < 8; i++) output[i] = (u8)(v >> 8 * i);
  return result(8);
}

static volatile u32 depth;

static __attribute__((noinline)) u32 deeper(u32 n) {
  if (++depth == 0) return n; // not before every call there may be
  return deeper(n + 1) ^ deeper(n + 2) * 3;
}

EXPORT("shoal_run") u64 run(u32 at, u32 size) {
  volatile float zero = 0, one = 1;
  volatile double infinite = 1 / (double)zero;
  u32 sum = 0;
  if (size == 0) return result(0);
  switch (input[0]) {
  case 's': // a sum, in 32 bits
    for (u32 i = 1; i < size; i++) sum = sum * 31 + input[i];
    return put(sum);
  case 'r': // how often it ran: a run begins with nothing left over
    return put(++runs);
  case 'm': // what is in memory that nobody wrote
    for (u32 i = (u32)__builtin_wasm_memory_grow(0, 1) * 65536u, end = i + 65536; i < end; i += 4) sum |= *(volatile u32 *)i;
    return put(sum);
  case 'n': { // the bits of a NaN, which engines choose
    union { float f; u32 u; } a = {-(zero / zero)}, b = {(one - one) * (float)infinite};
    union { double d; u64 u; } c = {infinite - infinite};
    return put((u64)a.u * 3 + (u64)b.u * 5 + c.u);
  }
  case 'l': // never ends
    for (;;) sum += *(volatile u8 *)input;
  case 'g': // takes all memory there is
    while (__builtin_wasm_memory_grow(0, 1) != -1u) {}
    __builtin_trap();
  case 'c': // calls itself for ever
    return put(deeper(0));
  case 'd': // divides by zero
    return put(7 / *(volatile u32 *)(input + 4092));
  case 'o': // reads where no memory is
    return put(*(volatile u32 *)0xfffffff0u);
  case 'w': // writes more than it may
    return result(sizeof output);
  case 'b': // says that its output is where no memory is
    return (u64)0xffffff00u << 32 | 16;
  }
  __builtin_trap();
}
