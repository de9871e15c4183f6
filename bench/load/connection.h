/*
 * One connection of the load generator: sends ready-made frames in turn, several per system call, remembers when each was
 * meant to be sent, and hands whole answers to the reader of its mode. Answers are matched by order, as Kafka promises, and
 * the correlation id is checked.
 */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include "../limits/common.h"
#include <sys/uio.h>

#define GATHER_MAX 64
#define ANSWER_BYTES (1 << 18)
#define CORRELATION_AT 8

struct frames {
  uint8_t *bytes;
  size_t *at;
  size_t *length;
  uint32_t count;
  /* When one frame stands for many partitions: a head of its own for each, and what follows is the same for all. */
  uint8_t *heads;
  size_t head_bytes;
};

struct connection {
  int fd;
  uint32_t index;
  bool is_blocked;
  uint64_t begun;    /* requests that took their place in the order */
  uint64_t sent;     /* requests wholly handed to the kernel */
  uint64_t answered; /* requests whose answer is complete */
  size_t sent_bytes; /* of the request after `sent` */
  int64_t *meantNs;  /* ring over the requests in flight */
  size_t filled;     /* of the answer buffer */
  size_t discard;    /* bytes of a fetch answer still to be thrown away */
  uint32_t left;     /* partitions of a fetch answer still to come; of the whole frame when `is_inside` */
  size_t frame_left; /* bytes of the answer still to come */
  bool is_inside;
  uint8_t *answer;
};

static int dial(const char *host, int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die("--host takes an IPv4 address");
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
  set_no_delay(fd);
  return fd;
}

/* Reads the file that the bench wrote: frames one after the other, each with its own length prefix. */
static struct frames read_frames(const char *path) {
  struct frames frames = {0};
  FILE *file = path == NULL ? NULL : fopen(path, "rb");
  if (file == NULL) die("--frames");
  fseek(file, 0, SEEK_END);
  size_t bytes = (size_t)ftell(file);
  rewind(file);
  frames.bytes = malloc(bytes);
  if (frames.bytes == NULL || fread(frames.bytes, 1, bytes, file) != bytes) die("--frames");
  fclose(file);
  for (size_t at = 0; at + 12 <= bytes; frames.count++) at += get32(frames.bytes + at) + 4;
  frames.at = calloc(frames.count, sizeof *frames.at);
  frames.length = calloc(frames.count, sizeof *frames.length);
  size_t at = 0;
  for (uint32_t i = 0; i < frames.count; i++) {
    frames.at[i] = at;
    frames.length[i] = get32(frames.bytes + at) + 4;
    at += frames.length[i];
  }
  if (frames.count == 0 || at != bytes) die("--frames holds no whole frames");
  return frames;
}

/* Makes the only frame stand for `count` partitions, whose index lies at `at`: 10,000 batches need not lie in memory. */
static void spread_frames(struct frames *frames, uint32_t count, size_t at) {
  if (frames->count != 1 || at + 4 > frames->length[0]) die("--spread takes one frame and --spread-at a place in it");
  frames->head_bytes = at + 4;
  frames->heads = malloc(count * frames->head_bytes);
  if (frames->heads == NULL) die("malloc");
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *head = frames->heads + i * frames->head_bytes;
    memcpy(head, frames->bytes, frames->head_bytes);
    for (int byte = 0; byte < 4; byte++) head[at + byte] = (uint8_t)(i >> (24 - 8 * byte));
  }
  frames->count = count;
}

static size_t frame_length(const struct frames *frames, uint32_t frame) {
  return frames->length[frames->heads == NULL ? frame : 0];
}

/* The parts of one frame behind its first `skip` bytes; returns how many they are, 2 at most. */
static size_t frame_parts(const struct frames *frames, uint32_t frame, size_t skip, struct iovec *parts) {
  if (frames->heads == NULL) {
    parts[0] = (struct iovec){frames->bytes + frames->at[frame] + skip, frames->length[frame] - skip};
    return 1;
  }
  size_t head = frames->head_bytes, from = skip > head ? skip : head, count = 0;
  if (skip < head) parts[count++] = (struct iovec){frames->heads + frame * head + skip, head - skip};
  if (from < frames->length[0]) parts[count++] = (struct iovec){frames->bytes + from, frames->length[0] - from};
  return count;
}

static uint32_t frame_of(const struct connection *connection, uint64_t request, uint32_t connections, uint32_t frames) {
  return (uint32_t)((connection->index + request * connections) % frames);
}

static void watch_for(int epoll, struct connection *connection, bool is_blocked) {
  if (connection->is_blocked == is_blocked) return;
  connection->is_blocked = is_blocked;
  struct epoll_event event = {.events = EPOLLIN | (is_blocked ? EPOLLOUT : 0), .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0) die("epoll_ctl");
}

/* Hands begun requests to the kernel until it takes no more. */
static void send_begun(int epoll, struct connection *connection, const struct frames *frames, uint32_t connections) {
  while (connection->sent < connection->begun) {
    struct iovec parts[GATHER_MAX + 1];
    size_t lengths[GATHER_MAX], count = 0, requests = 0;
    for (uint64_t request = connection->sent; request < connection->begun && count < GATHER_MAX; request++) {
      uint32_t frame = frame_of(connection, request, connections, frames->count);
      size_t skip = requests == 0 ? connection->sent_bytes : 0;
      count += frame_parts(frames, frame, skip, parts + count);
      lengths[requests++] = frame_length(frames, frame) - skip;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("send");
    if (n < 0) return watch_for(epoll, connection, true);
    size_t left = (size_t)n;
    for (size_t i = 0; i < requests && left > 0; i++) {
      if (left < lengths[i]) {
        connection->sent_bytes += left;
        break;
      }
      left -= lengths[i];
      connection->sent_bytes = 0;
      connection->sent++;
    }
  }
  watch_for(epoll, connection, false);
}

#endif
