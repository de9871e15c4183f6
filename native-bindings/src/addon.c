/*
 * The entry: registers the exports of all parts in every environment (main thread and each worker thread) that loads
 * the addon. Global state is either constant after a pthread_once or guarded by a mutex.
 */
#include "addon.h"
#include "crc32c.h"
#include <features.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define MAPPED_BYTES_MIN (256 << 10)
#define TRIMMED_BYTES_MIN (1 << 20)

/*
 * Once a large piece has been freed, glibc takes pieces of that size (up to 32 MiB) from the heap, where small ones that live on
 * keep it from ever shrinking. With fixed thresholds large pieces go back when they are freed.
 */
static void bound_heap(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
  mallopt(M_TRIM_THRESHOLD, TRIMMED_BYTES_MIN);
#endif
}

void *pb_view(pb_arguments *a, int index, size_t *length) {
  napi_typedarray_type type;
  void *data = NULL;
  napi_status status = napi_get_typedarray_info(a->env, a->values[index], &type, length, &data, NULL, NULL);
  if (status != napi_ok || type != napi_uint8_array) {
    a->is_bad = true;
    *length = 0;
    return NULL;
  }
  return data;
}

/*
 * addressOf(view: Uint8Array): its virtual address, 0 for anything else. Any thread. The caller keeps the view reachable
 * as long as it uses the address. A small view whose bytes lie in the JavaScript heap is moved out of it by this call.
 */
static napi_value address_of(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  size_t length = 0;
  void *data = a.is_bad ? NULL : pb_view(&a, 0, &length);
  return pb_number(env, (double)(uintptr_t)data);
}

/*
 * copyTo(address, view: Uint8Array): copies the bytes of the view to the address, where there must be room, and returns how many
 * they were. Any thread. JavaScript copies into shared memory byte by byte where the two are not aligned alike.
 */
static napi_value copy_to(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  if (a.is_bad) return pb_small(env, -EINVAL);
  void *target = pb_address(&a, 0);
  size_t length = 0;
  void *data = pb_view(&a, 1, &length);
  if (a.is_bad || target == NULL) return pb_small(env, -EINVAL);
  if (length > 0) memcpy(target, data, length);
  return pb_number(env, (double)length);
}

static const pb_export own_exports[] = {{"addressOf", address_of}, {"copyTo", copy_to}, {NULL, NULL}};

static bool add_exports(napi_env env, napi_value exports, const pb_export *table) {
  for (; table->name != NULL; table++) {
    napi_value function;
    if (napi_create_function(env, table->name, NAPI_AUTO_LENGTH, table->call, NULL, &function) != napi_ok) return false;
    if (napi_set_named_property(env, exports, table->name, function) != napi_ok) return false;
  }
  return true;
}

static void clean_up(void *env) { pb_kernel_forget((napi_env)env); }

NAPI_MODULE_INIT() {
  bound_heap();
  pb_crc32c_prepare();
  bool is_whole = add_exports(env, exports, own_exports) && add_exports(env, exports, pb_crc32c_exports) &&
                  add_exports(env, exports, pb_bell_exports) && add_exports(env, exports, pb_files_exports) &&
                  add_exports(env, exports, pb_kernel_exports) &&
                  add_exports(env, exports, pb_threads_exports) && add_exports(env, exports, pb_lz4_exports);
  if (!is_whole) napi_throw_error(env, NULL, "the native part could not register its functions");
  napi_add_env_cleanup_hook(env, clean_up, env);
  return exports;
}
