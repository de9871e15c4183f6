/*
 * The load generator: one thread and epoll, so that it takes as little as possible of the cores it shares with the server.
 * It sends frames that the bench made beforehand, in a closed loop or at the moments they are due (open loop), and counts
 * every latency from the moment the request was meant to leave. It drives the broker, Apache Kafka and the limit programs.
 *
 * load --port N --frames FILE --histogram FILE [--host A] [--mode produce|fetch] [--connections N] [--in-flight N]
 *      [--rate R] [--warm-seconds S] [--seconds S] [--requests-max N] [--bytes-max N] [--acks N] [--pid N] [--topic-bytes N]
 *      [--spread N --spread-at AT]   the only frame stands for N partitions, whose index lies at byte AT
 */
#include "run.h"
#include <sys/prctl.h>
#include <sys/timerfd.h>

#define DRAIN_NS 30000000000
#define PROGRESS_NS 1000000000

static void open_connections(struct run *run, const char *host, int port) {
  run->epoll = epoll_create1(EPOLL_CLOEXEC);
  /* Edge-triggered: nobody has to read it. */
  run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (run->timer < 0 || epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->timer, &event) < 0) die("timerfd");
  run->connections = calloc(run->connection_count, sizeof *run->connections);
  for (uint32_t i = 0; i < run->connection_count; i++) {
    struct connection *connection = &run->connections[i];
    connection->index = i;
    connection->fd = dial(host, port);
    connection->meantNs = calloc(run->in_flight_max, sizeof *connection->meantNs);
    connection->answer = malloc(ANSWER_BYTES);
    if (connection->meantNs == NULL || connection->answer == NULL) die("malloc");
    watch(run->epoll, connection->fd, EPOLLIN, connection);
  }
}

/* Gives a place to every request that may begin now, then sends. */
static void pump(struct run *run, struct connection *connection, int64_t nowNs) {
  while (run->phase != DRAINING && connection->begun - connection->answered < run->in_flight_max) {
    int64_t meantNs = run->rate > 0 ? due_ns(run, connection, connection->begun) : nowNs;
    if (meantNs > nowNs) break;
    connection->meantNs[connection->begun % run->in_flight_max] = meantNs;
    connection->begun++;
  }
  if (connection->sent < connection->begun) send_begun(run->epoll, connection, &run->frames, run->connection_count);
  if (!run->is_answered)
    while (connection->answered < connection->sent) settle(run, connection, nowNs);
}

static uint64_t receive_produce(struct connection *connection, struct tally *tally) {
  if (receive_some(connection, ANSWER_BYTES) < 0) return 0;
  uint64_t done = 0;
  size_t at = 0;
  while (connection->filled - at >= 8) {
    size_t length = get32(connection->answer + at);
    if (length + 4 > ANSWER_BYTES) die("an answer is larger than the generator takes");
    if (connection->filled - at < length + 4) break;
    read_produce_answer(connection->answer + at + 4, length, tally);
    at += length + 4;
    done++;
  }
  memmove(connection->answer, connection->answer + at, connection->filled - at);
  connection->filled -= at;
  return done;
}

static void receive(struct run *run, struct connection *connection) {
  uint64_t done = run->is_fetch ? receive_fetch(connection, &run->tally, run->topic_bytes)
                                : receive_produce(connection, &run->tally);
  if (done > connection->sent - connection->answered) die("more answers than requests");
  int64_t nowNs = clock_ns();
  while (done-- > 0) settle(run, connection, nowNs);
}

/* When something is due: the next request of an open loop, a change of phase, a progress line. */
static int64_t next_due_ns(const struct run *run, int64_t progressNs) {
  int64_t untilNs = progressNs;
  if (run->phase == MEASURING && run->measureNs + (int64_t)(run->seconds * 1e9) < untilNs)
    untilNs = run->measureNs + (int64_t)(run->seconds * 1e9);
  if (run->rate > 0 && run->phase != DRAINING)
    for (uint32_t i = 0; i < run->connection_count; i++) {
      const struct connection *connection = &run->connections[i];
      if (connection->begun - connection->answered >= run->in_flight_max) continue;
      int64_t dueNs = due_ns(run, connection, connection->begun);
      if (dueNs < untilNs) untilNs = dueNs;
    }
  return untilNs;
}

