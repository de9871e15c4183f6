/*
 * CRC-32C (Castagnoli, reflected 0x82f63b78). Four bodies behind one face, chosen once by what the processor has:
 *
 *   table    slicing by 8, anywhere
 *   lanes    x86 crc32 instruction: it takes 3 cycles but one can start every cycle, so three lanes run side by side
 *            and are joined with carry-less multiplications
 *   fold     x86 with 512-bit carry-less multiplication: 256 bytes a round, the rest by lanes
 *   arm      the crc32c instructions of aarch64
 *
 * All constants are powers of x modulo the polynomial and are computed at start, so there is no table of magic numbers
 * to trust. In reflected notation the product of two polynomials comes out of a carry-less multiplication multiplied by
 * x once more, and the crc32 instruction multiplies by x^32; hence the 33 in the exponents below.
 */
#include "addon.h"
#include "crc32c.h"

#include <pthread.h>

#define POLYNOMIAL 0x82f63b78u

static uint32_t table[8][256];

static void make_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) ? POLYNOMIAL : 0);
    table[0][byte] = value;
  }
  for (uint32_t byte = 0; byte < 256; byte++)
    for (int slice = 1; slice < 8; slice++)
      table[slice][byte] = (table[slice - 1][byte] >> 8) ^ table[0][table[slice - 1][byte] & 255];
}

static uint32_t crc_table(uint32_t state, const uint8_t *at, size_t length) {
  while (length > 0 && ((uintptr_t)at & 7) != 0) {
    state = (state >> 8) ^ table[0][(state ^ *at++) & 255];
    length--;
  }
  for (; length >= 8; length -= 8, at += 8) {
    uint32_t low, high;
    memcpy(&low, at, 4);
    memcpy(&high, at + 4, 4);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    low = __builtin_bswap32(low);
    high = __builtin_bswap32(high);
#endif
    low ^= state;
    state = table[7][low & 255] ^ table[6][(low >> 8) & 255] ^ table[5][(low >> 16) & 255] ^ table[4][low >> 24] ^
            table[3][high & 255] ^ table[2][(high >> 8) & 255] ^ table[1][(high >> 16) & 255] ^ table[0][high >> 24];
  }
  while (length-- > 0) state = (state >> 8) ^ table[0][(state ^ *at++) & 255];
  return state;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* A lane has at most this many 8-byte words; join[n] moves a state n words ahead: x^(64n - 33). */
#define LANE_WORDS_MAX 512
static uint32_t join[LANE_WORDS_MAX * 2 + 1];
/* x^(distance - 33) for the low and the high half of a 128-bit lane that is folded `distance` bits ahead. */
static uint64_t fold_2048[2], fold_1536[2], fold_1024[2], fold_512[2], fold_384[2], fold_256[2], fold_128[2];

/* In reflected notation 1 is x^31, and a shift to the right multiplies by x. */
static uint32_t power_of_x(uint32_t exponent) {
  uint32_t value = 1u << 31;
  for (uint32_t step = 0; step < exponent; step++) value = (value >> 1) ^ ((value & 1) ? POLYNOMIAL : 0);
  return value;
}

/*
 * A 128-bit lane is low·x^64 + high as polynomials (the low half comes first in memory). 64 bits times 32 bits give 96
 * bits, which lie one bit too low in a 128-bit register, and 32 bits of room are left; so both exponents lose 33.
 */
static void make_fold(uint64_t fold[2], uint32_t distance) {
  fold[0] = (uint64_t)power_of_x(distance + 64 - 33);
  fold[1] = (uint64_t)power_of_x(distance - 33);
}

static void make_joins(void) {
  uint32_t value = power_of_x(64 - 33);
  for (int words = 1; words <= LANE_WORDS_MAX * 2; words++) {
    join[words] = value;
    for (int bit = 0; bit < 64; bit++) value = (value >> 1) ^ ((value & 1) ? POLYNOMIAL : 0);
  }
  make_fold(fold_2048, 2048);
  make_fold(fold_1536, 1536);
  make_fold(fold_1024, 1024);
  make_fold(fold_512, 512);
  make_fold(fold_384, 384);
  make_fold(fold_256, 256);
  make_fold(fold_128, 128);
}

static inline uint64_t word_at(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t ahead(uint64_t state, uint32_t words) {
  __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)state), _mm_cvtsi32_si128((int)join[words]), 0);
  return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc_lanes(uint32_t start, const uint8_t *at, size_t length) {
  uint64_t state = start;
  while (length >= 3 * 8 * 8) {
    uint32_t words = (uint32_t)(length / 24);
    if (words > LANE_WORDS_MAX) words = LANE_WORDS_MAX;
    size_t lane = (size_t)words * 8;
    const uint8_t *end = at + lane;
    uint64_t second = 0, third = 0;
    for (; at < end; at += 8) {
      state = _mm_crc32_u64(state, word_at(at));
      second = _mm_crc32_u64(second, word_at(at + lane));
      third = _mm_crc32_u64(third, word_at(at + 2 * lane));
    }
    state = ahead(state, words * 2) ^ ahead(second, words) ^ third;
    at += 2 * lane;
    length -= 3 * lane;
  }
  for (; length >= 8; length -= 8, at += 8) state = _mm_crc32_u64(state, word_at(at));
  uint32_t rest = (uint32_t)state;
  while (length-- > 0) rest = _mm_crc32_u8(rest, *at++);
  return rest;
}

