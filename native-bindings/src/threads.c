/*
 * What a thread may ask of the scheduler for itself. Any thread may call it, about itself only; nothing is kept.
 */
#include "addon.h"

#include <sched.h>

/*
 * yieldThread(): from now on this thread runs only where no other wants to (SCHED_IDLE). A thread of low priority is still
 * left running for a slice of some milliseconds when another one wakes; one of this class is taken off at once. An
 * ordinary user cannot take it back, so it is for threads that do nothing else.
 */
static napi_value yield_thread(napi_env env, napi_callback_info info) {
  (void)info;
  struct sched_param parameter = {0};
  return pb_small(env, sched_setscheduler(0, SCHED_IDLE, &parameter) < 0 ? -errno : 0);
}

/*
 * The processors that this thread was allowed before it was bound to one. Threads that it starts while it is bound are bound
 * as well. What somebody else sets meanwhile (taskset) is theirs: it is noticed at the next call and left alone.
 */
static __thread cpu_set_t allowed;
static __thread int32_t bound_to = -1;

/* 0 when nobody else has changed what this thread is allowed; -EBUSY when somebody has, and what we did is forgotten. */
static int still_ours(void) {
  cpu_set_t now;
  if (bound_to < 0) return 0;
  if (sched_getaffinity(0, sizeof now, &now) < 0) return -errno;
  if (CPU_COUNT(&now) == 1 && CPU_ISSET((size_t)bound_to, &now)) return 0;
  bound_to = -1;
  return -EBUSY;
}

/* threadProcessors(): on how many this thread may run, or -errno (-EINVAL: the machine has more than a set holds). */
static napi_value thread_processors(napi_env env, napi_callback_info info) {
  (void)info;
  cpu_set_t now;
  return pb_small(env, sched_getaffinity(0, sizeof now, &now) < 0 ? -errno : CPU_COUNT(&now));
}

/*
 * threadBind(processor): from now on this thread runs only there; bound already, it moves. 0, or -errno: -EPERM where it may
 * not run, -EBUSY when somebody else has bound it meanwhile.
 */
static napi_value thread_bind(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t processor = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad || processor < 0 || processor >= CPU_SETSIZE) return pb_small(env, -EINVAL);
  int result = still_ours();
  if (result < 0) return pb_small(env, result);
  if (bound_to < 0 && sched_getaffinity(0, sizeof allowed, &allowed) < 0) return pb_small(env, -errno);
  if (!CPU_ISSET((size_t)processor, &allowed)) return pb_small(env, -EPERM);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)processor, &one);
  if (sched_setaffinity(0, sizeof one, &one) < 0) return pb_small(env, -errno);
  bound_to = processor;
  return pb_small(env, 0);
}

/* threadUnbind(): it may run again wherever it could before. 0, or -errno as above. */
static napi_value thread_unbind(napi_env env, napi_callback_info info) {
  (void)info;
  if (bound_to < 0) return pb_small(env, 0);
  int result = still_ours();
  if (result == 0 && sched_setaffinity(0, sizeof allowed, &allowed) < 0) result = -errno;
  if (result == 0) bound_to = -1;
  return pb_small(env, result);
}

const pb_export pb_threads_exports[] = {{"yieldThread", yield_thread},
                                        {"threadProcessors", thread_processors},
                                        {"threadBind", thread_bind},
                                        {"threadUnbind", thread_unbind},
                                        {NULL, NULL}};
