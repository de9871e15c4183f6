/*
 * The limit of a hand-off between two threads: a token goes there and back through two shared words, each side sleeping on
 * a futex until it is its turn. Prints the microseconds of one round. ring --rounds N
 */
#include "common.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic uint32_t there, back;

static void sleep_until(_Atomic uint32_t *word, uint32_t value) {
  for (;;) {
    uint32_t now = atomic_load_explicit(word, memory_order_acquire);
    if (now == value) return;
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, now, NULL, NULL, 0);
  }
}

static void hand(_Atomic uint32_t *word, uint32_t value) {
  atomic_store_explicit(word, value, memory_order_release);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *echo(void *rounds) {
  uint32_t count = (uint32_t)(uintptr_t)rounds;
  for (uint32_t i = 1; i <= count; i++) {
    sleep_until(&there, i);
    hand(&back, i);
  }
  return NULL;
}

int main(int argc, char **argv) {
  uint32_t rounds = (uint32_t)option_number(argc, argv, "--rounds", 50000);
  pthread_t other;
  if (pthread_create(&other, NULL, echo, (void *)(uintptr_t)rounds) != 0) die("pthread_create");
  int64_t begin = clock_ns();
  for (uint32_t i = 1; i <= rounds; i++) {
    hand(&there, i);
    sleep_until(&back, i);
  }
  double tookUs = (double)(clock_ns() - begin) / 1e3;
  pthread_join(other, NULL);
  printf("{\"roundUs\":%.2f,\"roundsPerSecond\":%.0f}\n", tookUs / rounds, rounds / tookUs * 1e6);
  return 0;
}