#define FOLD_TARGET __attribute__((target("sse4.2,pclmul,avx512f,avx512vl,avx512dq,vpclmulqdq")))

FOLD_TARGET static inline __m512i fold_wide(__m512i lanes, __m512i constants, __m512i next) {
  __m512i low = _mm512_clmulepi64_epi128(lanes, constants, 0x00);
  __m512i high = _mm512_clmulepi64_epi128(lanes, constants, 0x11);
  return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

FOLD_TARGET static inline __m128i fold_narrow(__m128i lane, const uint64_t constants[2]) {
  __m128i k = _mm_loadu_si128((const __m128i *)constants);
  return _mm_xor_si128(_mm_clmulepi64_si128(lane, k, 0x00), _mm_clmulepi64_si128(lane, k, 0x11));
}

FOLD_TARGET static inline __m512i spread(const uint64_t constants[2]) {
  return _mm512_broadcast_i64x2(_mm_loadu_si128((const __m128i *)constants));
}

/*
 * Shorter ones are as fast by lanes. Measured on a Sapphire Rapids core, of which an empty call is 33 ns: 1 KB 95 ns by
 * lanes and 60 by fold, 4 KB 200 and 77, 16 KB 630 and 185, 1 MB 28 GB/s and 110 GB/s.
 */
#define FOLD_BYTES_MIN 512

FOLD_TARGET static uint32_t crc_fold(uint32_t state, const uint8_t *at, size_t length) {
  if (length < FOLD_BYTES_MIN) return crc_lanes(state, at, length);
  __m512i a = _mm512_loadu_si512(at), b = _mm512_loadu_si512(at + 64);
  __m512i c = _mm512_loadu_si512(at + 128), d = _mm512_loadu_si512(at + 192);
  a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)state)));
  __m512i k = spread(fold_2048);
  at += 256;
  length -= 256;
  for (; length >= 256; length -= 256, at += 256) {
    a = fold_wide(a, k, _mm512_loadu_si512(at));
    b = fold_wide(b, k, _mm512_loadu_si512(at + 64));
    c = fold_wide(c, k, _mm512_loadu_si512(at + 128));
    d = fold_wide(d, k, _mm512_loadu_si512(at + 192));
  }
  d = fold_wide(a, spread(fold_1536), d);
  d = fold_wide(b, spread(fold_1024), d);
  d = fold_wide(c, spread(fold_512), d);
  k = spread(fold_512);
  for (; length >= 64; length -= 64, at += 64) d = fold_wide(d, k, _mm512_loadu_si512(at));
  __m128i last = _mm512_extracti64x2_epi64(d, 3);
  last = _mm_xor_si128(last, fold_narrow(_mm512_extracti64x2_epi64(d, 0), fold_384));
  last = _mm_xor_si128(last, fold_narrow(_mm512_extracti64x2_epi64(d, 1), fold_256));
  last = _mm_xor_si128(last, fold_narrow(_mm512_extracti64x2_epi64(d, 2), fold_128));
  /*
   * Wide registers that are left dirty make every later switch between the processor's two kinds of vector code slow,
   * and JavaScript computes doubles with one kind and calls C++ of the other: calls with a fresh double took 200 ns
   * instead of 35. The compiler does not do this by itself for a function with a target of its own.
   */
  _mm256_zeroupper();
  uint64_t reduced = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(last));
  reduced = _mm_crc32_u64(reduced, (uint64_t)_mm_extract_epi64(last, 1));
  return crc_lanes((uint32_t)reduced, at, length);
}
#endif

