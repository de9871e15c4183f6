/*
 * Producer to long-polling consumers: one connection sends one-record batches at the moments they are due, others fetch
 * the same partition and wait at the broker when there is nothing. A record's latency runs from the moment it was meant
 * to be sent to the moment a consumer had it, and counts once for each of them. Records are told apart by their offsets, so the partition must be ours.
 *
 * relay --port N --frames FILE --fetch-frame FILE --fetch-offset-at N --topic-bytes N --start-offset N --rate R
 *       --histogram FILE [--host A] [--warm-seconds S] [--seconds S] [--in-flight N] [--pid N] [--consumers N]
 */
#include "run.h"
#include <sys/prctl.h>

#define DRAIN_NS 30000000000
#define PROGRESS_NS 1000000000
#define EVENTS_MAX 64
#define BATCH_LENGTH_AT 8
#define BATCH_LAST_DELTA_AT 23
#define BATCH_HEADER_BYTES 61

struct consumer {
  struct connection connection;
  uint8_t *frame;
  size_t frame_bytes, offset_at;
  uint64_t start_offset, next_offset;
  uint32_t topic_bytes;
};

static void ask(struct consumer *consumer) {
  put64(consumer->frame + consumer->offset_at, consumer->next_offset);
  size_t sent = 0;
  while (sent < consumer->frame_bytes) {
    ssize_t n = send(consumer->connection.fd, consumer->frame + sent, consumer->frame_bytes - sent, MSG_NOSIGNAL);
    if (n > 0) sent += (size_t)n;
    else if (errno != EAGAIN) die("send");
  }
}

/* Counts the records up to `until`, all of which arrived now. */
static void take_records(struct run *run, struct consumer *consumer, uint64_t until, int64_t nowNs) {
  for (; consumer->next_offset < until; consumer->next_offset++) {
    int64_t meantNs = due_ns(run, &run->connections[0], consumer->next_offset - consumer->start_offset);
    if (run->phase != WARMING && meantNs >= run->measureNs) histogram_add(run->histogram, nowNs - meantNs);
    if (run->phase != DRAINING) run->answered++;
  }
}

static void receive_fetched(struct run *run, struct consumer *consumer) {
  struct connection *connection = &consumer->connection;
  if (receive_some(connection, ANSWER_BYTES) < 0 || connection->filled < 4) return;
  size_t length = (size_t)get32(connection->answer) + 4;
  if (length > ANSWER_BYTES) die("a fetch answer is larger than the generator takes");
  if (connection->filled < length) return;
  int64_t nowNs = clock_ns();
  const uint8_t *at = connection->answer + 4 + 4 + 4 + 2 + 4 + 4 + 2 + consumer->topic_bytes + 4;
  note_error(&run->tally, (int16_t)get16(connection->answer + 12));
  note_error(&run->tally, (int16_t)get16(at + 4));
  const uint8_t *end = at + FETCH_PARTITION_BYTES + ((int32_t)get32(at + 38) > 0 ? get32(at + 38) : 0);
  if (end > connection->answer + length) die("a fetch answer is cut");
  for (at += FETCH_PARTITION_BYTES; at + BATCH_HEADER_BYTES <= end; at += get32(at + BATCH_LENGTH_AT) + 12)
    take_records(run, consumer, get64(at) + get32(at + BATCH_LAST_DELTA_AT) + 1, nowNs);
  run->answered_bytes += length;
  connection->filled = 0;
  ask(consumer);
}

static void produce_due(struct run *run, int64_t nowNs) {
  struct connection *producer = &run->connections[0];
  while (run->phase != DRAINING && producer->begun - producer->answered < run->in_flight_max) {
    if (due_ns(run, producer, producer->begun) > nowNs) break;
    producer->begun++;
  }
  if (producer->sent < producer->begun) send_begun(run->epoll, producer, &run->frames, 1);
}

static void receive_acknowledged(struct run *run) {
  struct connection *producer = &run->connections[0];
  if (receive_some(producer, ANSWER_BYTES) < 0) return;
  size_t at = 0;
  while (producer->filled - at >= 8 && producer->filled - at >= get32(producer->answer + at) + 4) {
    size_t length = get32(producer->answer + at);
    read_produce_answer(producer->answer + at + 4, length, &run->tally);
    producer->answered++;
    at += length + 4;
  }
  memmove(producer->answer, producer->answer + at, producer->filled - at);
  producer->filled -= at;
}

static uint64_t missing_records(const struct run *run, const struct consumer *consumers, uint32_t count) {
  uint64_t missing = 0;
  for (uint32_t i = 0; i < count; i++)
    missing += run->connections[0].begun - (consumers[i].next_offset - consumers[i].start_offset);
  return missing;
}

