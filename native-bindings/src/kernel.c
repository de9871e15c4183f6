/*
 * The exports of the kernel of a front. A kernel is named by a small number; every call but kernelProbe belongs to the
 * thread that opened it. What a thread leaves open is closed by the clean-up hook of its environment.
 */
#include "kernel.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define KERNELS_MAX 256
#define SOCKETS_MAX (1 << 20)

typedef struct {
  pb_kernel *kernel;
  napi_env owner;
} pb_seat;

/* The mutex guards taking and leaving seats; the owner looks at its own seat without it. */
static pb_seat seats[KERNELS_MAX];
static pthread_mutex_t seating = PTHREAD_MUTEX_INITIALIZER;

static pb_kernel *kernel_of(napi_env env, int32_t handle) {
  if (handle < 0 || handle >= KERNELS_MAX || seats[handle].owner != env) return NULL;
  return seats[handle].kernel;
}

static void destroy(pb_kernel *k) {
  /* First of all tell the peers, because the path may keep sockets a moment longer. */
  for (int32_t i = 0; i < k->untouched; i++)
    if (k->sockets[i].fd >= 0) shutdown(k->sockets[i].fd, SHUT_RDWR);
  pb_end_sender(k);
  k->path->close(k);
  for (int32_t i = 0; i < k->untouched; i++)
    if (k->sockets[i].fd >= 0) close(k->sockets[i].fd);
  pb_close_pipes(k);
  for (int i = 0; i < PB_KERNEL_LISTENERS_MAX; i++)
    if (k->listeners[i].fd >= 0) close(k->listeners[i].fd);
  if (k->owns_event_fd) close(k->event_fd);
  free(k->sockets);
  free(k);
}

static pb_kernel *create(int32_t path, int32_t sockets_max, int32_t event_fd, int *problem) {
  pb_kernel *k = calloc(1, sizeof *k);
  *problem = -ENOMEM;
  if (k == NULL) return NULL;
  k->sockets = calloc((size_t)sockets_max, sizeof *k->sockets);
  k->path = path == PB_KERNEL_PATH_URING ? &pb_uring_path : &pb_epoll_path;
  k->sockets_max = sockets_max;
  k->first_free = -1;
  for (int i = 0; i < PB_KERNEL_LISTENERS_MAX; i++) k->listeners[i].fd = -1;
  k->owns_event_fd = event_fd < 0;
  k->event_fd = event_fd < 0 ? eventfd(0, EFD_CLOEXEC) : event_fd;
  if (k->sockets != NULL) *problem = k->event_fd < 0 ? -errno : k->path->open(k);
  if (*problem >= 0) return k;
  if (k->owns_event_fd && k->event_fd >= 0) close(k->event_fd);
  free(k->sockets);
  free(k);
  return NULL;
}

/* kernelProbe(path): what that path offers here (PB_KERNEL_FEATURE bits), or -errno. Opens one and closes it again. */
static napi_value kernel_probe(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t path = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad || (path != PB_KERNEL_PATH_URING && path != PB_KERNEL_PATH_EPOLL)) return pb_small(env, -EINVAL);
  int problem;
  pb_kernel *k = create(path, 1, -1, &problem);
  if (k == NULL) return pb_small(env, problem);
  int32_t features = k->features;
  destroy(k);
  return pb_small(env, features);
}

/*
 * kernelOpen(path, submissions, submissionsMax, completions, completionsMax, socketsMax, eventFd, regionBufferBytes): a
 * kernel for the calling thread. The two tables are addresses and stay reachable until kernelClose. eventFd is the bell, owned by the
 * caller; -1 makes one that goes with the kernel. regionBufferBytes is the send buffer of a socket from its first large region
 * on, 0 leaves it as it is. Returns its number, or -errno.
 */
