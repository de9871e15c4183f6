/*
 * The epoll body. Every socket is registered once, edge-triggered, when it is accepted: an operation is tried at once
 * unless the socket is known to have nothing, and tried again when the edge comes. So a busy socket costs one system call
 * an operation and no epoll_ctl.
 *
 * Short receives count as "nothing left": what arrives later makes a new edge. The one exception is a peer that has
 * closed its side, whose end of stream may hide behind bytes that were announced together with it.
 */
#include "kernel.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 512
/* Connections taken per event of a listener; more wait for the next turn, which sees the listener readable again. */
#define ACCEPTS_PER_EVENT 64

typedef struct {
  int fd;
  bool has_looked; /* in the last turn; a turn that has completions to tell may leave it out once */
  struct epoll_event events[EVENTS_MAX];
} epoll_state;

enum { OF_SOCKET = 0, OF_LISTENER = 1, OF_BELL = 2 };

static uint64_t tag(uint32_t kind, uint32_t index) { return (uint64_t)kind << 32 | index; }

static int epoll_path_open(pb_kernel *k) {
  epoll_state *state = calloc(1, sizeof *state);
  if (state == NULL) return -ENOMEM;
  state->fd = epoll_create1(EPOLL_CLOEXEC);
  if (state->fd < 0) {
    int problem = errno;
    free(state);
    return -problem;
  }
  /* Edge-triggered, so that every ring is an event and nobody has to read the counter. */
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = tag(OF_BELL, 0)};
  if (epoll_ctl(state->fd, EPOLL_CTL_ADD, k->event_fd, &event) < 0) {
    int problem = errno;
    close(state->fd);
    free(state);
    return -problem;
  }
  k->state = state;
  k->is_nonblocking = true;
  k->features = PB_KERNEL_FEATURE_NONBLOCKING_SOCKETS;
  return 0;
}

static void epoll_path_close(pb_kernel *k) {
  epoll_state *state = k->state;
  close(state->fd);
  free(state);
}

static void end_receive(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  int32_t op = s->receiving;
  s->receiving = 0;
  pb_push(k, op, socket, result);
}

static void try_receive(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (!(s->flags & PB_IS_READABLE)) return;
  bool only_looks = s->receiving == PB_KERNEL_READABLE;
  char byte;
  ssize_t count;
  do
    count = only_looks ? recv(s->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK)
                       : recv(s->fd, s->receive_address, (size_t)s->receive_length, MSG_DONTWAIT);
  while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EAGAIN) {
    s->flags &= (uint8_t)~PB_IS_READABLE;
    return;
  }
  if (only_looks) {
    end_receive(k, socket, s, count < 0 ? -errno : 1);
    return;
  }
  int32_t result = count < 0 ? -errno : (int32_t)count;
  if (count < s->receive_length && !(s->flags & PB_IS_HUNG_UP)) s->flags &= (uint8_t)~PB_IS_READABLE;
  end_receive(k, socket, s, result);
}

static void finish_closing(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (s->sending) pb_end_send(k, socket, s, -ECANCELED);
  pb_release(k, socket);
  pb_push(k, PB_KERNEL_CLOSE, socket, 0);
}

/* A full socket is tried once more: that it has room again may have been said while its send was somebody else's. */
static void take_sent(pb_kernel *k, int32_t socket, pb_socket *s, int32_t result) {
  if (s->flags & PB_IS_CLOSING) {
    finish_closing(k, socket, s);
    return;
  }
  if (result == -EAGAIN) result = pb_send_file(k, s);
  if (result == -EAGAIN)
    s->flags &= (uint8_t)~PB_IS_WRITABLE;
  else
    pb_end_send(k, socket, s, result);
}

static void try_send(pb_kernel *k, int32_t socket, pb_socket *s) {
  if (!(s->flags & PB_IS_WRITABLE) || s->is_lent) return;
  int32_t result;
  if (pb_sends_file(s)) {
    if (pb_list_send(k, socket, s)) return;
    result = pb_send_file(k, s);
  } else {
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (s->sending == PB_KERNEL_SEND_MORE ? MSG_MORE : 0);
    ssize_t count;
    do count = send(s->fd, s->send_address, (size_t)s->send_length, flags);
    while (count < 0 && errno == EINTR);
    result = count < 0 ? -errno : (int32_t)count;
  }
  if (result == -EAGAIN)
    s->flags &= (uint8_t)~PB_IS_WRITABLE;
  else
    pb_end_send(k, socket, s, result);
}