static void work(struct run *run, struct consumer *consumers, uint32_t consumer_count) {
  struct connection *producer = &run->connections[0];
  struct epoll_event events[EVENTS_MAX];
  run->beginNs = run->measureNs = clock_ns();
  int64_t nowNs = run->beginNs, progressNs = nowNs + PROGRESS_NS;
  for (uint32_t i = 0; i < consumer_count; i++) ask(&consumers[i]);
  for (;;) {
    move_phase(run, nowNs);
    if (run->phase == DRAINING && (missing_records(run, consumers, consumer_count) == 0 || nowNs > run->endNs + DRAIN_NS)) return;
    produce_due(run, nowNs);
    if (nowNs >= progressNs) {
      print_progress(run, nowNs);
      progressNs = nowNs + PROGRESS_NS;
    }
    int64_t untilNs = due_ns(run, producer, producer->begun);
    if (run->phase == DRAINING || untilNs > progressNs) untilNs = progressNs;
    int64_t restNs = untilNs > nowNs ? untilNs - nowNs : 0;
    struct timespec rest = {.tv_sec = restNs / 1000000000, .tv_nsec = restNs % 1000000000};
    int count = epoll_pwait2(run->epoll, events, EVENTS_MAX, &rest, NULL);
    nowNs = clock_ns();
    for (int i = 0; i < count; i++) {
      /* A consumer begins with its connection. */
      if (events[i].data.ptr != producer) receive_fetched(run, events[i].data.ptr);
      else if (events[i].events & EPOLLIN) receive_acknowledged(run);
      if (events[i].data.ptr == producer && events[i].events & EPOLLOUT) watch_for(run->epoll, producer, false);
    }
  }
}

static void open_connection(struct run *run, struct connection *connection, int argc, char **argv) {
  connection->fd = dial(option_text(argc, argv, "--host", "127.0.0.1"), (int)option_number(argc, argv, "--port", 9092));
  connection->answer = malloc(ANSWER_BYTES);
  if (connection->answer == NULL) die("malloc");
  watch(run->epoll, connection->fd, EPOLLIN, connection);
}

static void open_consumer(struct run *run, struct consumer *consumer, const struct frames *fetch, int argc, char **argv) {
  consumer->frame_bytes = fetch->length[0];
  consumer->frame = malloc(consumer->frame_bytes);
  if (consumer->frame == NULL) die("malloc");
  memcpy(consumer->frame, fetch->bytes, consumer->frame_bytes);
  consumer->offset_at = (size_t)option_number(argc, argv, "--fetch-offset-at", 0);
  consumer->topic_bytes = (uint32_t)option_number(argc, argv, "--topic-bytes", 0);
  consumer->start_offset = consumer->next_offset = (uint64_t)option_number(argc, argv, "--start-offset", 0);
  if (consumer->offset_at < 14 || consumer->offset_at + 8 > consumer->frame_bytes) die("--fetch-offset-at");
  open_connection(run, &consumer->connection, argc, argv);
}

int main(int argc, char **argv) {
  struct run run = {0};
  prctl(PR_SET_TIMERSLACK, 1000);
  signal(SIGPIPE, SIG_IGN);
  run.connection_count = 1;
  run.in_flight_max = (uint32_t)option_number(argc, argv, "--in-flight", 1000);
  run.rate = option_number(argc, argv, "--rate", 1000);
  run.warm_seconds = option_number(argc, argv, "--warm-seconds", 1);
  run.seconds = option_number(argc, argv, "--seconds", 5);
  run.pid = (int)option_number(argc, argv, "--pid", 0);
  run.histogram = calloc(1, sizeof *run.histogram);
  run.connections = calloc(1, sizeof *run.connections);
  if (run.histogram == NULL || run.connections == NULL || run.rate <= 0) die("--rate");
  run.frames = read_frames(option_text(argc, argv, "--frames", NULL));
  struct frames fetch = read_frames(option_text(argc, argv, "--fetch-frame", NULL));
  uint32_t consumer_count = (uint32_t)option_number(argc, argv, "--consumers", 1);
  struct consumer *consumers = calloc(consumer_count, sizeof *consumers);
  if (consumer_count == 0 || consumers == NULL) die("--consumers");
  run.epoll = epoll_create1(EPOLL_CLOEXEC);
  open_connection(&run, &run.connections[0], argc, argv);
  for (uint32_t i = 0; i < consumer_count; i++) open_consumer(&run, &consumers[i], &fetch, argc, argv);
  work(&run, consumers, consumer_count);
  uint64_t missing = missing_records(&run, consumers, consumer_count);
  print_total(&run, settle_unsent(&run), missing);
  histogram_write(run.histogram, option_text(argc, argv, "--histogram", "/dev/null"));
  return run.tally.errors > 0 || missing > 0 ? 1 : 0;
}