/*
 * Sleeps until a socket has something or `untilNs`. The timer is set once for every moment that is due, and an answer that
 * comes before it leaves it as it is: with a timeout of its own every sleep would set one and cancel it, each of which a
 * virtual machine pays for with an exit.
 */
static int rest(struct run *run, struct epoll_event *events, int count, int64_t untilNs, int64_t nowNs) {
  if (untilNs <= nowNs) return epoll_wait(run->epoll, events, count, 0);
  if (untilNs != run->timerNs) {
    struct itimerspec at = {.it_value = {.tv_sec = untilNs / 1000000000, .tv_nsec = untilNs % 1000000000}};
    if (timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &at, NULL) < 0) die("timerfd_settime");
    run->timerNs = untilNs;
  }
  return epoll_wait(run->epoll, events, count, -1);
}

static uint64_t in_flight(const struct run *run) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < run->connection_count; i++) count += run->connections[i].begun - run->connections[i].answered;
  return count;
}

static void work(struct run *run) {
  struct epoll_event events[256];
  run->beginNs = run->measureNs = clock_ns();
  int64_t nowNs = run->beginNs, progressNs = nowNs + PROGRESS_NS;
  for (;;) {
    move_phase(run, nowNs);
    if (run->phase == DRAINING && (in_flight(run) == 0 || nowNs > run->endNs + DRAIN_NS)) return;
    for (uint32_t i = 0; i < run->connection_count; i++)
      if (!run->connections[i].is_blocked) pump(run, &run->connections[i], nowNs);
    if (nowNs >= progressNs && run->phase != DRAINING) print_progress(run, nowNs);
    if (nowNs >= progressNs) progressNs = nowNs + PROGRESS_NS;
    int64_t untilNs = run->is_answered || run->rate > 0 ? next_due_ns(run, progressNs) : 0;
    int count = rest(run, events, 256, untilNs, nowNs);
    nowNs = clock_ns();
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if (connection == NULL) continue;
      if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(run, connection);
      if (events[i].events & EPOLLOUT) pump(run, connection, nowNs);
    }
  }
}

int main(int argc, char **argv) {
  struct run run = {0};
  prctl(PR_SET_TIMERSLACK, 1000);
  signal(SIGPIPE, SIG_IGN);
  run.connection_count = (uint32_t)option_number(argc, argv, "--connections", 4);
  run.in_flight_max = (uint32_t)option_number(argc, argv, "--in-flight", 5);
  run.rate = option_number(argc, argv, "--rate", 0);
  run.warm_seconds = option_number(argc, argv, "--warm-seconds", 0);
  run.seconds = option_number(argc, argv, "--seconds", 5);
  run.requests_max = (uint64_t)option_number(argc, argv, "--requests-max", 0);
  run.bytes_max = (uint64_t)option_number(argc, argv, "--bytes-max", 0);
  run.topic_bytes = (uint32_t)option_number(argc, argv, "--topic-bytes", 0);
  run.is_answered = option_number(argc, argv, "--acks", -1) != 0;
  run.pid = (int)option_number(argc, argv, "--pid", 0);
  run.is_fetch = strcmp(option_text(argc, argv, "--mode", "produce"), "fetch") == 0;
  run.histogram = calloc(1, sizeof *run.histogram);
  if (run.connection_count == 0 || run.in_flight_max == 0 || run.histogram == NULL) die("--connections and --in-flight");
  run.frames = read_frames(option_text(argc, argv, "--frames", NULL));
  uint32_t spread = (uint32_t)option_number(argc, argv, "--spread", 0);
  if (spread > 0) spread_frames(&run.frames, spread, (size_t)option_number(argc, argv, "--spread-at", 0));
  open_connections(&run, option_text(argc, argv, "--host", "127.0.0.1"), (int)option_number(argc, argv, "--port", 9092));
  work(&run);
  uint64_t unanswered = in_flight(&run), unsent = settle_unsent(&run);
  print_total(&run, unsent, unanswered);
  histogram_write(run.histogram, option_text(argc, argv, "--histogram", "/dev/null"));
  return run.tally.errors > 0 || unanswered > 0 ? 1 : 0;
}
