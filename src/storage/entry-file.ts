/**
 * A file of entries of one size, appended to and searched: what offset, time and aborted index have in common. Entries
 * appended last wait in memory (at most a kilobyte) and are searched there; reads of the file go by whole pages.
 *
 * An index is a hint: should its file refuse a write, further entries are left out and lookups walk further.
 */
import { assert } from '../base/assert.ts';
import { Fault, isFault } from '../base/fault.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { FileHandle } from './file-cache.ts';
import { PAGE_BYTES } from './index-pages.ts';
import { passingErrorOf } from './passing-errors.ts';
import type { StorageTools } from './storage-tools.ts';
import { writeWhole } from './whole-write.ts';

const PENDING_BYTES_MAX = 1024;
const EIO = -5;

export class EntryFile {
  readonly handle: FileHandle;
  readonly entryBytes: number;
  /** Where the entry found by `seek` lies. */
  view: DataView;
  at = 0;
  private readonly tools: StorageTools;
  private fileCount: number;
  /** Entries that lie behind those that count, since `restart`. */
  private surplusCount = 0;
  private pendingCount = 0;
  private pending: DataView | null = null;

  constructor(tools: StorageTools, handle: FileHandle, entryBytes: number, fileCount: number) {
    this.tools = tools;
    this.handle = handle;
    this.entryBytes = entryBytes;
    this.fileCount = fileCount;
    this.view = tools.indexPages.memory.view;
  }

  get count(): number {
    return this.fileCount + this.pendingCount;
  }

  /** The first entry that is not in the file; -1: all are. */
  get firstPending(): number {
    return this.pendingCount === 0 ? -1 : this.fileCount;
  }

  get sizeBytes(): number {
    return this.count * this.entryBytes;
  }

  /** Points `view` and `at` to an entry; false when it cannot be read. Good until the next call on any index. */
  seek(index: number): boolean {
    assert(index >= 0 && index < this.count, 'an index has the entry that is asked for');
    if (index >= this.fileCount) {
      this.view = this.pending!;
      this.at = (index - this.fileCount) * this.entryBytes;
      return true;
    }
    const perPage = Math.floor(PAGE_BYTES / this.entryBytes);
    const page = Math.floor(index / perPage);
    const { indexPages } = this.tools;
    let at = indexPages.find(this, page);
    if (at < 0) at = this.loadPage(page, perPage);
    if (at < 0) return false;
    this.view = indexPages.memory.view;
    this.at = at + (index - page * perPage) * this.entryBytes;
    return true;
  }

  /** Makes room for one entry and returns where in `view` it is to be filled in; -1 when there is none. */
  claim(): number {
    const roomCount = Math.floor(PENDING_BYTES_MAX / this.entryBytes);
    if (this.pending === null) this.pending = new DataView(new ArrayBuffer(PENDING_BYTES_MAX));
    if (this.pendingCount === roomCount && this.flush() < 0) return -1;
    this.view = this.pending;
    const at = this.pendingCount * this.entryBytes;
    this.pendingCount += 1;
    return at;
  }

  /** Writes what waits; 0 or a negative errno, after which everything still waits. */
  flush(): number {
    if (this.pendingCount === 0 || this.pending === null) return 0;
    const bytes = this.pendingCount * this.entryBytes;
    const scratch = this.tools.scratch;
    for (let at = 0; at < bytes; at++) scratch.bytes[at] = this.pending.getUint8(at);
    const fd = this.openOrError();
    if (fd < 0) return fd;
    const error = writeWhole(this.tools.disk, fd, this.fileCount * this.entryBytes, scratch, 0, bytes);
    // What a failed write left in the file is written over by the next try.
    if (error < 0) return error;
    this.fileCount += this.pendingCount;
    this.pendingCount = 0;
    this.tools.indexPages.forget(this);
    return 0;
  }

  /** The same, with a file in any case that has nothing else in it. */
  complete(): number {
    const error = this.flush();
    if (error < 0) return error;
    if (this.surplusCount > this.fileCount) this.truncateFile(this.fileCount);
    this.surplusCount = 0;
    return this.handle.isToCome ? Math.min(0, this.openOrError()) : 0;
  }

  /** No entries any more, in the file neither. Throws Fault. */
  clear(): void {
    this.fileCount = 0;
    this.surplusCount = 0;
    this.pendingCount = 0;
    if (!this.handle.isToCome) this.truncateFile(0);
  }

  /** All entries are forgotten. Those in the file are written over and go with `complete`: new ones are often the same. */
  restart(): void {
    this.surplusCount = Math.max(this.surplusCount, this.fileCount);
    this.fileCount = 0;
    this.pendingCount = 0;
    this.tools.indexPages.forget(this);
  }

  /**
   * So many entries in the place of all there were. The old ones go last: a process that is killed in between leaves entries
   * that do not fit, not a file that has none. Throws Fault.
   */
  replace(entries: Memory, count: number): void {
    const { tools, handle, entryBytes } = this;
    const bytes = count * entryBytes;
    const fd = tools.files.use(handle);
    tools.indexPages.forget(this);
    const error = bytes === 0 ? 0 : writeWhole(tools.disk, fd, 0, entries, 0, bytes);
    if (error < 0) throw new Fault('PB_DISK_ERROR', `${handle.path} could not be written: error ${-error}`);
    tools.disk.truncate(fd, bytes);
    this.fileCount = count;
    this.pendingCount = 0;
  }

  /** Gives the waiting room back; for logs that have nothing to do. */
  rest(): void {
    if (this.pendingCount === 0) this.pending = null;
  }

  truncateTo(count: number): void {
    assert(count <= this.count, 'an index is only cut shorter');
    if (count >= this.fileCount) {
      this.pendingCount = count - this.fileCount;
      return;
    }
    this.pendingCount = 0;
    this.fileCount = count;
    this.truncateFile(count);
  }

  private truncateFile(count: number): void {
    this.tools.disk.truncate(this.tools.files.use(this.handle), count * this.entryBytes);
    this.tools.indexPages.forget(this);
  }

  /** While a batch is noted nobody can be told that the file cannot be opened: the entries wait, or are left out. */
  private openOrError(): number {
    try {
      return this.tools.files.use(this.handle);
    } catch (error) {
      if (!isFault(error)) throw error;
      return passingErrorOf(error) ?? EIO;
    }
  }

  /** Where the page lies now, -1 when it cannot be read. */
  private loadPage(page: number, perPage: number): number {
    const { indexPages } = this.tools;
    const first = page * perPage;
    const bytes = Math.min(perPage, this.fileCount - first) * this.entryBytes;
    const fd = this.tools.files.use(this.handle);
    const at = indexPages.take(this, page);
    const got = this.tools.disk.read(fd, first * this.entryBytes, indexPages.memory, at, bytes);
    if (got === bytes) return at;
    indexPages.forget(this);
    return -1;
  }
}
