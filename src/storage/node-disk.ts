/**
 * The disk port over plain `node:fs`: the only body on machines without the native part, and the half of `native-disk`
 * that opens, lists and renames. Nothing is known of the page cache here, so everything counts as resident.
 *
 * Folders are made for the broker's user alone (0700), and so are files (0600). Symbolic links are not followed, and what is
 * opened is a file: whoever can plant a link or a pipe in a data folder must not choose what we read, write or wait for.
 */
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
  writevSync,
} from 'node:fs';
import { constants as system } from 'node:os';
import { dirname, resolve } from 'node:path';
import { assert } from '../base/assert.ts';
import { Fault, type FaultCode } from '../base/fault.ts';
import type { Memory, WriteVector } from '../zerocopy/memory.ts';
import { memoryOf } from '../zerocopy/native.ts';
import type { Disk, FileStat, OpenMode } from './disk.ts';

/** The most pieces of one vectored write; POSIX systems take 1024. */
const PIECES_MAX = 1024;
const WARM_STEP_BYTES = 1_048_576;
/** 0 where the system has no such flag. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
/** A pipe is told from a file by looking at what was opened, so opening it may not wait for its other end. */
const NO_WAIT = constants.O_NONBLOCK ?? 0;

export class NodeDisk implements Disk {
  private readonly scratch = new Uint8Array(WARM_STEP_BYTES);

  // ── data path ─────────────────────────────────────────────────────────────────────────────────────────────────────

  writeVector(fd: number, position: number, vector: WriteVector): number {
    assert(vector.count > 0, 'a vector that is written has pieces');
    let done = 0;
    for (let first = 0; first < vector.count; first += PIECES_MAX) {
      const pieces: Uint8Array[] = [];
      let wanted = 0;
      for (let index = first; index < Math.min(first + PIECES_MAX, vector.count); index++) {
        const at = vector.ats[index]!;
        pieces.push(vector.memories[index]!.bytes.subarray(at, at + vector.lengths[index]!));
        wanted += vector.lengths[index]!;
      }
      const written = attempt(() => writevSync(fd, pieces, position + done));
      if (written < 0) return done > 0 ? done : written;
      done += written;
      if (written < wanted) return done;
    }
    return done;
  }

