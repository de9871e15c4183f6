/*
 * Files: positional and vectored reads and writes, flushing, reserving, and finding out what the page cache holds. All
 * calls work at once and keep nothing. Any thread may call them; those that can wait for a device (fdatasync, syncfs,
 * warm, syncFileRange) belong on a thread that may wait.
 */
#include "addon.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* Kernel 6.5; the headers may be older. */
struct pb_cachestat_range {
  uint64_t position, length;
};
struct pb_cachestat {
  uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

/* The most a read or write moves in one call, so that the count fits an int32. */
#define TRANSFER_BYTES_MAX 0x7ffff000
#define PIECES_MAX 1024
#define RESIDENT_BYTES_MAX (64 << 20)
/* Linux 4.14; the headers may be older. */
#define READ_NOWAIT 0x00000008
#define PAGES_A_LOOK 64

static napi_value transferred(napi_env env, ssize_t count) { return pb_small(env, count < 0 ? -errno : (int32_t)count); }

/*
 * pwritev(fd, position, piecesAddress, count): pieces are pairs of doubles (address, length). Returns how many bytes were
 * written, maybe fewer than asked. Pieces and what they point to must stay reachable during the call.
 */
static napi_value write_vector(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad) return pb_small(env, -EINVAL);
  int32_t fd = pb_int(&a, 0);
  double position = pb_double(&a, 1);
  const double *pieces = pb_address(&a, 2);
  int32_t count = pb_int(&a, 3);
  if (a.is_bad || pieces == NULL || count < 1 || count > PIECES_MAX || !(position >= 0)) return pb_small(env, -EINVAL);
  struct iovec vector[PIECES_MAX];
  for (int32_t i = 0; i < count; i++) {
    vector[i].iov_base = (void *)(uintptr_t)pieces[2 * i];
    vector[i].iov_len = (size_t)pieces[2 * i + 1];
  }
  ssize_t written;
  do written = pwritev(fd, vector, count, (off_t)position);
  while (written < 0 && errno == EINTR);
  return transferred(env, written);
}

typedef struct {
  int fd;
  off_t position;
  void *address;
  size_t length;
} transfer;

/* (fd, position, address, length) */
static bool take_transfer(napi_env env, napi_callback_info info, transfer *t) {
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad) return false;
  double position = 0, length = 0;
  t->fd = pb_int(&a, 0);
  position = pb_double(&a, 1);
  t->address = pb_address(&a, 2);
  length = pb_double(&a, 3);
  if (a.is_bad || t->address == NULL || !(position >= 0) || !(length >= 0)) return false;
  t->position = (off_t)position;
  t->length = length > TRANSFER_BYTES_MAX ? TRANSFER_BYTES_MAX : (size_t)length;
  return true;
}

/* pwrite(fd, position, address, length): bytes written. */
static napi_value write_at(napi_env env, napi_callback_info info) {
  transfer t;
  if (!take_transfer(env, info, &t)) return pb_small(env, -EINVAL);
  ssize_t count;
  do count = pwrite(t.fd, t.address, t.length, t.position);
  while (count < 0 && errno == EINTR);
  return transferred(env, count);
}

/* pread(fd, position, address, length): bytes read, 0 at the end of the file. */
static napi_value read_at(napi_env env, napi_callback_info info) {
  transfer t;
  if (!take_transfer(env, info, &t)) return pb_small(env, -EINVAL);
  ssize_t count;
  do count = pread(t.fd, t.address, t.length, t.position);
  while (count < 0 && errno == EINTR);
  return transferred(env, count);
}

/* fdatasync(fd): 0. */
static napi_value sync_data(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t fd = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad) return pb_small(env, -EINVAL);
  return pb_small(env, fdatasync(fd) < 0 ? -errno : 0);
}

/* syncfs(fd): flushes the file system that the file lies on; 0. */
static napi_value sync_system(napi_env env, napi_callback_info info) {
  pb_arguments a;
  pb_take(&a, env, info, 1);
  int32_t fd = a.is_bad ? -1 : pb_int(&a, 0);
  if (a.is_bad) return pb_small(env, -EINVAL);
  return pb_small(env, syncfs(fd) < 0 ? -errno : 0);
}

