/*
 * Latencies in microseconds: exact up to 2,047, then 1,024 steps for every doubling (an error below 0.1 %). Printed as
 * `value,count` lines which the bench feeds into HdrHistogram.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_STEPS 1024
#define HISTOGRAM_DOUBLINGS 22
#define HISTOGRAM_SLOTS (HISTOGRAM_STEPS * (HISTOGRAM_DOUBLINGS + 1))

struct histogram {
  uint64_t counts[HISTOGRAM_SLOTS];
  uint64_t total;
};

static uint32_t histogram_slot(uint64_t valueUs) {
  if (valueUs < 2 * HISTOGRAM_STEPS) return (uint32_t)valueUs;
  uint32_t doubling = 63u - (uint32_t)__builtin_clzll(valueUs) - 10;
  if (doubling >= HISTOGRAM_DOUBLINGS) return HISTOGRAM_SLOTS - 1;
  return doubling * HISTOGRAM_STEPS + (uint32_t)(valueUs >> doubling);
}

static uint64_t histogram_value(uint32_t slot) {
  if (slot < 2 * HISTOGRAM_STEPS) return slot;
  uint32_t doubling = slot / HISTOGRAM_STEPS - 1;
  return ((uint64_t)(slot - doubling * HISTOGRAM_STEPS + 1) << doubling) - 1;
}

static void histogram_add(struct histogram *histogram, int64_t tookNs) {
  histogram->counts[histogram_slot(tookNs <= 0 ? 0 : (uint64_t)tookNs / 1000)]++;
  histogram->total++;
}

static uint64_t histogram_percentile(const struct histogram *histogram, double fraction) {
  uint64_t wanted = (uint64_t)(fraction * (double)histogram->total), seen = 0;
  for (uint32_t slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
    seen += histogram->counts[slot];
    if (seen > wanted) return histogram_value(slot);
  }
  return 0;
}

static void histogram_write(const struct histogram *histogram, const char *path) {
  FILE *file = fopen(path, "w");
  if (file == NULL) return;
  for (uint32_t slot = 0; slot < HISTOGRAM_SLOTS; slot++)
    if (histogram->counts[slot] > 0)
      fprintf(file, "%llu,%llu\n", (unsigned long long)histogram_value(slot), (unsigned long long)histogram->counts[slot]);
  fclose(file);
}

#endif