#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif

__attribute__((target("+crc"))) static uint32_t crc_arm(uint32_t state, const uint8_t *at, size_t length) {
  for (; length >= 8; length -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    state = __crc32cd(state, word);
  }
  while (length-- > 0) state = __crc32cb(state, *at++);
  return state;
}
#endif

typedef uint32_t (*crc_body)(uint32_t state, const uint8_t *at, size_t length);

/* Index = the path number that crc32cPath returns. */
static crc_body bodies[4];
static int chosen;
static crc_body body;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void prepare(void) {
  make_table();
  bodies[0] = crc_table;
#if defined(__x86_64__)
  __builtin_cpu_init();
  make_joins();
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) {
    bodies[1] = crc_lanes;
    chosen = 1;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("vpclmulqdq")) {
      bodies[2] = crc_fold;
      chosen = 2;
    }
  }
#elif defined(__aarch64__)
  if (getauxval(AT_HWCAP) & HWCAP_CRC32) {
    bodies[3] = crc_arm;
    chosen = 3;
  }
#endif
  body = bodies[chosen];
}

/* crc32c(address, length): the checksum. Any thread; the memory is only read, and only during the call. */
static napi_value crc32c(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  napi_value result = NULL;
  if (a.is_bad) return pb_small(env, -EINVAL);
  const uint8_t *at = pb_address(&a, 0);
  int32_t length = pb_int(&a, 1);
  if (a.is_bad || length < 0) return pb_small(env, -EINVAL);
  napi_create_uint32(env, ~body(~0u, at, (size_t)length), &result);
  return result;
}

/* crc32cWith(path, address, length): the same by a chosen body, for tests and benches; -ENOSYS when it cannot run here. */
static napi_value crc32c_with(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 3);
  if (a.is_bad) return pb_small(env, -EINVAL);
  int32_t path = pb_int(&a, 0);
  const uint8_t *at = pb_address(&a, 1);
  int32_t length = pb_int(&a, 2);
  if (a.is_bad || length < 0 || path < 0 || path > 3) return pb_small(env, -EINVAL);
  if (bodies[path] == NULL) return pb_small(env, -ENOSYS);
  return pb_number(env, (double)(uint32_t)~bodies[path](~0u, at, (size_t)length));
}

/* crc32cPath(): which body was chosen: 0 table, 1 lanes, 2 fold, 3 arm. */
static napi_value crc32c_path(napi_env env, napi_callback_info info) {
  (void)info;
  return pb_small(env, chosen);
}

void pb_crc32c_prepare(void) { pthread_once(&prepared, prepare); }

const pb_export pb_crc32c_exports[] = {
    {"crc32c", crc32c}, {"crc32cWith", crc32c_with}, {"crc32cPath", crc32c_path}, {NULL, NULL}};
