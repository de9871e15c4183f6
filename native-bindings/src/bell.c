/*
 * Waking threads: a futex on a word of shared memory, and event descriptors for those who sleep in the kernel's I/O
 * wait. Any thread may call anything here.
 */
#include "addon.h"

#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The largest nap one call takes: a thread that sleeps here cannot be terminated until it wakes. */
#define WAIT_MS_MAX 60000.0

/*
 * futexWait(address, expected, waitMs): sleeps while the word holds `expected`. 0 woken, -EAGAIN the word holds something
 * else, -ETIMEDOUT, -EINTR. The word's memory must stay reachable during the call.
 */
static napi_value futex_wait(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 3);
  if (a.is_bad) return pb_small(env, -EINVAL);
  void *word = pb_address(&a, 0);
  int32_t expected = pb_int(&a, 1);
  double wait_ms = pb_double(&a, 2);
  if (a.is_bad || word == NULL || !(wait_ms >= 0)) return pb_small(env, -EINVAL);
  if (wait_ms > WAIT_MS_MAX) wait_ms = WAIT_MS_MAX;
  struct timespec wait = {(time_t)(wait_ms / 1000), (long)((wait_ms - 1000.0 * (time_t)(wait_ms / 1000)) * 1e6)};
  long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &wait, NULL, 0);
  return pb_small(env, result < 0 ? -errno : 0);
}

/* futexWake(address, countMax): how many sleepers were woken. */
static napi_value futex_wake(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  if (a.is_bad) return pb_small(env, -EINVAL);
  void *word = pb_address(&a, 0);
  int32_t count = pb_int(&a, 1);
  if (a.is_bad || word == NULL) return pb_small(env, -EINVAL);
  long result = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
  return pb_small(env, result < 0 ? -errno : (int32_t)result);
}

/*
 * eventfdOpen(): a descriptor that the caller owns and closes with closeFd. Blocking on purpose: io_uring waits for it
 * with a plain read, and epoll reads it only after it was said to be readable.
 */
static napi_value eventfd_open(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_CLOEXEC);
  return pb_small(env, fd < 0 ? -errno : fd);
}

/* eventfdWrite(fd): adds one. Only blocks at 2^64 - 2 unread writes. */
static napi_value eventfd_write_one(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t fd = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad || fd < 0) return pb_small(env, -EINVAL);
  uint64_t one = 1;
  ssize_t written = write(fd, &one, sizeof one);
  return pb_small(env, written == (ssize_t)sizeof one ? 0 : -errno);
}

/* closeFd(fd): closes a descriptor that this addon handed out. */
static napi_value close_fd(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t fd = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad || fd < 0) return pb_small(env, -EINVAL);
  return pb_small(env, close(fd) < 0 ? -errno : 0);
}

const pb_export pb_bell_exports[] = {
    {"futexWait", futex_wait},           {"futexWake", futex_wake}, {"eventfdOpen", eventfd_open},
    {"eventfdWrite", eventfd_write_one}, {"closeFd", close_fd},     {NULL, NULL},
};