  write(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && at + length <= memory.bytes.length, 'written bytes lie within their memory');
    return attempt(() => writeSync(fd, memory.bytes, at, length, position));
  }

  read(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && at + length <= memory.bytes.length, 'read bytes fit into their memory');
    return attempt(() => readSync(fd, memory.bytes, at, length, position));
  }

  sync(fd: number): number {
    return attempt(() => {
      fdatasyncSync(fd);
      return 0;
    });
  }

  /** The system writes back when it sees fit. */
  writeBack(_fd: number, _position: number, _length: number): number {
    return 0;
  }

  syncSystem(_fd: number): number {
    return -system.errno.ENOSYS;
  }

  residentBytes(_fd: number, _position: number, length: number, _isCertain: boolean): number {
    return length;
  }

  warm(fd: number, position: number, length: number): number {
    let done = 0;
    while (done < length) {
      const step = Math.min(length - done, this.scratch.length);
      const from = position + done;
      const count = attempt(() => readSync(fd, this.scratch, 0, step, from));
      if (count < 0) return count;
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  freeBytes(path: string): number {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch (error) {
      if (errnoOf(error) === 0) throw error;
      return Number.POSITIVE_INFINITY;
    }
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  open(path: string, mode: OpenMode): number {
    const access = mode === 'read' ? constants.O_RDONLY : constants.O_RDWR;
    return openFile(path, access | (mode === 'create' ? constants.O_CREAT : 0));
  }

  close(fd: number): void {
    orFault('closed', `file descriptor ${fd}`, () => closeSync(fd));
  }

  sizeBytes(fd: number): number {
    return orFault('measured', `file descriptor ${fd}`, () => fstatSync(fd).size);
  }

  truncate(fd: number, sizeBytes: number): void {
    assert(sizeBytes >= 0, 'a file has a size');
    orFault('cut to its size', `file descriptor ${fd}`, () => ftruncateSync(fd, sizeBytes));
  }

  reserve(_fd: number, position: number, length: number): void {
    assert(position >= 0 && length >= 0, 'what is reserved lies within a file');
  }

  makeFolder(path: string): void {
    orFault('made', path, () => makeFolders(path));
  }

  list(path: string): string[] {
    return orFault('listed', path, () => readdirSync(path).sort());
  }

  stat(path: string): FileStat | null {
    const found = orFault('looked at', path, () => lstatSync(path, { throwIfNoEntry: false }));
    if (found === undefined) return null;
    if (found.isSymbolicLink()) throw notFollowed(path);
    const sizeBytes = found.isFile() ? found.size : 0;
    return { sizeBytes, modifiedMs: Math.floor(found.mtimeMs), isFolder: found.isDirectory() };
  }

  setModified(path: string, modifiedMs: number): void {
    orFault('given its time', path, () => lutimesSync(path, modifiedMs / 1000, modifiedMs / 1000));
  }

  rename(from: string, to: string): void {
    orFault(`renamed to ${to}`, from, () => renameSync(from, to));
  }

  remove(path: string): void {
    orFault('removed', path, () => unlinkSync(path));
  }

  removeFolder(path: string): void {
    // Nearly always it is empty by now, and Node looks at every file on its long way.
    if (attempt(() => removeEmpty(path)) < 0) orFault('removed', path, () => rmSync(path, { recursive: true }));
  }

  syncFolder(path: string): void {
    const fd = orFault('opened', path, () => openSync(path, constants.O_RDONLY));
    try {
      orFault('flushed', path, () => fsyncSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  readFile(path: string): Uint8Array | null {
    if (this.stat(path) === null) return null;
    const fd = openFile(path, constants.O_RDONLY);
    try {
      return orFault('read', path, () => readFileSync(fd));
    } finally {
      closeSync(fd);
    }
  }

  makeFile(path: string, content: Uint8Array): void {
    const fd = orFault('made', path, () =>
      openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600),
    );
    try {
      orFault('written', path, () => {
        for (let done = 0; done < content.length; ) done += writeSync(fd, content, done, content.length - done, done);
      });
    } finally {
      closeSync(fd);
    }
  }

  replaceFile(path: string, content: Uint8Array): void {
    this.writeBeside(path, content, true);
    this.syncFolder(dirname(path));
  }

  swapFile(path: string, content: Uint8Array): void {
    this.writeBeside(path, content, false);
  }

  allocate(bytes: number): Memory {
    return memoryOf(new Uint8Array(bytes), null);
  }

  private writeBeside(path: string, content: Uint8Array, isFlushed: boolean): void {
    const beside = `${path}.tmp`;
    const fd = this.open(beside, 'create');
    try {
      orFault('written', beside, () => {
        ftruncateSync(fd, 0);
        for (let done = 0; done < content.length; ) done += writeSync(fd, content, done, content.length - done, done);
        if (isFlushed) fsyncSync(fd);
      });
    } finally {
      closeSync(fd);
    }
    this.rename(beside, path);
  }
}

function removeEmpty(folder: string): number {
  rmdirSync(folder);
  return 0;
}

/** Throws Fault for whatever is neither a file nor a folder (those are opened to be flushed). */
function openFile(path: string, flags: number): number {
  const fd = orFault('opened', path, () => openSync(path, flags | NO_FOLLOW | NO_WAIT, 0o600));
  const found = fstatSync(fd);
  if (found.isFile() || found.isDirectory()) return fd;
  closeSync(fd);
  throw new Fault('PB_DATA_UNSAFE', `${path} is neither a file nor a folder; remove it from the data folder`);
}

function notFollowed(path: string): Fault {
  return new Fault('PB_DATA_UNSAFE', `${path} is a symbolic link, which the broker does not follow; remove it`);
}

/**
 * With all folders above it; returns those that were not there, uppermost first. Not by Node's own recursive mode, which never returns where the parent exists and yet the
 * answer is ENOENT (below /proc, on some network file systems).
 */
export function makeFolders(path: string): string[] {
  const missing: string[] = [];
  let folder = resolve(path);
  while (!existsSync(folder)) {
    missing.push(folder);
    folder = dirname(folder);
  }
  if (missing.length === 0 && !statSync(folder).isDirectory()) mkdirSync(folder);
  return missing.reverse().filter(makeOne);
}

/** False: somebody else made it in the meantime. */
function makeOne(folder: string): boolean {
  try {
    mkdirSync(folder, { mode: 0o700 });
    return true;
  } catch (error) {
    if (errnoOf(error) !== system.errno.EEXIST || !statSync(folder).isDirectory()) throw error;
    return false;
  }
}

/** A count, or -errno instead of an exception. */
function attempt(call: () => number): number {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 0) throw error;
    return -errno;
  }
}

function orFault<T>(deed: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fileFault(deed, path, error);
  }
}

/** Positive; 0 when the error did not come from the system. */
function errnoOf(error: unknown): number {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return 0;
  return Math.abs(error.errno);
}

function fileFault(deed: string, path: string, cause: unknown): unknown {
  const errno = errnoOf(cause);
  if (errno === 0) return cause;
  const name = Object.entries(system.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
  return new Fault(codeOf(errno), `${path} could not be ${deed} (${name}); ${adviceOf(errno)}`, { cause });
}

function codeOf(errno: number): FaultCode {
  const { ENOSPC, EDQUOT, EACCES, EPERM, EROFS, ELOOP } = system.errno;
  if (errno === ELOOP) return 'PB_DATA_UNSAFE';
  if (errno === ENOSPC || errno === EDQUOT) return 'PB_DISK_FULL';
  if (errno === EACCES || errno === EPERM || errno === EROFS) return 'PB_DATA_UNWRITABLE';
  return 'PB_DISK_ERROR';
}

function adviceOf(errno: number): string {
  const { ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EMFILE, ENFILE, ELOOP, ENOENT } = system.errno;
  if (errno === ENOSPC || errno === EDQUOT) return 'free some space or lower the retention of topics';
  if (errno === EACCES || errno === EPERM) return 'give the user that runs the broker access to it';
  if (errno === EROFS) return 'the file system is mounted read-only; choose another folder with --data';
  if (errno === EMFILE || errno === ENFILE) return 'raise the limit of open files (ulimit -n)';
  if (errno === ELOOP) return 'it is a symbolic link, which the broker does not follow';
  if (errno === ENOENT) return 'it is not there';
  return 'look into the log of the system for what the device said';
}