static napi_value kernel_open(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 8);
  if (a.is_bad) return pb_small(env, -EINVAL);
  int32_t path = pb_int(&a, 0);
  void *submissions = pb_address(&a, 1);
  int32_t submissions_max = pb_int(&a, 2);
  void *completions = pb_address(&a, 3);
  int32_t completions_max = pb_int(&a, 4);
  int32_t sockets_max = pb_int(&a, 5);
  int32_t event_fd = pb_int(&a, 6);
  int32_t region_buffer_bytes = pb_int(&a, 7);
  if (a.is_bad || region_buffer_bytes < 0 || submissions == NULL || completions == NULL || sockets_max < 1 || sockets_max > SOCKETS_MAX ||
      submissions_max < 1 || completions_max < sockets_max * PB_COMPLETIONS_PER_SOCKET + PB_KERNEL_LISTENERS_MAX)
    return pb_small(env, -EINVAL);
  int problem;
  pb_kernel *k = create(path, sockets_max, event_fd, &problem);
  if (k == NULL) return pb_small(env, problem);
  k->submissions = submissions;
  k->submissions_max = submissions_max;
  k->completions = completions;
  k->completions_max = completions_max;
  k->region_buffer_bytes = region_buffer_bytes;
  int32_t handle = -EMFILE;
  pthread_mutex_lock(&seating);
  for (int32_t i = 0; i < KERNELS_MAX && handle < 0; i++) {
    if (seats[i].kernel != NULL) continue;
    seats[i].kernel = k;
    seats[i].owner = env;
    handle = i;
  }
  pthread_mutex_unlock(&seating);
  if (handle < 0) destroy(k);
  return pb_small(env, handle);
}

/*
 * kernelTurn(kernel, count, waitMs, keepsSends): submits the first `count` entries of the table, waits at most `waitMs` while
 * nothing completed and the bell did not ring, and fills the other table. Returns how many completed, or -errno. Where
 * keepsSends is not 0, sends (not such with more behind them) that leave whole at once do not end the wait: they are told
 * with what does.
 */
static napi_value kernel_turn(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  int32_t count = pb_int(&a, 1);
  double wait_ms = pb_double(&a, 2);
  bool keeps_sends = pb_int(&a, 3) != 0;
  if (a.is_bad || k == NULL || count < 0 || count > k->submissions_max || !(wait_ms >= 0)) return pb_small(env, -EINVAL);
  k->done = k->kept = 0;
  k->keeps_sends = keeps_sends;
  k->turn++;
  int result = k->path->turn(k, count, wait_ms > 60000 ? 60000 : wait_ms);
  return pb_small(env, result < 0 ? result : k->done);
}

/* kernelEventFd(kernel): the descriptor whose writing ends a wait. */
static napi_value kernel_event_fd(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  pb_kernel *k = a.is_bad ? NULL : kernel_of(env, pb_int(&a, 0));
  return pb_small(env, k == NULL ? -EINVAL : k->event_fd);
}

/* kernelFeatures(kernel): PB_KERNEL_FEATURE bits. */
static napi_value kernel_features(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  pb_kernel *k = a.is_bad ? NULL : kernel_of(env, pb_int(&a, 0));
  return pb_small(env, k == NULL ? -EINVAL : k->features);
}

/*
 * kernelListen(kernel, host, port, backlog, sendBufferBytes): host is text that ends with a zero byte, empty for
 * every address; sendBufferBytes is that of accepted sockets, 0 leaves it to the kernel. May wait for a name server.
 * Returns the number of the listener, or -errno.
 */
static napi_value kernel_listen(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 5);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  size_t length = 0;
  const char *host = pb_view(&a, 1, &length);
  int32_t port = pb_int(&a, 2);
  int32_t backlog = pb_int(&a, 3);
  int32_t send_buffer_bytes = pb_int(&a, 4);
  if (a.is_bad || k == NULL || length == 0 || memchr(host, 0, length) == NULL || port < 0 || port > 65535)
    return pb_small(env, -EINVAL);
  for (int32_t i = 0; i < PB_KERNEL_LISTENERS_MAX; i++) {
    if (k->listeners[i].fd >= 0) continue;
    int fd = pb_listen(host, port, backlog, send_buffer_bytes);
    if (fd >= 0) k->listeners[i] = (pb_listener){.fd = fd};
    return pb_small(env, fd < 0 ? fd : i);
  }
  return pb_small(env, -EMFILE);
}

/*
 * kernelName(kernel, which, index, text): writes "address port" into the view: which 0 the peer of a socket, 1 our side
 * of it, 2 a listener. Returns how many bytes, or -errno.
 */
