/*
 * Reads answers: Produce v9 (error code of every partition), Fetch v11 (headers read, record bytes thrown away inside the
 * kernel), Fetch v11 of one partition read whole (for the long-polling consumer), and the eight bytes of the limit programs.
 */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include "connection.h"

#define FETCH_PARTITION_BYTES 42

struct tally {
  uint64_t errors;
  int first_error;
  uint64_t answer_bytes;
};

static void note_error(struct tally *tally, int code) {
  if (code == 0) return;
  if (tally->errors++ == 0) tally->first_error = code;
}

static size_t varint(const uint8_t *at, const uint8_t *end, uint32_t *value) {
  *value = 0;
  for (size_t i = 0; i < 5 && at + i < end; i++) {
    *value |= (uint32_t)(at[i] & 127) << (7 * i);
    if (at[i] < 128) return i + 1;
  }
  die("an answer holds a broken varint");
}

/* Produce v9: tags, topics [ name, partitions [ index, error, … ] ]. We always send one topic with one partition. */
static void read_produce_answer(const uint8_t *at, size_t length, struct tally *tally) {
  if (length == 4) return;
  const uint8_t *end = at + length;
  uint32_t count;
  at += 5;
  at += varint(at, end, &count);
  if (count != 2) return note_error(tally, -2);
  at += varint(at, end, &count);
  at += count - 1;
  at += varint(at, end, &count);
  if (count != 2 || at + 6 > end) return note_error(tally, -2);
  note_error(tally, (int16_t)get16(at + 4));
}

static ssize_t receive_some(struct connection *connection, size_t wanted) {
  ssize_t n = recv(connection->fd, connection->answer + connection->filled, wanted - connection->filled, 0);
  if (n == 0) {
    errno = 0;
    die("the server closed a connection");
  }
  if (n < 0 && errno != EAGAIN) die("recv");
  if (n > 0) connection->filled += (size_t)n;
  return n;
}

static void discard_some(struct connection *connection) {
  ssize_t n = recv(connection->fd, NULL, connection->discard, MSG_TRUNC);
  if (n == 0 || (n < 0 && errno != EAGAIN)) die("recv");
  if (n < 0) return;
  connection->discard -= (size_t)n;
  connection->frame_left -= (size_t)n;
}

/* Reads one head of a fetch answer: of the frame, or of the next partition in it. Returns false when more must come. */
static bool read_fetch_head(struct connection *connection, struct tally *tally, uint32_t topic_bytes) {
  size_t frame_head = 4 + 4 + 4 + 2 + 4 + 4 + 2 + topic_bytes + 4;
  size_t wanted = connection->is_inside ? FETCH_PARTITION_BYTES : 4;
  if (!connection->is_inside && connection->filled >= 4) {
    uint32_t length = get32(connection->answer);
    wanted = length == 4 || topic_bytes == 0 ? 8 : frame_head;
    if (length + 4 < wanted) wanted = length + 4;
  }
  if (connection->filled < wanted && receive_some(connection, wanted) < 0) return false;
  if (connection->filled < wanted || (!connection->is_inside && wanted == 4)) return true;
  const uint8_t *at = connection->answer;
  connection->filled = 0;
  if (connection->is_inside) {
    note_error(tally, (int16_t)get16(at + 4));
    if ((int32_t)get32(at + 30) > 0) die("a fetch answer carries aborted transactions");
    connection->discard = (int32_t)get32(at + 38) > 0 ? get32(at + 38) : 0;
    connection->frame_left -= FETCH_PARTITION_BYTES;
    connection->left--;
    return true;
  }
  connection->is_inside = true;
  connection->frame_left = get32(at) + 4 - wanted;
  tally->answer_bytes += get32(at) + 4;
  connection->left = 0;
  if (wanted == 8) connection->discard = connection->frame_left;
  else if (wanted < frame_head) note_error(tally, -3);
  else {
    note_error(tally, (int16_t)get16(at + 12));
    connection->left = get32(at + frame_head - 4);
  }
  if (wanted < frame_head && wanted != 8) connection->discard = connection->frame_left;
  return true;
}

/* Takes what a fetch connection has; returns how many answers became complete. */
static uint64_t receive_fetch(struct connection *connection, struct tally *tally, uint32_t topic_bytes) {
  uint64_t done = 0;
  for (int step = 0; step < 64; step++) {
    if (connection->discard > 0) {
      size_t before = connection->discard;
      discard_some(connection);
      if (connection->discard == before) return done;
      if (connection->discard > 0) continue;
    } else if (!read_fetch_head(connection, tally, topic_bytes)) return done;
    if (!connection->is_inside || connection->discard > 0 || connection->left > 0) continue;
    if (connection->frame_left != 0) die("a fetch answer has bytes left over");
    connection->is_inside = false;
    done++;
  }
  return done;
}

#endif
