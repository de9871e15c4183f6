/*
 * The limit of durability: how many times a second this disk takes 4 KiB appended and fdatasynced, into a file that is
 * already allocated. Group commit divides this by nothing less. sync --file PATH --seconds N
 */
#include "common.h"

#define STEP_BYTES 4096
#define FILE_BYTES (64 << 20)

int main(int argc, char **argv) {
  const char *path = option_text(argc, argv, "--file", NULL);
  double seconds = option_number(argc, argv, "--seconds", 2);
  if (path == NULL) die("--file is needed");
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) die(path);
  if (posix_fallocate(fd, 0, FILE_BYTES) != 0) die("posix_fallocate");
  static uint8_t bytes[STEP_BYTES];
  int64_t begin = clock_ns(), worstNs = 0;
  long count = 0;
  while ((double)(clock_ns() - begin) < seconds * 1e9) {
    int64_t before = clock_ns();
    if (pwrite(fd, bytes, STEP_BYTES, (count % (FILE_BYTES / STEP_BYTES)) * STEP_BYTES) < 0) die("pwrite");
    if (fdatasync(fd) < 0) die("fdatasync");
    int64_t took = clock_ns() - before;
    if (took > worstNs) worstNs = took;
    count++;
  }
  double tookSeconds = (double)(clock_ns() - begin) / 1e9;
  printf("{\"syncsPerSecond\":%.0f,\"worstUs\":%.0f}\n", (double)count / tookSeconds, (double)worstNs / 1e3);
  close(fd);
  unlink(path);
  return 0;
}
