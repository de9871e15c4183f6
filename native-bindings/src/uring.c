/*
 * The io_uring body, over bare system calls: entries are filled while the table is walked, and one io_uring_enter per
 * turn submits them, waits, and lets the kernel finish what it deferred to us. What the kernel offers is found out by
 * trying when the ring is opened; the headers of the build machine may be much older than the kernel, so newer constants
 * stand here.
 *
 * user_data of an entry is (what, socket). A socket's number is reused only after everything of it has completed, so no
 * completion can be taken for a later socket's.
 */
#include "kernel.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SETUP_CLAMP (1u << 4)
#define SETUP_SUBMIT_ALL (1u << 7)
#define SETUP_COOP_TASKRUN (1u << 8)
#define SETUP_TASKRUN_FLAG (1u << 9)
#define SETUP_SINGLE_ISSUER (1u << 12)
#define SETUP_DEFER_TASKRUN (1u << 13)
#define ENTER_EXT_ARG (1u << 3)
#define ENTER_REGISTERED_RING (1u << 4)
#define REGISTER_RING_FDS 20
#define SQ_CQ_OVERFLOW (1u << 1)
#define SQ_TASKRUN (1u << 2)
#define ACCEPT_MULTISHOT (1u << 0)
#define RECV_POLL_FIRST (1u << 0)
#define POLL_MULTISHOT (1u << 0)
#define CQE_MORE (1u << 1)
#define CQE_SOCK_NONEMPTY (1u << 2)
#define NEEDED_FEATURES (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | (1u << 8) /* EXT_ARG */)

/* Entries per submission; more are submitted in between. Few sockets (a probe, a test) get by with a smaller ring. */
#define SQ_ENTRIES_MAX 1024
#define SQ_ENTRIES_MIN 16
#define CQ_ENTRIES_PER_SQ_ENTRY 8
/* How long closing waits for the kernel to let go of everything: rounds of at most 20 ms. */
#define CLOSING_ROUNDS_MAX 50
#define CLOSING_ROUND_MS 20

struct enter_argument {
  uint64_t signals;
  uint32_t signals_size, pad;
  uint64_t timeout;
};

struct ring_registration {
  uint32_t offset, reserved;
  uint64_t data;
};

typedef struct {
  int fd;
  int enter_fd; /* fd, or its registered number */
  unsigned enter_flags;
  void *ring;
  size_t ring_bytes;
  struct io_uring_sqe *entries;
  size_t entries_bytes;
  unsigned *sq_head, *sq_tail, *sq_flags, sq_count, sq_mask;
  unsigned *cq_head, *cq_tail, cq_mask;
  struct io_uring_cqe *cq;
  unsigned tail; /* filled up to here; the kernel sees it at enter */
  int64_t under_way; /* entries whose last completion has not come */
  uint64_t bell_count; /* where the kernel puts what it reads from the bell */
  int32_t taken; /* completions of the kernel in this turn */
  bool is_closing;
} ring_state;

enum { OF_RECEIVE = 1, OF_READABLE, OF_SEND, OF_WRITABLE, OF_ACCEPT, OF_BELL, OF_NOTHING };

static uint64_t tag(uint32_t what, int32_t index) { return (uint64_t)what << 32 | (uint32_t)index; }

/* ── the ring ──────────────────────────────────────────────────────────────────────────────────────────────────── */

static unsigned pending(ring_state *r) { return r->tail - __atomic_load_n(r->sq_head, __ATOMIC_ACQUIRE); }

static bool has_completions(ring_state *r) { return __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) != *r->cq_head; }

/* Submits what is filled; waits for one completion at most `wait_ms` when that is positive. 0 or -errno. */
static int enter(ring_state *r, double wait_ms) {
  struct __kernel_timespec timeout = {(int64_t)(wait_ms / 1000), 0};
  timeout.tv_nsec = (int64_t)((wait_ms - 1000.0 * (double)timeout.tv_sec) * 1e6);
  struct enter_argument argument = {0, 0, 0, (uint64_t)(uintptr_t)&timeout};
  bool waits = wait_ms > 0;
  __atomic_store_n(r->sq_tail, r->tail, __ATOMIC_RELEASE);
  unsigned flags = IORING_ENTER_GETEVENTS | r->enter_flags | (waits ? ENTER_EXT_ARG : 0);
  long result = syscall(__NR_io_uring_enter, r->enter_fd, pending(r), waits ? 1 : 0, flags, waits ? &argument : NULL,
                        waits ? sizeof argument : 0);
  if (result >= 0 || errno == EINTR || errno == ETIME || errno == EAGAIN || errno == EBUSY) return 0;
  return -errno;
}

