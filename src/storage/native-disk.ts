/**
 * The disk port over system calls of the native part: vectored positional writes out of shared memory, and knowledge of
 * what the page cache holds. What opens, lists or renames is rare and goes through `node-disk`.
 *
 * One object per thread: the table of pieces is filled and used within one call.
 */
import { constants, release } from 'node:os';
import { assert } from '../base/assert.ts';
import type { Memory, WriteVector } from '../zerocopy/memory.ts';
import { memoryOf, type Native } from '../zerocopy/native.ts';
import type { Disk, FileStat, OpenMode } from './disk.ts';
import { NodeDisk } from './node-disk.ts';

/** IOV_MAX of Linux: the most pieces that one vectored write takes. */
const PIECES_MAX = 1024;
/** The native part looks at so many bytes of the page cache at most. */
const RESIDENT_BYTES_MAX = 64 * 1024 * 1024;

/** Before Linux 5.8 syncfs says that all is well whatever became of the bytes; nothing but the version tells the two apart. */
const TELLS_LOST_WRITES = isAtLeast(release(), 5, 8);

export class NativeDisk implements Disk {
  private readonly native: Native;
  private readonly files = new NodeDisk();
  /** Pairs of address and length, and the memory that keeps them in place. */
  private readonly pieces = new Float64Array(PIECES_MAX * 2);
  private readonly piecesMemory: Memory;

  constructor(native: Native) {
    this.native = native;
    this.piecesMemory = memoryOf(new Uint8Array(this.pieces.buffer), native);
  }

  // ── data path ─────────────────────────────────────────────────────────────────────────────────────────────────────

  writeVector(fd: number, position: number, vector: WriteVector): number {
    const count = vector.count;
    assert(count > 0, 'a vector that is written has pieces');
    let done = 0;
    for (let first = 0; first < count; first += PIECES_MAX) {
      const end = Math.min(first + PIECES_MAX, count);
      const wanted = this.fillPieces(vector, first, end);
      const written = this.native.pwritev(fd, position + done, this.piecesMemory.address, end - first);
      if (written < 0) return done > 0 ? done : written;
      done += written;
      if (written < wanted) return done;
    }
    return done;
  }

  write(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && length >= 0 && at + length <= memory.bytes.length, 'written bytes lie within their memory');
    if (memory.address === 0) return this.files.write(fd, position, memory, at, length);
    return this.native.pwrite(fd, position, memory.address + at, length);
  }

  read(fd: number, position: number, memory: Memory, at: number, length: number): number {
    assert(at >= 0 && length >= 0 && at + length <= memory.bytes.length, 'read bytes fit into their memory');
    if (memory.address === 0) return this.files.read(fd, position, memory, at, length);
    return this.native.pread(fd, position, memory.address + at, length);
  }

  sync(fd: number): number {
    return this.native.fdatasync(fd);
  }

  writeBack(fd: number, position: number, length: number): number {
    return this.native.syncFileRange(fd, position, length);
  }

  syncSystem(fd: number): number {
    return TELLS_LOST_WRITES ? this.native.syncfs(fd) : -constants.errno.ENOSYS;
  }

  /** Where nothing can be found out (an old kernel, a sandbox), everything counts as resident. */
  residentBytes(fd: number, position: number, length: number, isCertain: boolean): number {
    const asked = Math.min(length, RESIDENT_BYTES_MAX);
    const found = this.native.residentBytes(fd, position, asked, isCertain ? 1 : 0);
    return found === -constants.errno.ENOSYS ? length : found;
  }

  warm(fd: number, position: number, length: number): number {
    return this.native.warm(fd, position, length);
  }

  freeBytes(path: string): number {
    return this.files.freeBytes(path);
  }

  // ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  open(path: string, mode: OpenMode): number {
    return this.files.open(path, mode);
  }

  close(fd: number): void {
    this.files.close(fd);
  }

  sizeBytes(fd: number): number {
    return this.files.sizeBytes(fd);
  }

  truncate(fd: number, sizeBytes: number): void {
    this.files.truncate(fd, sizeBytes);
  }

  /** A file system without reservations is fine; a full one shows itself at the write that does not fit. */
  reserve(fd: number, position: number, length: number): void {
    assert(position >= 0 && length >= 0, 'what is reserved lies within a file');
    if (length > 0) this.native.fallocate(fd, position, length);
  }

  makeFolder(path: string): void {
    this.files.makeFolder(path);
  }

  list(path: string): string[] {
    return this.files.list(path);
  }

  stat(path: string): FileStat | null {
    return this.files.stat(path);
  }

  setModified(path: string, modifiedMs: number): void {
    this.files.setModified(path, modifiedMs);
  }

  rename(from: string, to: string): void {
    this.files.rename(from, to);
  }

  remove(path: string): void {
    this.files.remove(path);
  }

  removeFolder(path: string): void {
    this.files.removeFolder(path);
  }

  syncFolder(path: string): void {
    this.files.syncFolder(path);
  }

  readFile(path: string): Uint8Array | null {
    return this.files.readFile(path);
  }

  makeFile(path: string, content: Uint8Array): void {
    this.files.makeFile(path, content);
  }

  replaceFile(path: string, content: Uint8Array): void {
    this.files.replaceFile(path, content);
  }

  swapFile(path: string, content: Uint8Array): void {
    this.files.swapFile(path, content);
  }

  /** Shared memory: its pages are not touched before they are used, and its address never changes. */
  allocate(bytes: number): Memory {
    // Not shared, though it could be: shared memory counts for no collector, so that what is done with piles up until there is
    // enough of other garbage. A thread that compacted held 16 MB more after a quarter of an hour.
    return memoryOf(new Uint8Array(new ArrayBuffer(bytes)), this.native);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns how many bytes the pieces hold. */
  private fillPieces(vector: WriteVector, first: number, end: number): number {
    const pieces = this.pieces;
    let bytes = 0;
    let slot = 0;
    for (let index = first; index < end; index++) {
      const memory = vector.memories[index]!;
      const at = vector.ats[index]!;
      const length = vector.lengths[index]!;
      assert(at >= 0 && length >= 0 && at + length <= memory.bytes.length, 'a piece lies within its memory');
      assert(memory.address !== 0, 'a piece that the kernel reads has an address');
      pieces[slot] = memory.address + at;
      pieces[slot + 1] = length;
      slot += 2;
      bytes += length;
    }
    return bytes;
  }
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return first > major || (first === major && second >= minor);
}