typedef struct {
  int fd;
  off_t position;
  size_t length;
} range;

/* fd, position and length, the first three arguments. */
static bool range_of(pb_arguments *a, range *r) {
  r->fd = pb_int(a, 0);
  double position = pb_double(a, 1);
  double length = pb_double(a, 2);
  if (a->is_bad || !(position >= 0) || !(length >= 0)) return false;
  r->position = (off_t)position;
  r->length = (size_t)length;
  return true;
}

static bool take_range(napi_env env, napi_callback_info info, range *r) {
  pb_arguments a;
  pb_take(&a, env, info, 3);
  return !a.is_bad && range_of(&a, r);
}

/* fallocate(fd, position, length): reserves blocks without changing the size of the file. */
static napi_value reserve(napi_env env, napi_callback_info info) {
  range r;
  if (!take_range(env, info, &r)) return pb_small(env, -EINVAL);
  int result = fallocate(r.fd, FALLOC_FL_KEEP_SIZE, r.position, (off_t)r.length);
  return pb_small(env, result < 0 ? -errno : 0);
}

/* syncFileRange(fd, position, length): starts writing the range back, without waiting for it and without durability. */
static napi_value start_writeback(napi_env env, napi_callback_info info) {
  range r;
  if (!take_range(env, info, &r)) return pb_small(env, -EINVAL);
  int result = sync_file_range(r.fd, r.position, (off_t)r.length, SYNC_FILE_RANGE_WRITE);
  return pb_small(env, result < 0 ? -errno : 0);
}

/* Cached pages of a range of whole pages, or -errno. */
static int64_t cached_pages(int fd, off_t position, size_t length) {
  struct pb_cachestat_range where = {(uint64_t)position, length};
  struct pb_cachestat found;
  if (syscall(SYS_cachestat, fd, &where, &found, 0) < 0) return -errno;
  return (int64_t)found.cached;
}

/* How many pages from the start of the range on are cached: halves the range until it knows. -errno without cachestat. */
static int64_t resident_by_cachestat(int fd, off_t first, size_t pages, size_t page) {
  int64_t cached = cached_pages(fd, first, pages * page);
  if (cached < 0 || (size_t)cached >= pages) return cached;
  size_t known = 0, unknown = pages;
  while (unknown - known > 1) {
    size_t middle = known + (unknown - known) / 2;
    cached = cached_pages(fd, first + (off_t)(known * page), (middle - known) * page);
    if (cached < 0) return cached;
    if ((size_t)cached >= middle - known)
      known = middle;
    else
      unknown = middle;
  }
  return (int64_t)known;
}

static int64_t resident_by_mincore(int fd, off_t first, size_t pages, size_t page) {
  static const size_t STEP = 4096;
  unsigned char flags[4096];
  size_t known = 0;
  while (known < pages) {
    size_t step = pages - known < STEP ? pages - known : STEP;
    void *map = mmap(NULL, step * page, PROT_READ, MAP_SHARED, fd, first + (off_t)(known * page));
    if (map == MAP_FAILED) return -errno;
    int result = mincore(map, step * page, flags);
    int problem = errno;
    munmap(map, step * page);
    if (result < 0) return -problem;
    for (size_t i = 0; i < step; i++)
      if (!(flags[i] & 1)) return (int64_t)(known + i);
    known += step;
  }
  return (int64_t)known;
}

/* Whether the page at `position` can be read at once: one that is still on its way from the device is cached, but cannot. */
static bool is_up_to_date(int fd, off_t position) {
  char byte;
  struct iovec into = {&byte, 1};
  long count = syscall(SYS_preadv2, fd, &into, 1, (long)position, 0L, READ_NOWAIT);
  return !(count < 0 && errno == EAGAIN);
}

/*
 * How many of the cached pages can be read without waiting. The device answers for long runs of pages at once, so the
 * first, the last and one in a while between them speak for the others. File systems that cannot tell say nothing.
 */
static int64_t up_to_date_pages(int fd, off_t first, int64_t pages, size_t page) {
  for (int64_t at = 0; at < pages; at += PAGES_A_LOOK)
    if (!is_up_to_date(fd, first + at * (off_t)page)) return at;
  if (pages > 1 && !is_up_to_date(fd, first + (pages - 1) * (off_t)page)) return (pages - 1) / PAGES_A_LOOK * PAGES_A_LOOK;
  return pages;
}

