/**
 * The port to the disk: all that storage asks of an operating system. Three bodies: `native-disk` (system calls through
 * the native part), `node-disk` (plain `node:fs`), and the fake disk of the tests, which injects faults from a seed.
 *
 * Calls are synchronous: a worker owns its partitions and a write to the page cache costs microseconds. What can take
 * long (fdatasync, bringing cold bytes into memory) is called by the disk aide's thread, never by a worker's turn.
 *
 * Data-path calls return a byte count or a negative errno and never throw; calls that open, list or rename throw Fault.
 */
import type { Memory, WriteVector } from '../zerocopy/memory.ts';

export type OpenMode = 'read' | 'read-write' | 'create';

export interface FileStat {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly isFolder: boolean;
}

export interface Disk {
  // ── data path: byte counts or -errno ──
  /** Writes all pieces of the vector at `position`; may write less than asked (the caller goes on or fails). */
  writeVector(fd: number, position: number, vector: WriteVector): number;
  write(fd: number, position: number, memory: Memory, at: number, length: number): number;
  read(fd: number, position: number, memory: Memory, at: number, length: number): number;
  sync(fd: number): number;
  /** Begins to write the range back to the device; promises nothing, and waits only for a place in the device's queue. */
  writeBack(fd: number, position: number, length: number): number;
  /**
   * Flushes everything on the file system of an open file. 0 only when nothing was lost since the file was opened or this
   * was called on it the last time; -ENOSYS where a system cannot say that.
   */
  syncSystem(fd: number): number;
  /**
   * How many of the bytes from `position` on can be read without waiting for the device; >= length when all. Where that need
   * not be certain, those on their way from the device count as well, and it is cheaper.
   */
  residentBytes(fd: number, position: number, length: number, isCertain: boolean): number;
  /** Brings the bytes into memory; may block. */
  warm(fd: number, position: number, length: number): number;

  /** Bytes that can still be written where the folder lies; Infinity where the system does not tell. */
  freeBytes(path: string): number;

  // ── files: throw Fault ──
  open(path: string, mode: OpenMode): number;
  close(fd: number): void;
  sizeBytes(fd: number): number;
  truncate(fd: number, sizeBytes: number): void;
  /** Reserves blocks without changing the size, where the file system can; silently nothing elsewhere. */
  reserve(fd: number, position: number, length: number): void;
  makeFolder(path: string): void;
  list(path: string): string[];
  stat(path: string): FileStat | null;
  /** When it was written last, as others are to see it. */
  setModified(path: string, modifiedMs: number): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  removeFolder(path: string): void;
  /** Flushes a folder's entries, so that files made or renamed in it survive a power cut. */
  syncFolder(path: string): void;
  readFile(path: string): Uint8Array | null;
  /** A small file that is not there yet; not flushed. */
  makeFile(path: string, content: Uint8Array): void;
  /** Writes a whole small file beside `path`, flushes it, renames it over `path`, flushes the folder. */
  replaceFile(path: string, content: Uint8Array): void;
  /**
   * The same without the flushes, for what counts only while the machine runs: a reader sees the old content or the new
   * one. A flush commits the file system's journal, and writers to other files wait for that (20 ms, seen in the tails).
   */
  swapFile(path: string, content: Uint8Array): void;
  /** Memory of a worker's own that this disk can read and write (scratch buffers). */
  allocate(bytes: number): Memory;
}
