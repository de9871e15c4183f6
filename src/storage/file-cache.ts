/**
 * Open files, across all logs of one thread: at most `openMax` at a time, the least recently used closed first. A pinned
 * file is never closed (the active segment's, and those under lease): pinned files may exceed the maximum, since closing
 * one would break a promise; then nothing unpinned stays open.
 *
 * A file is known by its handle, which outlives the descriptor: `use` opens it again when need be.
 *
 *     oldest ──> … ──> newest      a list of the open and unpinned handles only
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Disk } from './disk.ts';
import { isOfReadOnlySystem } from './passing-errors.ts';

const CLOSED = -1;

export class FileHandle {
  readonly path: string;
  /** Opened for nothing but the flush of its entries. */
  readonly isFolder: boolean;
  fd = CLOSED;
  pinCount = 0;
  /** It is made, empty, when it is used for the first time. */
  isToCome = false;
  /** Its file system took no writes when it was opened. */
  isReadOnly = false;
  /** Nobody will use it again: it closes with its last pin. */
  isRetired = false;
  older: FileHandle | null = null;
  newer: FileHandle | null = null;

  constructor(path: string, isFolder = false) {
    this.path = path;
    this.isFolder = isFolder;
  }
}

export class FileCache {
  readonly openMax: number;
  private readonly disk: Disk;
  private oldest: FileHandle | null = null;
  private newest: FileHandle | null = null;
  private openCountNow = 0;

  constructor(disk: Disk, openMax: number) {
    assert(openMax >= 1, 'at least one file may be open');
    this.disk = disk;
    this.openMax = openMax;
  }

  get openCount(): number {
    return this.openCountNow;
  }

  /** The descriptor, good until the next `use` of another handle (or the last `unpin`). Throws Fault when opening fails. */
  use(handle: FileHandle): number {
    if (handle.fd === CLOSED) return this.open(handle, false);
    if (handle.pinCount === 0 && this.newest !== handle) {
      this.unlink(handle);
      this.linkNewest(handle);
    }
    return handle.fd;
  }

  /** Like `use`, for a file that may not exist yet. */
  create(handle: FileHandle): number {
    assert(handle.fd === CLOSED, 'a file is created once');
    return this.open(handle, true);
  }

  pin(handle: FileHandle): number {
    const fd = this.use(handle);
    if (handle.pinCount === 0) this.unlink(handle);
    handle.pinCount += 1;
    return fd;
  }

  unpin(handle: FileHandle): void {
    assert(handle.pinCount > 0, 'only a pinned file is unpinned');
    handle.pinCount -= 1;
    if (handle.pinCount > 0) return;
    if (handle.isRetired) {
      this.closeNow(handle);
      return;
    }
    this.linkNewest(handle);
    this.closeSurplus();
  }

  /** Of one that can only be read: whoever uses it next tries to open it for writes as well. */
  reopen(handle: FileHandle): void {
    if (handle.fd === CLOSED || handle.pinCount > 0) return;
    this.unlink(handle);
    this.closeNow(handle);
  }

  /** Closes a file that is done with, now or when its last pin goes. */
  retire(handle: FileHandle): void {
    handle.isRetired = true;
    if (handle.fd === CLOSED || handle.pinCount > 0) return;
    this.unlink(handle);
    this.closeNow(handle);
  }

  private open(handle: FileHandle, isNew: boolean): number {
    handle.fd = isNew || handle.isToCome ? this.disk.open(handle.path, 'create') : this.openFound(handle);
    this.openCountNow += 1;
    this.linkNewest(handle);
    if (handle.isToCome) this.disk.truncate(handle.fd, 0);
    handle.isToCome = false;
    this.closeSurplus();
    return handle.fd;
  }

  /** What lies on a file system that has become read-only is served all the same. */
  private openFound(handle: FileHandle): number {
    handle.isReadOnly = false;
    try {
      return this.disk.open(handle.path, handle.isFolder ? 'read' : 'read-write');
    } catch (error) {
      if (!isFault(error) || !isOfReadOnlySystem(error)) throw error;
    }
    handle.isReadOnly = true;
    return this.disk.open(handle.path, 'read');
  }

  private closeSurplus(): void {
    while (this.openCountNow > this.openMax && this.oldest !== null && this.oldest !== this.newest) {
      const victim = this.oldest;
      this.unlink(victim);
      this.closeNow(victim);
    }
  }

  private closeNow(handle: FileHandle): void {
    const fd = handle.fd;
    handle.fd = CLOSED;
    this.openCountNow -= 1;
    this.disk.close(fd);
  }

  private linkNewest(handle: FileHandle): void {
    handle.older = this.newest;
    handle.newer = null;
    if (this.newest !== null) this.newest.newer = handle;
    else this.oldest = handle;
    this.newest = handle;
  }

  private unlink(handle: FileHandle): void {
    if (handle.older !== null) handle.older.newer = handle.newer;
    else this.oldest = handle.newer;
    if (handle.newer !== null) handle.newer.older = handle.older;
    else this.newest = handle.older;
    handle.older = null;
    handle.newer = null;
  }
}
