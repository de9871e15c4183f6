/*
 * A second hand for large regions. To send one takes a tenth of a millisecond of a core, in which its front does nothing else;
 * when several are to be sent in one turn, or turn follows turn, a thread of C takes some of them, so that large fetches
 * use two cores.
 *
 *   front: list ──► queue ──► sends from its tail  ─────────────────────────────►  pb_sent
 *                      └────► sender: sends from its head ──► results ──(bell)──►
 *
 * From listing on until it is told of, a send belongs to whoever sends it: nobody else sends on the socket or closes it, and its
 * pipe is not taken away. The sender never waits for a socket and makes no decision; what comes of a send the front learns in its next
 * turn, and does as if it had sent itself. The thread is made when it is first wanted, and sleeps when nothing is.
 */
#include "kernel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_BYTES (128 << 10)

struct pb_sender {
  pb_kernel *kernel;
  pthread_t thread;
  pthread_mutex_t mutex; /* guards all below */
  pthread_cond_t wanted;
  bool is_idle, is_ending;
  bool front_sleeps;
  int32_t queue[PB_LENT_MAX];
  uint32_t head, tail;
  struct {
    int32_t socket, result;
  } results[PB_LENT_MAX];
  int32_t result_count;
};

static void ring(const pb_kernel *k) {
  uint64_t one = 1;
  /* It can only fail where the counter is full, and then the bell rings anyway. */
  if (write(k->event_fd, &one, sizeof one) < 0) return;
}

static void *run(void *argument) {
  pb_sender *sender = argument;
  pb_kernel *k = sender->kernel;
  pthread_mutex_lock(&sender->mutex);
  for (;;) {
    sender->is_idle = true;
    while (sender->head == sender->tail && !sender->is_ending) pthread_cond_wait(&sender->wanted, &sender->mutex);
    sender->is_idle = false;
    if (sender->is_ending) break;
    int32_t socket = sender->queue[sender->head++ % PB_LENT_MAX];
    pthread_mutex_unlock(&sender->mutex);
    int32_t result = pb_send_piped(&k->sockets[socket], &k->pipes[k->sockets[socket].pipe - 1]);
    pthread_mutex_lock(&sender->mutex);
    sender->results[sender->result_count].socket = socket;
    sender->results[sender->result_count++].result = result;
    if (!sender->front_sleeps) continue;
    sender->front_sleeps = false;
    pthread_mutex_unlock(&sender->mutex);
    ring(k);
    pthread_mutex_lock(&sender->mutex);
  }
  pthread_mutex_unlock(&sender->mutex);
  return NULL;
}

/* Signals are for the threads that know of them. */
static int begin(pb_sender *sender) {
  sigset_t all, before;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return -1;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int problem = pthread_create(&sender->thread, &attributes, run, sender);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (problem != 0) return -1;
  pthread_setname_np(sender->thread, "pb-sender");
  return 0;
}

/* NULL where there is one processor only, or no thread to be had. */
static pb_sender *sender_of(pb_kernel *k) {
  cpu_set_t processors;
  if (k->sender != NULL || k->has_no_sender) return k->sender;
  k->has_no_sender = true;
  if (sched_getaffinity(0, sizeof processors, &processors) < 0 || CPU_COUNT(&processors) < 2) return NULL;
  pb_sender *sender = calloc(1, sizeof *sender);
  if (sender == NULL) return NULL;
  sender->kernel = k;
  pthread_mutex_init(&sender->mutex, NULL);
  pthread_cond_init(&sender->wanted, NULL);
  if (begin(sender) < 0) {
    free(sender);
    return NULL;
  }
  k->sender = sender;
  return sender;
}

void pb_end_sender(pb_kernel *k) {
  pb_sender *sender = k->sender;
  if (sender == NULL) return;
  pthread_mutex_lock(&sender->mutex);
  sender->is_ending = true;
  pthread_cond_signal(&sender->wanted);
  pthread_mutex_unlock(&sender->mutex);
  pthread_join(sender->thread, NULL);
  pthread_cond_destroy(&sender->wanted);
  pthread_mutex_destroy(&sender->mutex);
  free(sender);
  k->sender = NULL;
}