static int watch_listener(epoll_state *state, pb_listener *l, int32_t index, bool is_accepting) {
  if (l->is_accepting == is_accepting) return 0;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag(OF_LISTENER, (uint32_t)index)};
  if (epoll_ctl(state->fd, is_accepting ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->fd, &event) < 0) return -errno;
  l->is_accepting = is_accepting;
  return 0;
}

static void fail_accepting(pb_kernel *k, int32_t index, int32_t result) {
  watch_listener(k->state, &k->listeners[index], index, false);
  pb_push(k, PB_KERNEL_ACCEPT_FAILED, index, result);
}

static int enter(pb_kernel *k, int32_t socket) {
  epoll_state *state = k->state;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.u64 = tag(OF_SOCKET, (uint32_t)socket)};
  return epoll_ctl(state->fd, EPOLL_CTL_ADD, k->sockets[socket].fd, &event) < 0 ? -errno : 0;
}

static void leave(pb_kernel *k, int32_t socket) {
  epoll_state *state = k->state;
  epoll_ctl(state->fd, EPOLL_CTL_DEL, k->sockets[socket].fd, NULL);
}

static void accept_some(pb_kernel *k, int32_t index) {
  pb_listener *l = &k->listeners[index];
  if (!l->is_accepting) return;
  for (int taken = 0; taken < ACCEPTS_PER_EVENT; taken++) {
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) return;
    if (fd < 0 && pb_is_passing(errno)) continue;
    if (fd < 0) {
      fail_accepting(k, index, -errno);
      return;
    }
    int32_t socket = pb_adopt(k, fd);
    if (socket < 0) {
      close(fd);
      fail_accepting(k, index, -EMFILE);
      return;
    }
    int result = enter(k, socket);
    if (result < 0) {
      pb_release(k, socket);
      fail_accepting(k, index, result);
      return;
    }
    pb_push(k, PB_KERNEL_ACCEPT, socket, index);
  }
}

static void submit_accept(pb_kernel *k, const pb_submission *e) {
  if (e->socket < 0 || e->socket >= PB_KERNEL_LISTENERS_MAX || k->listeners[e->socket].fd < 0) return;
  int result = watch_listener(k->state, &k->listeners[e->socket], e->socket, e->op == PB_KERNEL_ACCEPT);
  if (result < 0) pb_push(k, PB_KERNEL_ACCEPT_FAILED, e->socket, result);
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
      try_receive(k, e->socket, s);
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
      try_send(k, e->socket, s);
      break;
    case PB_KERNEL_CANCEL_RECEIVE:
      if (s->receiving) end_receive(k, e->socket, s, -ECANCELED);
      break;
    case PB_KERNEL_CLOSE:
      s->flags |= PB_IS_CLOSING;
      if (s->receiving) end_receive(k, e->socket, s, -ECANCELED);
      if (!s->is_lent) finish_closing(k, e->socket, s);
      break;
    default:
      break;
  }
}

static void take_event(pb_kernel *k, const struct epoll_event *event) {
  uint32_t kind = (uint32_t)(event->data.u64 >> 32);
  int32_t index = (int32_t)event->data.u64;
  if (kind == OF_LISTENER) accept_some(k, index);
  if (kind != OF_SOCKET) return;
  pb_socket *s = pb_socket_of(k, index);
  if (s == NULL) return;
  if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) s->flags |= PB_IS_READABLE;
  if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) s->flags |= PB_IS_HUNG_UP;
  if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) s->flags |= PB_IS_WRITABLE;
  if (s->receiving) try_receive(k, index, s);
  if (s->sending) try_send(k, index, s);
}

static int epoll_path_turn(pb_kernel *k, int32_t count, double wait_ms) {
  epoll_state *state = k->state;
  for (int32_t i = 0; i < count; i++) submit(k, &k->submissions[i]);
  pb_send_listed(k);
  k->has_slept = false;
  pb_collect_sent(k);
  if (k->done > k->kept && state->has_looked) {
    state->has_looked = false;
    return 0;
  }
  state->has_looked = true;
  bool waits = wait_ms > 0 && k->done <= k->kept && pb_may_sleep(k);
  int events = epoll_wait(state->fd, state->events, EVENTS_MAX, waits ? (int)(wait_ms + 0.999) : 0);
  int problem = errno;
  if (waits) pb_woke_up(k);
  if (events < 0) return problem == EINTR ? 0 : -problem;
  for (int i = 0; i < events; i++) take_event(k, &state->events[i]);
  pb_send_listed(k);
  pb_collect_sent(k);
  return 0;
}

const pb_path pb_epoll_path = {epoll_path_open, epoll_path_turn, enter, leave, take_sent, epoll_path_close};