/* An empty entry to fill. When the ring is full, what is filled is submitted first. */
static struct io_uring_sqe *entry(ring_state *r, uint8_t op, int fd, uint64_t user_data) {
  for (int attempt = 0; pending(r) >= r->sq_count; attempt++)
    if (enter(r, 0) < 0 || attempt == 100) return NULL;
  struct io_uring_sqe *e = &r->entries[r->tail++ & r->sq_mask];
  memset(e, 0, sizeof *e);
  e->opcode = op;
  e->fd = fd;
  e->user_data = user_data;
  r->under_way++;
  return e;
}

static void cancel(ring_state *r, uint64_t user_data) {
  struct io_uring_sqe *e = entry(r, IORING_OP_ASYNC_CANCEL, -1, tag(OF_NOTHING, 0));
  if (e != NULL) e->addr = user_data;
}

static void set_events(struct io_uring_sqe *e, uint32_t events) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  events = events << 16 | events >> 16;
#endif
  e->poll32_events = events;
}

/*
 * Every ring of the bell is a completion. Where polls can stay armed, one does, and nobody reads the counter; elsewhere
 * it is read, and that armed anew.
 */
static bool listen_for_bell(pb_kernel *k) {
  ring_state *r = k->state;
  bool stays = (k->features & PB_KERNEL_FEATURE_POLL_FIRST) != 0;
  struct io_uring_sqe *e = entry(r, stays ? IORING_OP_POLL_ADD : IORING_OP_READ, k->event_fd, tag(OF_BELL, 0));
  if (e == NULL) return false;
  if (stays) {
    e->len = POLL_MULTISHOT;
    set_events(e, POLLIN);
  } else {
    e->addr = (uint64_t)(uintptr_t)&r->bell_count;
    e->len = sizeof r->bell_count;
  }
  return true;
}

/* ── opening ───────────────────────────────────────────────────────────────────────────────────────────────────── */

static int set_up(ring_state *r, struct io_uring_params *p, unsigned entries, int32_t *features) {
  static const struct {
    unsigned flags;
    int32_t features;
  } attempts[] = {
      {SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SUBMIT_ALL,
       PB_KERNEL_FEATURE_DEFER_TASKRUN | PB_KERNEL_FEATURE_MULTISHOT_ACCEPT | PB_KERNEL_FEATURE_POLL_FIRST},
      /* The kernel that knows this flag (5.19) also brought accepts that stay, and receives that wait first. */
      {SETUP_COOP_TASKRUN | SETUP_TASKRUN_FLAG | SETUP_SUBMIT_ALL,
       PB_KERNEL_FEATURE_MULTISHOT_ACCEPT | PB_KERNEL_FEATURE_POLL_FIRST},
      {0, 0},
  };
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    memset(p, 0, sizeof *p);
    p->flags = attempts[i].flags | SETUP_CLAMP | IORING_SETUP_CQSIZE;
    p->cq_entries = entries * CQ_ENTRIES_PER_SQ_ENTRY;
    *features = PB_KERNEL_FEATURE_URING | attempts[i].features;
    r->fd = (int)syscall(__NR_io_uring_setup, entries, p);
    if (r->fd >= 0) break;
    if (errno != EINVAL) return -errno;
  }
  if (r->fd < 0) return -EINVAL;
  return (p->features & NEEDED_FEATURES) == NEEDED_FEATURES ? 0 : -EOPNOTSUPP;
}

