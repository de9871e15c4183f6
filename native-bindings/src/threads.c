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

const pb_export pb_threads_exports[] = {{"yieldThread", yield_thread}, {NULL, NULL}};