bool pb_list_send(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (!k->is_nonblocking || k->listed_count + k->lent_count >= PB_LENT_MAX) return false;
  if (!pb_has_pipe(k, s)) return false;
  s->is_lent = true;
  k->listed[k->listed_count++] = socket;
  return true;
}

static void settle(pb_kernel *k, int32_t socket, int32_t result) {
  pb_socket *s = &k->sockets[socket];
  s->is_lent = false;
  pb_settle_pipe(k, s);
  k->path->sent(k, socket, s, result);
}

static void send_here(pb_kernel *k, int32_t socket) {
  const pb_socket *s = &k->sockets[socket];
  int32_t result = pb_send_piped(s, &k->pipes[s->pipe - 1]);
  settle(k, socket, result);
}

/* All from the one at `first`; the front takes back what the sender does not come to. */
static void lend(pb_kernel *k, pb_sender *sender, int32_t first) {
  pthread_mutex_lock(&sender->mutex);
  for (int32_t i = first; i < k->listed_count; i++) sender->queue[sender->tail++ % PB_LENT_MAX] = k->listed[i];
  k->lent_count += k->listed_count - first;
  if (sender->is_idle) pthread_cond_signal(&sender->wanted);
  pthread_mutex_unlock(&sender->mutex);
}

/* The socket lent last, taken back, from a busy sender alone if that is asked; -1: there is none. */
static int32_t take_back(pb_kernel *k, pb_sender *sender, bool must_be_busy) {
  int32_t socket = -1;
  pthread_mutex_lock(&sender->mutex);
  bool may = !must_be_busy || !sender->is_idle;
  if (may && sender->head != sender->tail) socket = sender->queue[--sender->tail % PB_LENT_MAX];
  pthread_mutex_unlock(&sender->mutex);
  if (socket >= 0) k->lent_count--;
  return socket;
}

/*
 * Of several the front sends one itself, and then what the sender has not come to. A single one is worth a hand-over only
 * while there is no end of work: the front goes on with it, and did not sleep since the last.
 */
void pb_send_listed(pb_kernel *k) {
  int32_t count = k->listed_count;
  if (count == 0) return;
  pb_sender *sender = count > 1 || !k->has_slept ? sender_of(k) : NULL;
  int32_t kept = sender == NULL ? count : count > 1 ? 1 : 0;
  if (sender != NULL) lend(k, sender, kept);
  /* What is sent may list nothing more: only submissions and readiness do. */
  k->listed_count = 0;
  for (int32_t i = 0; i < kept; i++) send_here(k, k->listed[i]);
  if (sender == NULL || kept == 0) return;
  for (int32_t socket = take_back(k, sender, false); socket >= 0; socket = take_back(k, sender, false)) send_here(k, socket);
}

void pb_collect_sent(pb_kernel *k) {
  pb_sender *sender = k->sender;
  if (k->lent_count == 0) return;
  for (;;) {
    int32_t socket = -1, result = 0;
    pthread_mutex_lock(&sender->mutex);
    if (sender->result_count > 0) {
      sender->result_count--;
      socket = sender->results[sender->result_count].socket;
      result = sender->results[sender->result_count].result;
    }
    pthread_mutex_unlock(&sender->mutex);
    if (socket < 0) return;
    k->lent_count--;
    settle(k, socket, result);
  }
}

bool pb_may_sleep(pb_kernel *k) {
  if (k->lent_count > 0) {
    /* An idle one is about to wake up for it. */
    int32_t socket = take_back(k, k->sender, true);
    if (socket >= 0) {
      send_here(k, socket);
      return false;
    }
    pthread_mutex_lock(&k->sender->mutex);
    k->sender->front_sleeps = k->sender->result_count == 0;
    k->has_slept = k->sender->front_sleeps;
    pthread_mutex_unlock(&k->sender->mutex);
    return k->has_slept;
  }
  k->has_slept = true;
  return true;
}

void pb_woke_up(pb_kernel *k) {
  if (k->lent_count == 0) return;
  pthread_mutex_lock(&k->sender->mutex);
  k->sender->front_sleeps = false;
  pthread_mutex_unlock(&k->sender->mutex);
}