static napi_value kernel_name(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  int32_t which = pb_int(&a, 1);
  int32_t index = pb_int(&a, 2);
  size_t room = 0;
  char *text = pb_view(&a, 3, &room);
  if (a.is_bad || k == NULL || index < 0) return pb_small(env, -EINVAL);
  int fd = -1;
  if (which == 2) {
    if (index < PB_KERNEL_LISTENERS_MAX) fd = k->listeners[index].fd;
  } else {
    pb_socket *s = pb_socket_of(k, index);
    if (s != NULL) fd = s->fd;
  }
  return pb_small(env, fd < 0 ? -EBADF : pb_name(fd, which == 0, text, room));
}

/* kernelPacketProcessor(kernel, socket): the processor that took in the last packet of a socket, or -errno. */
static napi_value kernel_packet_processor(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  int32_t socket = pb_int(&a, 1);
  pb_socket *s = a.is_bad || k == NULL ? NULL : pb_socket_of(k, socket);
  if (s == NULL) return pb_small(env, -EBADF);
  int processor = -1;
  socklen_t length = sizeof processor;
  if (getsockopt(s->fd, SOL_SOCKET, SO_INCOMING_CPU, &processor, &length) < 0) return pb_small(env, -errno);
  return pb_small(env, processor < 0 ? -ENODATA : processor);
}

/*
 * kernelGiveAway(kernel, socket): the socket leaves this kernel; nothing of it may be under way. Returns its descriptor,
 * which is the caller's now, or -errno.
 */
static napi_value kernel_give_away(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  int32_t socket = pb_int(&a, 1);
  pb_socket *s = a.is_bad || k == NULL ? NULL : pb_socket_of(k, socket);
  if (s == NULL || s->receiving || s->sending || (s->flags & PB_IS_CLOSING)) return pb_small(env, -EINVAL);
  k->path->leave(k, socket);
  return pb_small(env, pb_give_away(k, socket));
}

/*
 * kernelTakeIn(kernel, fd): a connected socket that another kernel of the same path gave away. Returns its number here,
 * or -errno; then the descriptor stays the caller's.
 */
static napi_value kernel_take_in(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 2);
  if (a.is_bad) return pb_small(env, -EINVAL);
  pb_kernel *k = kernel_of(env, pb_int(&a, 0));
  int32_t fd = pb_int(&a, 1);
  if (a.is_bad || k == NULL || fd < 0) return pb_small(env, -EINVAL);
  int32_t socket = pb_adopt(k, fd);
  if (socket < 0) return pb_small(env, -EMFILE);
  int result = k->path->enter(k, socket);
  if (result < 0) pb_give_away(k, socket);
  return pb_small(env, result < 0 ? result : socket);
}

static pb_kernel *leave_seat(int32_t handle) {
  pthread_mutex_lock(&seating);
  pb_kernel *k = seats[handle].kernel;
  seats[handle].kernel = NULL;
  seats[handle].owner = NULL;
  pthread_mutex_unlock(&seating);
  return k;
}

/* kernelClose(kernel): closes its sockets and listeners; what was under way is gone when this returns. */
static napi_value kernel_close(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t handle = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad || kernel_of(env, handle) == NULL) return pb_small(env, -EINVAL);
  destroy(leave_seat(handle));
  return pb_small(env, 0);
}

void pb_kernel_forget(napi_env env) {
  for (int32_t i = 0; i < KERNELS_MAX; i++)
    if (kernel_of(env, i) != NULL) destroy(leave_seat(i));
}

const pb_export pb_kernel_exports[] = {
    {"kernelProbe", kernel_probe},       {"kernelOpen", kernel_open},     {"kernelTurn", kernel_turn},
    {"kernelEventFd", kernel_event_fd},  {"kernelFeatures", kernel_features}, {"kernelListen", kernel_listen},
    {"kernelName", kernel_name},         {"kernelGiveAway", kernel_give_away}, {"kernelTakeIn", kernel_take_in},
    {"kernelPacketProcessor", kernel_packet_processor},
    {"kernelClose", kernel_close},       {NULL, NULL},
};
