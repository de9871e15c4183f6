/*
 * One run: when requests are due, which phase it is (warming, measuring, draining), what was counted, and the CPU time of
 * the server process at both ends of the measured phase.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "answers.h"
#include "histogram.h"

enum phase { WARMING, MEASURING, DRAINING };

struct run {
  struct frames frames;
  struct connection *connections;
  uint32_t connection_count;
  uint32_t in_flight_max;
  double rate; /* requests a second over all connections; 0 is a closed loop */
  double warm_seconds, seconds;
  uint64_t requests_max, bytes_max;
  uint32_t topic_bytes;
  bool is_fetch, is_answered;
  int pid;
  enum phase phase;
  int64_t beginNs, measureNs, endNs;
  uint64_t answered, answered_bytes, bytes_begun;
  double cpu_seconds, own_cpu_seconds;
  struct tally tally;
  struct histogram *histogram;
  int epoll;
  int timer;
  int64_t timerNs; /* what it is set to */
};

/* utime + stime of a process with all its threads, in seconds. */
static double cpu_seconds_of(int pid) {
  if (pid <= 0) return 0;
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) die("the server's process is gone");
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  char *fields = strrchr(text, ')');
  unsigned long user = 0, system = 0;
  if (fields == NULL || sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
    die("/proc/<pid>/stat");
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Of the generator itself, which is short of 10 ms ticks at low rates. */
static double own_cpu_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static int64_t due_ns(const struct run *run, const struct connection *connection, uint64_t request) {
  double place = (double)request * run->connection_count + connection->index;
  return run->beginNs + (int64_t)(place * 1e9 / run->rate);
}

static void begin_measuring(struct run *run, int64_t nowNs) {
  run->phase = MEASURING;
  run->measureNs = nowNs;
  run->answered = run->answered_bytes = run->bytes_begun = run->tally.answer_bytes = 0;
  memset(run->histogram, 0, sizeof *run->histogram);
  run->cpu_seconds = cpu_seconds_of(run->pid);
  run->own_cpu_seconds = own_cpu_seconds();
}

static void end_measuring(struct run *run, int64_t nowNs) {
  run->phase = DRAINING;
  run->endNs = nowNs;
  run->cpu_seconds = cpu_seconds_of(run->pid) - run->cpu_seconds;
  run->own_cpu_seconds = own_cpu_seconds() - run->own_cpu_seconds;
}

static void move_phase(struct run *run, int64_t nowNs) {
  if (run->phase == WARMING && nowNs >= run->beginNs + (int64_t)(run->warm_seconds * 1e9)) begin_measuring(run, nowNs);
  if (run->phase != MEASURING) return;
  bool isOver = nowNs >= run->measureNs + (int64_t)(run->seconds * 1e9);
  isOver |= run->requests_max > 0 && run->answered >= run->requests_max;
  isOver |= run->bytes_max > 0 && run->answered_bytes >= run->bytes_max;
  if (isOver) end_measuring(run, nowNs);
}

/* Counts one answer. Latencies of requests meant for the measured phase count even when they arrive while draining. */
static void settle(struct run *run, struct connection *connection, int64_t nowNs) {
  uint32_t frame = frame_of(connection, connection->answered, run->connection_count, run->frames.count);
  int64_t meantNs = connection->meantNs[connection->answered % run->in_flight_max];
  connection->answered++;
  if (run->phase != WARMING && meantNs >= run->measureNs) histogram_add(run->histogram, nowNs - meantNs);
  if (run->phase == DRAINING) return;
  run->answered++;
  run->answered_bytes += run->is_fetch ? 0 : frame_length(&run->frames, frame);
  if (run->is_fetch) run->answered_bytes = run->tally.answer_bytes;
}

/* Requests that were due inside the measured phase and never got a place count with the time they had waited by its end. */
static uint64_t settle_unsent(struct run *run) {
  uint64_t unsent = 0;
  if (run->rate <= 0) return 0;
  for (uint32_t i = 0; i < run->connection_count; i++) {
    struct connection *connection = &run->connections[i];
    for (uint64_t request = connection->begun; due_ns(run, connection, request) < run->endNs; request++, unsent++) {
      int64_t meantNs = due_ns(run, connection, request);
      if (meantNs >= run->measureNs) histogram_add(run->histogram, run->endNs - meantNs);
    }
  }
  return unsent;
}

static void print_progress(const struct run *run, int64_t nowNs) {
  double seconds = (double)(nowNs - (run->phase == WARMING ? run->beginNs : run->measureNs)) / 1e9;
  printf("{\"kind\":\"progress\",\"phase\":\"%s\",\"seconds\":%.3f,\"requests\":%llu,\"bytes\":%llu,\"p50Us\":%llu,\"p99Us\":%llu}\n",
         run->phase == WARMING ? "warm" : "measure", seconds, (unsigned long long)run->answered,
         (unsigned long long)run->answered_bytes, (unsigned long long)histogram_percentile(run->histogram, 0.5),
         (unsigned long long)histogram_percentile(run->histogram, 0.99));
  fflush(stdout);
}

static void print_total(const struct run *run, uint64_t unsent, uint64_t unanswered) {
  printf("{\"kind\":\"total\",\"seconds\":%.4f,\"requests\":%llu,\"bytes\":%llu,\"errors\":%llu,\"firstError\":%d,"
         "\"unsent\":%llu,\"unanswered\":%llu,\"cpuSeconds\":%.3f,\"loadCpuSeconds\":%.3f}\n",
         (double)(run->endNs - run->measureNs) / 1e9, (unsigned long long)run->answered,
         (unsigned long long)run->answered_bytes, (unsigned long long)run->tally.errors, run->tally.first_error,
         (unsigned long long)unsent, (unsigned long long)unanswered, run->cpu_seconds, run->own_cpu_seconds);
  fflush(stdout);
}

#endif
