/*
 * Packs one block of the LZ4 format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md. What surrounds a block is
 * `src/protocol/lz4-frame.ts`. Written here because it runs on the way of every batch that a broker re-encodes to LZ4: from
 * received memory to memory that is written, without a buffer or a copy between them.
 *
 *     sequence:  token │ more literal length 255… │ literals │ offset 2 │ more match length 255…
 *                token: literal length 4 bits │ match length less 4, 4 bits;   the last sequence has literals only
 *
 * One pass. A table has, by a hash of the bytes there, the latest place at which they stood; a place whose first four bytes are
 * the same begins a match, which is then as long as it goes. Where nothing matches, steps get longer: what cannot be packed
 * is passed over quickly. The last 5 bytes are always literals and no match begins in the last 12, as the format demands.
 */
#include "addon.h"

#define MATCH_BYTES_MIN 4
#define TAIL_LITERALS 5
#define TAIL_WITHOUT_START 12
#define OFFSET_MAX 65535
/* 16 KB of table: half of a first-level cache. Short blocks have twice the places, of 16 bits. */
#define TABLE_BITS 12
#define SHORT_TABLE_BITS 13
#define SHORT_BLOCK_MAX 65536
#define BLOCK_BYTES_MAX (4 << 20)
/* A step grows by one byte with every 64 places that matched nothing. */
#define STEP_SHIFT 6
#define WIDE 16

typedef union {
  uint32_t places[1 << TABLE_BITS];
  uint16_t short_places[1 << SHORT_TABLE_BITS];
} pb_lz4_table;

static inline uint32_t read32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

static inline uint64_t read64(const uint8_t *at) {
  uint64_t value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* Five bytes: with four, texts of numbers meet too many that go no further. */
static inline uint32_t hash_of(uint64_t bytes, int bits) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (uint32_t)(((bytes << 24) * 889523592379ULL) >> (64 - bits));
#else
  return (uint32_t)(((bytes >> 24) * 11400714785074694791ULL) >> (64 - bits));
#endif
}

static inline uint32_t same_bytes(uint64_t difference) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return (uint32_t)__builtin_ctzll(difference) >> 3;
#else
  return (uint32_t)__builtin_clzll(difference) >> 3;
#endif
}

/* How many bytes from `at` on, below `end`, are those from `with` on. */
static inline uint32_t match_length(const uint8_t *at, const uint8_t *with, const uint8_t *end) {
  const uint8_t *from = at;
  while (at + 8 <= end) {
    uint64_t difference = read64(at) ^ read64(with);
    if (difference != 0) return (uint32_t)(at - from) + same_bytes(difference);
    at += 8;
    with += 8;
  }
  while (at < end && *at == *with) {
    at++;
    with++;
  }
  return (uint32_t)(at - from);
}

static inline uint8_t *put_length(uint8_t *to, uint32_t rest) {
  for (; rest >= 255; rest -= 255) *to++ = 255;
  *to++ = (uint8_t)rest;
  return to;
}

/* Literals with a token in front of them, whose lower half the caller fills. Wide copies stay within input and output. */
static inline uint8_t *put_literals(uint8_t *to, const uint8_t *from, uint32_t count, const uint8_t *input_end) {
  uint8_t *token = to++;
  if (count >= 15) {
    *token = 15 << 4;
    to = put_length(to, count - 15);
  } else {
    *token = (uint8_t)(count << 4);
  }
  if (count <= WIDE && from + WIDE <= input_end) memcpy(to, from, WIDE);
  else memcpy(to, from, count);
  return to + count;
}

/*
 * The output has room for `bound_of(length)` bytes, so nothing in here asks. Every function that knows `is_short` is
 * inlined into a body of its own for each kind of table.
 */
static inline __attribute__((always_inline)) uint32_t pack(const uint8_t *input, uint32_t length, uint8_t *output,
                                                           pb_lz4_table *table, bool is_short) {
  const int bits = is_short ? SHORT_TABLE_BITS : TABLE_BITS;
  const uint8_t *const end = input + length;
  const uint8_t *const match_end = end - TAIL_LITERALS;
  const uint8_t *const start_end = end - TAIL_WITHOUT_START;
  const uint8_t *anchor = input;
  uint8_t *to = output;
#define PLACE(hash) (is_short ? table->short_places[hash] : table->places[hash])
#define SET_PLACE(hash, place)                                    \
  do {                                                            \
    if (is_short) table->short_places[hash] = (uint16_t)(place);  \
    else table->places[hash] = (uint32_t)(place);                 \
  } while (0)
  if (length > TAIL_WITHOUT_START) {
    memset(table, 0, sizeof *table);
    const uint8_t *at = input + 1;
    uint32_t misses = 1 << STEP_SHIFT;
    while (at <= start_end) {
      const uint64_t bytes = read64(at);
      const uint32_t hash = hash_of(bytes, bits);
      const uint8_t *with = input + PLACE(hash);
      SET_PLACE(hash, at - input);
      if (read32(with) != read32(at) || (!is_short && at - with > OFFSET_MAX)) {
        at += misses++ >> STEP_SHIFT;
        continue;
      }
      misses = 1 << STEP_SHIFT;
      while (at > anchor && with > input && at[-1] == with[-1]) {
        at--;
        with--;
      }
      uint8_t *token = to;
      to = put_literals(to, anchor, (uint32_t)(at - anchor), end);
      const uint32_t offset = (uint32_t)(at - with);
      *to++ = (uint8_t)offset;
      *to++ = (uint8_t)(offset >> 8);
      const uint32_t more = match_length(at + MATCH_BYTES_MIN, with + MATCH_BYTES_MIN, match_end);
      at += MATCH_BYTES_MIN + more;
      anchor = at;
      if (more >= 15) {
        *token |= 15;
        to = put_length(to, more - 15);
      } else {
        *token |= (uint8_t)more;
      }
      if (at > start_end) break;
      SET_PLACE(hash_of(read64(at - 2), bits), at - 2 - input);
    }
  }
#undef PLACE
#undef SET_PLACE
  return (uint32_t)(put_literals(to, anchor, (uint32_t)(end - anchor), end) - output);
}

/* What a block of so many bytes takes at most, and what wide copies may touch behind it. */
static uint32_t bound_of(uint32_t length) { return length + length / 255 + 2 * WIDE; }

static uint32_t pack_block(const uint8_t *input, uint32_t length, uint8_t *output) {
  pb_lz4_table table;
  if (length <= SHORT_BLOCK_MAX) return pack(input, length, output, &table, true);
  return pack(input, length, output, &table, false);
}

/*
 * lz4Pack(input, length, output, room): the bytes of the packed block. Nothing to pack, or more than the 4 MiB that a block may
 * have, gives -EINVAL; less room than the worst case takes (length + length / 255 + 32) gives -ENOSPC. Any thread; both
 * memories must stay reachable during the call, and nobody else may write to them.
 */
static napi_value lz4_pack(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad) return pb_small(env, -EINVAL);
  const uint8_t *input = pb_address(&a, 0);
  int32_t length = pb_int(&a, 1);
  uint8_t *output = pb_address(&a, 2);
  int32_t room = pb_int(&a, 3);
  if (a.is_bad || input == NULL || output == NULL || length <= 0 || length > BLOCK_BYTES_MAX || room < 0)
    return pb_small(env, -EINVAL);
  if ((uint32_t)room < bound_of((uint32_t)length)) return pb_small(env, -ENOSPC);
  return pb_small(env, (int32_t)pack_block(input, (uint32_t)length, output));
}

const pb_export pb_lz4_exports[] = {{"lz4Pack", lz4_pack}, {NULL, NULL}};