static int map(ring_state *r, const struct io_uring_params *p) {
  size_t sq_bytes = p->sq_off.array + p->sq_entries * sizeof(unsigned);
  size_t cq_bytes = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
  r->ring_bytes = sq_bytes > cq_bytes ? sq_bytes : cq_bytes;
  r->entries_bytes = p->sq_entries * sizeof(struct io_uring_sqe);
  r->ring = mmap(NULL, r->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
  if (r->ring == MAP_FAILED) return -errno;
  r->entries = mmap(NULL, r->entries_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
  if (r->entries == MAP_FAILED) return -errno;
  char *base = r->ring;
  r->sq_head = (unsigned *)(base + p->sq_off.head);
  r->sq_tail = (unsigned *)(base + p->sq_off.tail);
  r->sq_flags = (unsigned *)(base + p->sq_off.flags);
  r->sq_count = p->sq_entries;
  r->sq_mask = p->sq_entries - 1;
  r->cq_head = (unsigned *)(base + p->cq_off.head);
  r->cq_tail = (unsigned *)(base + p->cq_off.tail);
  r->cq_mask = p->cq_entries - 1;
  r->cq = (struct io_uring_cqe *)(base + p->cq_off.cqes);
  /* Entries are used in the order of the ring, so the indirection through the array is the identity for good. */
  unsigned *array = (unsigned *)(base + p->sq_off.array);
  for (unsigned i = 0; i < p->sq_entries; i++) array[i] = i;
  return 0;
}

/* Looking the ring up by a registered number saves the atomics on its descriptor; a thread without it does well too. */
static void register_ring(ring_state *r) {
  struct ring_registration registration = {~0u, 0, (uint64_t)r->fd};
  r->enter_fd = r->fd;
  if (syscall(__NR_io_uring_register, r->fd, REGISTER_RING_FDS, &registration, 1) != 1) return;
  r->enter_fd = (int)registration.offset;
  r->enter_flags = ENTER_REGISTERED_RING;
}

static int take_one(ring_state *r, double wait_ms, struct io_uring_cqe *completion) {
  int result = has_completions(r) ? 0 : enter(r, wait_ms);
  if (result < 0) return result;
  if (!has_completions(r)) return 0;
  *completion = r->cq[*r->cq_head & r->cq_mask];
  if (!(completion->flags & CQE_MORE)) r->under_way--;
  __atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
  return 1;
}

/*
 * Receives one byte through the ring, which shows that it works at all, and whether this kernel waits for a socket that
 * has O_NONBLOCK (newer ones do) or says EAGAIN at once; in that case sockets stay blocking and sendfile has to switch
 * the flag.
 */
static int self_test(pb_kernel *k, bool *is_nonblocking) {
  ring_state *r = k->state;
  int pair[2];
  char byte = 0;
  struct io_uring_cqe completion;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) return -errno;
  int result = -EIO;
  for (int attempt = 0; attempt < 2 && result == -EIO; attempt++) {
    *is_nonblocking = attempt == 0;
    if (attempt == 1) fcntl(pair[0], F_SETFL, O_RDWR);
    struct io_uring_sqe *e = entry(r, IORING_OP_RECV, pair[0], tag(OF_NOTHING, 0));
    if (e == NULL) break;
    e->addr = (uint64_t)(uintptr_t)&byte;
    e->len = 1;
    int taken = enter(r, 0) < 0 ? -1 : has_completions(r);
    if (taken < 0) break;
    if (taken > 0 && take_one(r, 0, &completion) > 0 && completion.res == -EAGAIN) continue;
    if (taken > 0 || write(pair[1], "x", 1) != 1) break;
    if (take_one(r, 1000, &completion) > 0 && completion.res == 1 && byte == 'x') result = 0;
  }
  close(pair[0]);
  close(pair[1]);
  return result;
}

static void unmap(ring_state *r) {
  if (r->entries != NULL && r->entries != MAP_FAILED) munmap(r->entries, r->entries_bytes);
  if (r->ring != NULL && r->ring != MAP_FAILED) munmap(r->ring, r->ring_bytes);
  if (r->fd >= 0) close(r->fd);
  /* What is still under way may yet write its count of the bell: better leave a few bytes behind than have that. */
  if (r->under_way <= 0) free(r);
}

static int uring_open(pb_kernel *k) {
  ring_state *r = calloc(1, sizeof *r);
  struct io_uring_params p;
  if (r == NULL) return -ENOMEM;
  k->state = r;
  r->fd = -1;
  unsigned entries = SQ_ENTRIES_MIN;
  while (entries < SQ_ENTRIES_MAX && entries < (unsigned)k->sockets_max) entries *= 2;
  int result = set_up(r, &p, entries, &k->features);
  if (result == 0) result = map(r, &p);
  if (result == 0) {
    register_ring(r);
    result = self_test(k, &k->is_nonblocking);
  }
  if (result == 0 && !listen_for_bell(k)) result = -EIO;
  if (result < 0) {
    r->under_way = 0;
    unmap(r);
    return result;
  }
  if (k->is_nonblocking) k->features |= PB_KERNEL_FEATURE_NONBLOCKING_SOCKETS;
  return 0;
}

/* ── submissions ───────────────────────────────────────────────────────────────────────────────────────────────── */

static void end_receive(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  int32_t op = s->receiving;
  s->receiving = 0;
  pb_push(k, op, socket, result);
}

static void arm_receive(pb_kernel *k, int32_t socket, pb_socket *s) {
  ring_state *r = k->state;
  bool waits_only = s->receiving == PB_KERNEL_READABLE;
  struct io_uring_sqe *e = entry(r, waits_only ? IORING_OP_POLL_ADD : IORING_OP_RECV, s->fd,
                                 tag(waits_only ? OF_READABLE : OF_RECEIVE, socket));
  if (e == NULL) {
    end_receive(k, socket, s, -ENOBUFS);
    return;
  }
  if (waits_only) {
    set_events(e, POLLIN | POLLRDHUP);
    return;
  }
  e->addr = (uint64_t)(uintptr_t)s->receive_address;
  e->len = (uint32_t)s->receive_length;
  /* The last receive told whether more was there. If not, asking the socket first would be a call for nothing. */
  if ((k->features & PB_KERNEL_FEATURE_POLL_FIRST) && !(s->flags & PB_IS_READABLE)) e->ioprio = RECV_POLL_FIRST;
}

static void arm_send(pb_kernel *k, int32_t socket, pb_socket *s) {
  struct io_uring_sqe *e = entry(k->state, IORING_OP_SEND, s->fd, tag(OF_SEND, socket));
  if (e == NULL) {
    pb_end_send(k, socket, s, -ENOBUFS);
    return;
  }
  e->addr = (uint64_t)(uintptr_t)s->send_address;
  e->len = (uint32_t)s->send_length;
  e->msg_flags = MSG_NOSIGNAL | (s->sending == PB_KERNEL_SEND_MORE ? MSG_MORE : 0);
}

static void finish_closing(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (!(s->flags & PB_IS_CLOSING) || s->receiving || s->sending) return;
  pb_release(k, socket);
  pb_push(k, PB_KERNEL_CLOSE, socket, 0);
}

/* The region, or a part of it, was sent; or the socket is full, and what is left waits for it. */
static void take_sent(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  if (result == -EAGAIN && (s->flags & PB_IS_CLOSING)) result = -ECANCELED;
  if (result == -EAGAIN) {
    struct io_uring_sqe *e = entry(k->state, IORING_OP_POLL_ADD, s->fd, tag(OF_WRITABLE, socket));
    if (e != NULL) {
      set_events(e, POLLOUT);
      return;
    }
    result = -ENOBUFS;
  }
  pb_end_send(k, socket, s, result);
  finish_closing(k, socket, s);
}

static void send_file(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (!pb_list_send(k, socket, s)) take_sent(k, socket, s, pb_send_file(k, s));
}

static void cancel_receive(pb_kernel *k, int32_t socket, pb_socket *s) {
  cancel(k->state, tag(s->receiving == PB_KERNEL_READABLE ? OF_READABLE : OF_RECEIVE, socket));
}

static void arm_accept(pb_kernel *k, int32_t index) {
  pb_listener *l = &k->listeners[index];
  if (l->is_armed || !l->is_accepting) return;
  struct io_uring_sqe *e = entry(k->state, IORING_OP_ACCEPT, l->fd, tag(OF_ACCEPT, index));
  if (e == NULL) return;
  e->accept_flags = SOCK_CLOEXEC | (k->is_nonblocking ? SOCK_NONBLOCK : 0);
  if (k->features & PB_KERNEL_FEATURE_MULTISHOT_ACCEPT) e->ioprio = ACCEPT_MULTISHOT;
  l->is_armed = true;
}

static void submit_accept(pb_kernel *k, const pb_submission *e) {
  if (e->socket < 0 || e->socket >= PB_KERNEL_LISTENERS_MAX || k->listeners[e->socket].fd < 0) return;
  pb_listener *l = &k->listeners[e->socket];
  l->is_accepting = e->op == PB_KERNEL_ACCEPT;
  /* When it is wanted again before its end has come back, the end arms it anew. */
  if (l->is_accepting)
    arm_accept(k, e->socket);
  else if (l->is_armed)
    cancel(k->state, tag(OF_ACCEPT, e->socket));
}

static void submit(pb_kernel *k, const pb_submission *e) {
  if (e->op == PB_KERNEL_ACCEPT || e->op == PB_KERNEL_STOP_ACCEPTING) {
    submit_accept(k, e);
    return;
  }
  pb_socket *s = pb_socket_of(k, e->socket);
  if (s == NULL) return;
  switch (e->op) {
    case PB_KERNEL_RECEIVE:
    case PB_KERNEL_READABLE:
      s->receiving = (uint8_t)e->op;
      s->receive_address = (void *)(uintptr_t)e->address;
      s->receive_length = e->length;
      arm_receive(k, e->socket, s);
      break;
    case PB_KERNEL_SEND:
    case PB_KERNEL_SEND_MORE:
    case PB_KERNEL_SEND_FILE:
    case PB_KERNEL_SEND_FILE_MORE:
      s->sending = (uint8_t)e->op;
      s->send_address = (void *)(uintptr_t)e->address;
      s->send_length = e->length;
      s->send_turn = k->turn;
      s->send_file = e->file;
      s->send_position = (off_t)e->position;
      if (pb_sends_file(s))
        send_file(k, e->socket, s);
      else
        arm_send(k, e->socket, s);
      break;
    case PB_KERNEL_CANCEL_RECEIVE:
      if (s->receiving) cancel_receive(k, e->socket, s);
      break;
    case PB_KERNEL_CLOSE:
      s->flags |= PB_IS_CLOSING;
      if (s->receiving) cancel_receive(k, e->socket, s);
      if (s->sending) cancel(k->state, tag(pb_sends_file(s) ? OF_WRITABLE : OF_SEND, e->socket));
      finish_closing(k, e->socket, s);
      break;
    default:
      break;
  }
}

/* ── completions ───────────────────────────────────────────────────────────────────────────────────────────────── */

static void take_accept(pb_kernel *k, int32_t index, int32_t result, uint32_t flags) {
  pb_listener *l = &k->listeners[index];
  ring_state *r = k->state;
  if (!(flags & CQE_MORE)) l->is_armed = false;
  if (r->is_closing) {
    if (result >= 0) close(result);
    return;
  }
  if (result == -EINVAL && (k->features & PB_KERNEL_FEATURE_MULTISHOT_ACCEPT)) {
    k->features &= ~PB_KERNEL_FEATURE_MULTISHOT_ACCEPT;
    result = -ECANCELED;
  }
  int32_t socket = result >= 0 ? pb_adopt(k, result) : -1;
  if (socket >= 0) {
    pb_push(k, PB_KERNEL_ACCEPT, socket, index);
  } else if (result >= 0 || (result != -ECANCELED && !pb_is_passing(-result))) {
    if (result >= 0) close(result);
    l->is_accepting = false;
    if (l->is_armed) cancel(r, tag(OF_ACCEPT, index));
    pb_push(k, PB_KERNEL_ACCEPT_FAILED, index, result >= 0 ? -EMFILE : result);
  }
  arm_accept(k, index);
}

static void take_receive(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result, uint32_t flags) {
  if (flags & CQE_SOCK_NONEMPTY)
    s->flags |= PB_IS_READABLE;
  else
    s->flags &= (uint8_t)~PB_IS_READABLE;
  if ((result == -EINTR || result == -EAGAIN) && !(s->flags & PB_IS_CLOSING))
    arm_receive(k, socket, s);
  else
    end_receive(k, socket, s, result);
}

static void take_send(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  if ((result == -EINTR || result == -EAGAIN) && !(s->flags & PB_IS_CLOSING))
    arm_send(k, socket, s);
  else
    pb_end_send(k, socket, s, result);
}

static void take(pb_kernel *k, const struct io_uring_cqe *c) {
  uint32_t what = (uint32_t)(c->user_data >> 32);
  int32_t index = (int32_t)c->user_data;
  ring_state *r = k->state;
  r->taken++;
  if (!(c->flags & CQE_MORE)) r->under_way--;
  if (what == OF_ACCEPT) {
    take_accept(k, index, c->res, c->flags);
    return;
  }
  if (what == OF_BELL && !r->is_closing && !(c->flags & CQE_MORE)) listen_for_bell(k);
  if (what == OF_BELL || what == OF_NOTHING || r->is_closing) return;
  pb_socket *s = pb_socket_of(k, index);
  if (s == NULL) return;
  if (what == OF_RECEIVE) take_receive(k, index, s, c->res, c->flags);
  if (what == OF_READABLE) {
    s->flags |= PB_IS_READABLE;
    end_receive(k, index, s, c->res < 0 ? c->res : 1);
  }
  if (what == OF_SEND) take_send(k, index, s, c->res);
  if (what == OF_WRITABLE && c->res >= 0 && !(s->flags & PB_IS_CLOSING)) send_file(k, index, s);
  else if (what == OF_WRITABLE) pb_end_send(k, index, s, c->res < 0 ? c->res : -ECANCELED);
  finish_closing(k, index, s);
}

static void reap(pb_kernel *k) {
  ring_state *r = k->state;
  unsigned head = *r->cq_head;
  unsigned tail = __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE);
  for (; head != tail && k->done + 2 < k->completions_max; head++) {
    struct io_uring_cqe completion = r->cq[head & r->cq_mask];
    /* Given back one by one, because arming something may enter the kernel, which wants room for completions. */
    __atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
    take(k, &completion);
  }
}

