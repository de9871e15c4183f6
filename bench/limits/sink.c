/*
 * The limit of producing: one thread that receives length-prefixed frames, checks the CRC-32C of the record batch in each,
 * writes the batch to the page cache and answers eight bytes (length 4, correlation id). No broker that checks sums can do
 * less. Driven by the same load generator with the same Produce frames as the broker.
 *
 * sink --file PATH --head-bytes N --tail-bytes N --frame-bytes-max N [--gather 1]
 *   head-bytes  from the start of the frame (length prefix included) to the record batch
 *   tail-bytes  from the end of the batch to the end of the frame
 *   gather      answers all frames of one receive with one send; the bars of the project are set against the plain way,
 *               one send per frame
 */
#include "common.h"
#include "crc32c.h"

#define BATCH_CRC_AT 17
#define BATCH_ATTRIBUTES_AT 21
#define CORRELATION_AT 8
#define ANSWERS_MAX 4096

struct connection {
  int fd;
  uint8_t *buffer;
  size_t filled;
};

static int file;
static off_t position;
static size_t head_bytes, tail_bytes, buffer_bytes, frame_bytes_max;
static bool is_gathering;
static uint8_t answers[ANSWERS_MAX * 8];

static void take_frame(const uint8_t *frame, size_t length) {
  if (length < head_bytes + tail_bytes + BATCH_ATTRIBUTES_AT) die("a frame is shorter than its head");
  const uint8_t *batch = frame + head_bytes;
  size_t batch_bytes = length - head_bytes - tail_bytes;
  uint32_t sum = crc32c(batch + BATCH_ATTRIBUTES_AT, batch_bytes - BATCH_ATTRIBUTES_AT);
  if (sum != get32(batch + BATCH_CRC_AT)) die("a batch has a wrong CRC");
  if (pwrite(file, batch, batch_bytes, position) != (ssize_t)batch_bytes) die("pwrite");
  position += (off_t)batch_bytes;
}

static void answer(struct connection *connection, int count) {
  size_t sent = 0, length = (size_t)count * 8;
  while (sent < length) {
    ssize_t n = send(connection->fd, answers + sent, length - sent, MSG_NOSIGNAL);
    if (n > 0) sent += (size_t)n;
    else if (n < 0 && errno != EAGAIN) return;
  }
}

/* Takes what has come; false once the other side is gone. */
static bool receive(struct connection *connection) {
  ssize_t n = recv(connection->fd, connection->buffer + connection->filled, buffer_bytes - connection->filled, 0);
  if (n < 0 && errno == EAGAIN) return true;
  if (n <= 0) return false;
  connection->filled += (size_t)n;
  size_t at = 0;
  int count = 0;
  while (connection->filled - at >= 4 && count < ANSWERS_MAX) {
    size_t length = (size_t)get32(connection->buffer + at) + 4;
    if (length > frame_bytes_max) die("a frame is larger than --frame-bytes-max");
    if (connection->filled - at < length) break;
    take_frame(connection->buffer + at, length);
    put32(answers + count * 8, 4);
    memcpy(answers + count * 8 + 4, connection->buffer + at + CORRELATION_AT, 4);
    count++;
    at += length;
    if (is_gathering) continue;
    answer(connection, count);
    count = 0;
  }
  if (at > 0) memmove(connection->buffer, connection->buffer + at, connection->filled - at);
  connection->filled -= at;
  if (count > 0) answer(connection, count);
  return true;
}

static void accept_all(int epoll, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    set_no_delay(fd);
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || (connection->buffer = malloc(buffer_bytes)) == NULL) die("malloc");
    connection->fd = fd;
    watch(epoll, fd, EPOLLIN, connection);
  }
}

int main(int argc, char **argv) {
  head_bytes = (size_t)option_number(argc, argv, "--head-bytes", 0);
  tail_bytes = (size_t)option_number(argc, argv, "--tail-bytes", 0);
  frame_bytes_max = (size_t)option_number(argc, argv, "--frame-bytes-max", 2 << 20);
  buffer_bytes = frame_bytes_max < (1 << 18) ? 1 << 18 : frame_bytes_max;
  is_gathering = option_number(argc, argv, "--gather", 0) != 0;
  const char *path = option_text(argc, argv, "--file", NULL);
  if (path == NULL) die("--file is needed");
  crc32c_prepare();
  file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) die(path);
  int listener = listen_loopback();
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener, EPOLLIN, NULL);
  struct epoll_event events[256];
  for (;;) {
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) accept_all(epoll, listener);
      else if (!receive(connection)) {
        close(connection->fd);
        free(connection->buffer);
        free(connection);
      }
    }
  }
}