/*
 * residentBytes(fd, position, length, is_certain): how many bytes from `position` on can be read without waiting for the
 * device, at least `length` when all can; -ENOSYS when this machine offers no way to know. The range lies within the file.
 * Where it need not be certain, what is still on its way from the device counts, and that is cheaper.
 */
static napi_value resident(napi_env env, napi_callback_info info) {
  range r;
  pb_arguments a;
  pb_take(&a, env, info, 4);
  if (a.is_bad || !range_of(&a, &r) || r.length > RESIDENT_BYTES_MAX) return pb_small(env, -EINVAL);
  bool is_certain = pb_int(&a, 3) != 0;
  if (a.is_bad) return pb_small(env, -EINVAL);
  if (r.length == 0) return pb_small(env, 0);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  off_t first = r.position - r.position % (off_t)page;
  size_t before = (size_t)(r.position - first);
  size_t pages = (before + r.length + page - 1) / page;
  int64_t found = resident_by_cachestat(r.fd, first, pages, page);
  if (found == -ENOSYS || found == -EPERM || found == -EOPNOTSUPP)
    found = resident_by_mincore(r.fd, first, pages, page);
  if (found == -ENODEV || found == -EACCES || found == -EPERM) found = -ENOSYS;
  if (found < 0) return pb_small(env, (int32_t)found);
  if (found > (int64_t)pages) found = (int64_t)pages;
  if (is_certain) found = up_to_date_pages(r.fd, first, found, page);
  size_t bytes = (size_t)found * page;
  return pb_number(env, bytes <= before ? 0 : (double)(bytes - before));
}

/* Reads one byte of every page from `at` on: that waits for a page as surely as a read of all of it. Where it ended, or -errno. */
static off_t touch_pages(int fd, off_t at, off_t end) {
  off_t page = (off_t)sysconf(_SC_PAGESIZE);
  readahead(fd, at, (size_t)(end - at));
  while (at < end) {
    char byte;
    ssize_t count = pread(fd, &byte, 1, at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -errno;
    if (count == 0) break;
    at += page - at % page;
  }
  return at < end ? at : end;
}

/*
 * warm(fd, position, length): brings the range into the page cache and waits for it; how many bytes it found. The bytes go
 * to /dev/null by sendfile, which copies nothing, and which lets the kernel read ahead as it does for any reader: in large
 * folios, that cost a third of what single pages do, and beyond the range, where a scan goes on.
 */
static napi_value warm(napi_env env, napi_callback_info info) {
  range r;
  if (!take_range(env, info, &r)) return pb_small(env, -EINVAL);
  struct stat file;
  if (fstat(r.fd, &file) < 0) return pb_small(env, -errno);
  if (r.position >= file.st_size) return pb_small(env, 0);
  off_t end = file.st_size - r.position < (off_t)r.length ? file.st_size : r.position + (off_t)r.length;
  off_t at = r.position;
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  while (nowhere >= 0 && at < end) {
    ssize_t count = sendfile(nowhere, r.fd, &at, (size_t)(end - at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
  }
  if (nowhere >= 0) close(nowhere);
  /* A file system without sendfile, a limit on open files, or an error of the device, which the next read says by itself. */
  if (at < end) at = touch_pages(r.fd, at, end);
  return pb_number(env, (double)(at < 0 ? at : at - r.position));
}

/* chill(fd, position, length): asks the kernel to drop clean cached pages; length 0 means to the end. For tests, benches. */
static napi_value chill(napi_env env, napi_callback_info info) {
  range r;
  if (!take_range(env, info, &r)) return pb_small(env, -EINVAL);
  return pb_small(env, -posix_fadvise(r.fd, r.position, (off_t)r.length, POSIX_FADV_DONTNEED));
}

const pb_export pb_files_exports[] = {
    {"pwritev", write_vector}, {"pwrite", write_at}, {"pread", read_at},
    {"fdatasync", sync_data},  {"fallocate", reserve}, {"syncFileRange", start_writeback}, {"syncfs", sync_system},
    {"residentBytes", resident}, {"warm", warm},     {"chill", chill},
    {NULL, NULL},
};
