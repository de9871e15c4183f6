/*
 * The limit of one round trip: a thread answers every 100-byte message over loopback TCP, the other waits for the answer
 * before it sends the next. Prints the percentiles in microseconds. ping --rounds N
 */
#include "common.h"
#include <pthread.h>

#define MESSAGE_BYTES 100

static int server_fd;

static void read_whole(int fd, uint8_t *to) {
  for (size_t got = 0; got < MESSAGE_BYTES;) {
    ssize_t n = recv(fd, to + got, MESSAGE_BYTES - got, 0);
    if (n <= 0) pthread_exit(NULL);
    got += (size_t)n;
  }
}

static void *serve(void *unused) {
  uint8_t message[MESSAGE_BYTES];
  for (;;) {
    read_whole(server_fd, message);
    if (send(server_fd, message, MESSAGE_BYTES, MSG_NOSIGNAL) < 0) return unused;
  }
}

static int rising(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

int main(int argc, char **argv) {
  int rounds = (int)option_number(argc, argv, "--rounds", 20000);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1) < 0) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (struct sockaddr *)&address, length) < 0) die("connect");
  server_fd = accept(listener, NULL, NULL);
  set_no_delay(client);
  set_no_delay(server_fd);
  pthread_t server;
  if (pthread_create(&server, NULL, serve, NULL) != 0) die("pthread_create");
  int64_t *took = calloc((size_t)rounds, sizeof *took);
  uint8_t message[MESSAGE_BYTES] = {0};
  for (int i = 0; i < rounds; i++) {
    int64_t begin = clock_ns();
    if (send(client, message, MESSAGE_BYTES, MSG_NOSIGNAL) < 0) die("send");
    read_whole(client, message);
    took[i] = clock_ns() - begin;
  }
  qsort(took, (size_t)rounds, sizeof *took, rising);
  printf("{\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f}\n", (double)took[rounds / 2] / 1e3,
         (double)took[rounds - 1 - rounds / 100] / 1e3, (double)took[rounds - 1] / 1e3);
  return 0;
}
