/**
 * A disk that fails under a real broker: a small library, compiled here and loaded before the C library, answers writes, flushes
 * and changes of files in one folder with an error as long as a word in a shared file says so. Takes Linux and a C compiler.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* 0: errors of writes, 1: of flushes, 2: of opening for writing, making, renaming, removing. */
static const volatile unsigned char *faults;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("PERFBROKER_TEST_FAULTS");
  folder = getenv("PERFBROKER_TEST_FOLDER");
  int fd = path ? open(path, O_RDONLY) : -1;
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 3, PROT_READ, MAP_SHARED, fd, 0);
  faults = map == MAP_FAILED ? NULL : map;
}

static int fault_at(int kind, const char *path) {
  if (!faults || !faults[kind] || !folder || !path || strncmp(path, folder, strlen(folder)) != 0) return 0;
  return faults[kind];
}

static int fault_of(int kind, int fd) {
  char link[64], path[4096];
  if (!faults || !faults[kind]) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fault_at(kind, path);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define ON_FD(result, name, kind, parameters, arguments) \\
  result name parameters { REAL(name); int e = fault_of(kind, fd); if (e) { errno = e; return -1; } return real arguments; }

ON_FD(ssize_t, pwritev, 0, (int fd, const struct iovec *v, int n, off_t at), (fd, v, n, at))
ON_FD(ssize_t, pwritev64, 0, (int fd, const struct iovec *v, int n, off64_t at), (fd, v, n, at))
ON_FD(ssize_t, pwrite, 0, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at))
ON_FD(ssize_t, pwrite64, 0, (int fd, const void *b, size_t n, off64_t at), (fd, b, n, at))
ON_FD(ssize_t, write, 0, (int fd, const void *b, size_t n), (fd, b, n))
ON_FD(int, fdatasync, 1, (int fd), (fd))
ON_FD(int, fsync, 1, (int fd), (fd))
ON_FD(int, syncfs, 1, (int fd), (fd))
ON_FD(int, ftruncate, 0, (int fd, off_t n), (fd, n))
ON_FD(int, ftruncate64, 0, (int fd, off64_t n), (fd, n))

#define OPEN(name) \\
  int name(const char *path, int flags, ...) { \\
    REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \\
    int e = (flags & (O_WRONLY | O_RDWR | O_CREAT)) ? fault_at(2, path) : 0; \\
    if (e) { errno = e; return -1; } return real(path, flags, mode); }
OPEN(open)
OPEN(open64)

int rename(const char *from, const char *to) {
  REAL(rename); int e = fault_at(2, from); if (e) { errno = e; return -1; } return real(from, to);
}
int unlink(const char *path) {
  REAL(unlink); int e = fault_at(2, path); if (e) { errno = e; return -1; } return real(path);
}
int mkdir(const char *path, mode_t mode) {
  REAL(mkdir); int e = fault_at(2, path); if (e) { errno = e; return -1; } return real(path, mode);
}
`;

export interface Failing {
  readonly write?: 'EIO' | 'EROFS';
  readonly flush?: 'EIO' | 'EROFS';
  readonly change?: 'EIO' | 'EROFS';
}

export class FailingDisk {
  /** To be given to the broker's process. */
  readonly environment: NodeJS.ProcessEnv;
  private readonly faults: string;

  /** `folder`: for what belongs to it; `dataFolder`: whose files fail. */
  constructor(folder: string, dataFolder: string) {
    const library = join(folder, 'faults.so');
    this.faults = join(folder, 'faults');
    writeFileSync(`${library}.c`, SOURCE);
    writeFileSync(this.faults, new Uint8Array(3));
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, `${library}.c`, '-ldl'], { stdio: 'ignore' });
    this.environment = {
      LD_PRELOAD: library,
      PERFBROKER_TEST_FAULTS: this.faults,
      PERFBROKER_TEST_FOLDER: dataFolder,
    };
  }

  /** From now on; without anything it is sound again. */
  fail({ write, flush, change }: Failing = {}): void {
    const errnos = [write, flush, change].map((name) => (name === undefined ? 0 : constants.errno[name]));
    const fd = openSync(this.faults, 'r+');
    writeSync(fd, new Uint8Array(errnos), 0, 3, 0);
    closeSync(fd);
  }
}

/** Null when all is there. */
export function whyNoFailingDisk(): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'needs cc';
  }
}
