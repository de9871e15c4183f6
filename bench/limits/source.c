/*
 * The limit of fetching: one thread that answers every length-prefixed request with one region of a warm file by sendfile:
 * length prefix, correlation id, then the region's bytes. The correlation id chooses the region, so the load generator can
 * send its real Fetch frames.
 *
 * source --file PATH --answer-bytes N
 */
#include "common.h"
#include <sys/sendfile.h>
#include <sys/stat.h>

#define CORRELATION_AT 8
#define REQUEST_BYTES_MAX 65536
#define PENDING_MAX 64

struct connection {
  int fd;
  size_t filled;
  uint32_t pending[PENDING_MAX];
  uint32_t pending_head, pending_count;
  size_t head_sent;
  size_t body_sent;
  bool is_blocked;
  uint8_t buffer[REQUEST_BYTES_MAX];
};

static int file, epoll;
static size_t answer_bytes, region_count;
static int send_buffer_bytes;

static void want(struct connection *connection, bool is_blocked) {
  if (connection->is_blocked == is_blocked) return;
  connection->is_blocked = is_blocked;
  struct epoll_event event = {.events = is_blocked ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* Sends pending answers until the socket is full; false once the other side is gone. */
static bool send_pending(struct connection *connection) {
  while (connection->pending_count > 0) {
    uint32_t correlation = connection->pending[connection->pending_head];
    if (connection->head_sent < 8) {
      uint8_t head[8];
      put32(head, (uint32_t)answer_bytes + 4);
      put32(head + 4, correlation);
      ssize_t n = send(connection->fd, head + connection->head_sent, 8 - connection->head_sent, MSG_NOSIGNAL | MSG_MORE);
      if (n < 0) return errno == EAGAIN ? (want(connection, true), true) : false;
      connection->head_sent += (size_t)n;
      continue;
    }
    off_t position = (off_t)((correlation % region_count) * answer_bytes + connection->body_sent);
    ssize_t n = sendfile(connection->fd, file, &position, answer_bytes - connection->body_sent);
    if (n < 0) return errno == EAGAIN ? (want(connection, true), true) : false;
    connection->body_sent += (size_t)n;
    if (connection->body_sent < answer_bytes) continue;
    connection->head_sent = connection->body_sent = 0;
    connection->pending_head = (connection->pending_head + 1) % PENDING_MAX;
    connection->pending_count--;
  }
  want(connection, false);
  return true;
}

static bool receive(struct connection *connection) {
  ssize_t n = recv(connection->fd, connection->buffer + connection->filled, REQUEST_BYTES_MAX - connection->filled, 0);
  if (n < 0 && errno == EAGAIN) return true;
  if (n <= 0) return false;
  connection->filled += (size_t)n;
  size_t at = 0;
  while (connection->filled - at >= 12 && connection->pending_count < PENDING_MAX) {
    size_t length = (size_t)get32(connection->buffer + at) + 4;
    if (length > REQUEST_BYTES_MAX) die("a request is larger than this program takes");
    if (connection->filled - at < length) break;
    uint32_t place = (connection->pending_head + connection->pending_count++) % PENDING_MAX;
    connection->pending[place] = get32(connection->buffer + at + CORRELATION_AT);
    at += length;
  }
  memmove(connection->buffer, connection->buffer + at, connection->filled - at);
  connection->filled -= at;
  return send_pending(connection);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    set_no_delay(fd);
    if (send_buffer_bytes > 0) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("malloc");
    connection->fd = fd;
    watch(epoll, fd, EPOLLIN, connection);
  }
}

int main(int argc, char **argv) {
  const char *path = option_text(argc, argv, "--file", NULL);
  send_buffer_bytes = (int)option_number(argc, argv, "--send-buffer-bytes", 128 << 10);
  answer_bytes = (size_t)option_number(argc, argv, "--answer-bytes", 1 << 20);
  if (path == NULL) die("--file is needed");
  file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) < 0) die(path);
  region_count = (size_t)status.st_size / answer_bytes;
  if (region_count == 0) die("the file is smaller than one answer");
  int listener = listen_loopback();
  epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener, EPOLLIN, NULL);
  struct epoll_event events[256];
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        accept_all(listener);
        continue;
      }
      bool lives = connection->is_blocked ? send_pending(connection) : receive(connection);
      if (lives) continue;
      close(connection->fd);
      free(connection);
    }
  }
}