static double clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* A send mostly completes as it is submitted, which ends a wait in the same call; where such a one is kept, that goes on. */
static int uring_turn(pb_kernel *k, int32_t count, double wait_ms) {
  ring_state *r = k->state;
  for (int32_t i = 0; i < count; i++) submit(k, &k->submissions[i]);
  pb_send_listed(k);
  k->has_slept = false;
  r->taken = 0;
  double until_ms = k->keeps_sends ? clock_ms() + wait_ms : 0;
  for (;;) {
    pb_collect_sent(k);
    bool waits = wait_ms > 0 && k->done == k->kept && !has_completions(r) && pb_may_sleep(k);
    unsigned flags = __atomic_load_n(r->sq_flags, __ATOMIC_RELAXED);
    if (waits || pending(r) > 0 || (flags & (SQ_TASKRUN | SQ_CQ_OVERFLOW))) {
      int result = enter(r, waits ? wait_ms : 0);
      if (waits) pb_woke_up(k);
      if (result < 0) return result;
    }
    int32_t before = r->taken;
    reap(k);
    pb_send_listed(k);
    if (!waits || r->taken == before || r->taken != k->kept || k->done != k->kept) return 0;
    wait_ms = until_ms - clock_ms();
    if (wait_ms <= 0) return 0;
  }
}

