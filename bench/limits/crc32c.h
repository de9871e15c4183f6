/*
 * CRC-32C as fast as one core does it: three lanes of the hardware instruction side by side, because it has a latency of
 * three cycles and a throughput of one; the lanes are joined with tables that advance a sum over a lane of zeros.
 * Used by the limit programs only, on purpose apart from the broker's own, so that the two check each other.
 */
#ifndef BENCH_CRC32C_H
#define BENCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRC_POLYNOMIAL 0x82F63B78u
#define CRC_LANE_BYTES 1024

static uint32_t crc_byte_table[256];
static uint32_t crc_lane_table[4][256];

static uint32_t crc_over_zeros(uint32_t sum, size_t count) {
  while (count-- > 0) sum = (sum >> 8) ^ crc_byte_table[sum & 255];
  return sum;
}

static void crc32c_prepare(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t sum = byte;
    for (int bit = 0; bit < 8; bit++) sum = (sum >> 1) ^ ((sum & 1) ? CRC_POLYNOMIAL : 0);
    crc_byte_table[byte] = sum;
  }
  for (int place = 0; place < 4; place++)
    for (uint32_t byte = 0; byte < 256; byte++)
      crc_lane_table[place][byte] = crc_over_zeros(byte << (8 * place), CRC_LANE_BYTES);
}

static inline uint32_t crc_past_lane(uint32_t sum) {
  return crc_lane_table[0][sum & 255] ^ crc_lane_table[1][(sum >> 8) & 255] ^ crc_lane_table[2][(sum >> 16) & 255] ^
         crc_lane_table[3][sum >> 24];
}

#if defined(__x86_64__)
#include <nmmintrin.h>
#define CRC_HARDWARE __attribute__((target("sse4.2")))
#define CRC_WORD(sum, word) ((uint64_t)_mm_crc32_u64((sum), (word)))
#define CRC_BYTE(sum, byte) ((uint64_t)_mm_crc32_u8((uint32_t)(sum), (byte)))
#define CRC_HAS_HARDWARE __builtin_cpu_supports("sse4.2")
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC_HARDWARE
#define CRC_WORD(sum, word) ((uint64_t)__crc32cd((uint32_t)(sum), (word)))
#define CRC_BYTE(sum, byte) ((uint64_t)__crc32cb((uint32_t)(sum), (byte)))
#define CRC_HAS_HARDWARE 1
#endif

#ifdef CRC_HARDWARE
static inline uint64_t crc_load(const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return word;
}

CRC_HARDWARE static uint32_t crc32c_hardware(const uint8_t *at, size_t length) {
  uint64_t sum = 0xFFFFFFFFu;
  while (length >= 3 * CRC_LANE_BYTES) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < CRC_LANE_BYTES; i += 8) {
      sum = CRC_WORD(sum, crc_load(at + i));
      second = CRC_WORD(second, crc_load(at + CRC_LANE_BYTES + i));
      third = CRC_WORD(third, crc_load(at + 2 * CRC_LANE_BYTES + i));
    }
    sum = crc_past_lane((uint32_t)sum) ^ second;
    sum = crc_past_lane((uint32_t)sum) ^ third;
    at += 3 * CRC_LANE_BYTES;
    length -= 3 * CRC_LANE_BYTES;
  }
  for (; length >= 8; at += 8, length -= 8) sum = CRC_WORD(sum, crc_load(at));
  for (; length > 0; at++, length--) sum = CRC_BYTE(sum, *at);
  return (uint32_t)sum ^ 0xFFFFFFFFu;
}
#endif

static uint32_t crc32c(const uint8_t *at, size_t length) {
#ifdef CRC_HARDWARE
  if (CRC_HAS_HARDWARE) return crc32c_hardware(at, length);
#endif
  uint32_t sum = 0xFFFFFFFFu;
  while (length-- > 0) sum = (sum >> 8) ^ crc_byte_table[(sum ^ *at++) & 255];
  return sum ^ 0xFFFFFFFFu;
}

#endif
