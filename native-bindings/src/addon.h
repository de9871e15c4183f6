/*
 * What all parts of the addon share. Every export takes numbers (addresses among them) or byte views and returns a
 * number, negative errno for a failure: nothing is allocated on the JavaScript heap and nothing calls back.
 *
 * An address stays good only as long as JavaScript keeps the view reachable that it was taken from; nothing here keeps
 * an address longer than the comment of its export says.
 */
#ifndef PERFBROKER_ADDON_H
#define PERFBROKER_ADDON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8
#include <node_api.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Arguments of one call; a call with fewer or other things than numbers gets -EINVAL. */
#define PB_ARGUMENTS_MAX 8

typedef struct {
  napi_env env;
  napi_value values[PB_ARGUMENTS_MAX];
  bool is_bad;
} pb_arguments;

static inline void pb_take(pb_arguments *a, napi_env env, napi_callback_info info, size_t wanted) {
  size_t count = wanted;
  a->env = env;
  a->is_bad = napi_get_cb_info(env, info, &count, a->values, NULL, NULL) != napi_ok || count < wanted;
}

static inline double pb_double(pb_arguments *a, int index) {
  double value = 0;
  if (napi_get_value_double(a->env, a->values[index], &value) != napi_ok) a->is_bad = true;
  return value;
}

static inline int32_t pb_int(pb_arguments *a, int index) {
  int32_t value = 0;
  if (napi_get_value_int32(a->env, a->values[index], &value) != napi_ok) a->is_bad = true;
  return value;
}

/* User space has 47 bits of addresses, so a double holds one exactly. */
static inline void *pb_address(pb_arguments *a, int index) {
  return (void *)(uintptr_t)pb_double(a, index);
}

/* The bytes of a Uint8Array (also one over a SharedArrayBuffer); NULL when it is something else. */
void *pb_view(pb_arguments *a, int index, size_t *length);

static inline napi_value pb_number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

static inline napi_value pb_small(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

typedef struct {
  const char *name;
  napi_callback call;
} pb_export;

/* Each part lists its exports in one table that ends with a NULL name. */
extern const pb_export pb_crc32c_exports[];
extern const pb_export pb_bell_exports[];
extern const pb_export pb_files_exports[];
extern const pb_export pb_kernel_exports[];
extern const pb_export pb_threads_exports[];
extern const pb_export pb_lz4_exports[];

/* Closes what the thread of this environment left open; called by its clean-up hook, on that thread. */
void pb_kernel_forget(napi_env env);

#endif