/* The kernel lets go of memory, sockets and ports only when the last operation on them has ended, so wait for that. */
static void uring_close(pb_kernel *k) {
  ring_state *r = k->state;
  r->is_closing = true;
  for (int32_t i = 0; i < k->untouched; i++) {
    pb_socket *s = &k->sockets[i];
    if (s->fd < 0) continue;
    if (s->receiving) cancel_receive(k, i, s);
    if (s->sending) cancel(r, tag(pb_sends_file(s) ? OF_WRITABLE : OF_SEND, i));
  }
  for (int32_t i = 0; i < PB_KERNEL_LISTENERS_MAX; i++)
    if (k->listeners[i].is_armed) cancel(r, tag(OF_ACCEPT, i));
  cancel(r, tag(OF_BELL, 0));
  struct io_uring_cqe completion;
  for (int round = 0; r->under_way > 0 && round < CLOSING_ROUNDS_MAX; round++) {
    if (enter(r, has_completions(r) ? 0 : CLOSING_ROUND_MS) < 0) break;
    while (has_completions(r)) {
      completion = r->cq[*r->cq_head & r->cq_mask];
      __atomic_store_n(r->cq_head, *r->cq_head + 1, __ATOMIC_RELEASE);
      take(k, &completion);
    }
  }
  unmap(r);
}

/* The ring learns of a socket with its first operation. */
static int uring_socket_enters(pb_kernel *k, int32_t socket) {
  (void)k;
  (void)socket;
  return 0;
}

static void uring_socket_leaves(pb_kernel *k, int32_t socket) {
  (void)k;
  (void)socket;
}

const pb_path pb_uring_path = {uring_open,          uring_turn, uring_socket_enters,
                               uring_socket_leaves, take_sent,  uring_close};
