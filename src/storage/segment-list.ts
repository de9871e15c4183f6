/**
 * The segments of one log, oldest first; the last is the active one and the only one written to. Its descriptor is
 * pinned from the first append on, and those of older segments stay pinned until their bytes were flushed. Knows files, not offsets' meaning:
 * when to roll and what may be removed is the log's decision.
 */
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { FileHandle } from './file-cache.ts';
import { Segment } from './segment.ts';
import type { StorageTools } from './storage-tools.ts';

export class SegmentList {
  readonly folder: string;
  readonly items: Segment[];
  /** For the flush of its entries. */
  readonly folderHandle: FileHandle;
  /** Files were made whose names no flush vouches for yet. */
  hasUnsyncedNames = true;
  private readonly tools: StorageTools;

  /** `syncedOffset`: what lies behind it may not be on the device. */
  constructor(tools: StorageTools, folder: string, items: Segment[], syncedOffset: number) {
    assert(items.length > 0, 'a log has at least one segment');
    this.tools = tools;
    this.folder = folder;
    this.folderHandle = new FileHandle(folder, true);
    this.items = items;
    for (let index = 0; index < items.length; index++) {
      const segment = items[index]!;
      const upper = this.upperOffset(index);
      if (segment.sizeBytes === 0 || (upper >= 0 && upper <= syncedOffset)) continue;
      segment.isUnsynced = true;
      this.hold(segment);
    }
  }

  get active(): Segment {
    return this.items[this.items.length - 1]!;
  }

  /** The active segment can be appended to from here on. Throws Fault when its files cannot be opened. */
  readyForAppends(): void {
    const { active } = this;
    if (active.log.isReadOnly) this.tools.files.reopen(active.log);
    this.hold(active);
    if (active.log.isReadOnly) {
      this.letGo(active);
      throw new Fault('PB_DATA_UNWRITABLE', `${active.log.path} can only be read; its file system is read-only`);
    }
    active.openForAppends();
  }

  get totalBytes(): number {
    let bytes = 0;
    for (let index = 0; index < this.items.length; index++) bytes += this.items[index]!.sizeBytes;
    return bytes;
  }

  /** A segment that was left for a newer one waits for its flush. */
  get hasOldUnsynced(): boolean {
    // Flushes go from old to new, so that it is enough to look at the one before the active.
    const count = this.items.length;
    return count > 1 && this.items[count - 2]!.isUnsynced;
  }

  /** Index of the segment that the offset belongs to; 0 for offsets before the first. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.items.length;
    // Nearly all reads and all writes are about the newest segment.
    if (this.active.baseOffset <= offset) return high - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.items[middle]!.baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** The next offset after the segment's, as far as the segments tell; -1 for the active one. */
  upperOffset(index: number): number {
    return index + 1 < this.items.length ? this.items[index + 1]!.baseOffset : -1;
  }

  /** Goes on in a new segment. Throws Fault when its files cannot be made; then the old one stays active. */
  roll(baseOffset: number, reserveBytes: number, nowMs: number): Segment {
    const old = this.active;
    assert(baseOffset > old.baseOffset, 'a new segment begins behind the old one');
    // Before the new file is there: whoever finds it after a crash takes the old one's indexes for finished.
    if (old.flushAborted() < 0) {
      throw new Fault('PB_DISK_FULL', `${old.log.path} has aborted transactions that are not written down yet`);
    }
    old.seal();
    const segment = Segment.create(this.tools, this.folder, baseOffset, reserveBytes, nowMs);
    this.hold(segment);
    this.items.push(segment);
    this.hasUnsyncedNames = true;
    if (old.isUnsynced) this.hold(old);
    else this.letGo(old);
    return segment;
  }

  noteSynced(segment: Segment): void {
    if (!segment.isUnsynced) return;
    segment.isUnsynced = false;
    if (segment !== this.active && !segment.isClosed) this.letGo(segment);
  }

  /** The oldest segments leave the log; one by one, so that a disk that refuses leaves a whole log. Throws Fault. */
  retireOldest(count: number, delayMs: number): void {
    assert(count < this.items.length, 'the active segment stays');
    for (let index = 0; index < count; index++) {
      const segment = this.items[0]!;
      segment.retire(delayMs);
      this.letGo(segment);
      segment.isUnsynced = false;
      this.items.shift();
    }
  }

  /** Segments, none of them active or unflushed, make room for the one that compaction made of them. Throws Fault. */
  retireForSwap(index: number, count: number, delayMs: number): void {
    assert(index + count < this.items.length, 'the active segment is not compacted');
    const first = this.items[index]!;
    for (let step = 0; step < count; step++) {
      const segment = this.items[index + step]!;
      assert(!segment.isUnsynced, 'what is compacted was flushed');
      segment.retireForSwap(delayMs, segment === first);
    }
    this.items.splice(index, count);
  }

  insert(index: number, segment: Segment): void {
    const next = this.items[index];
    assert(next === undefined || segment.baseOffset < next.baseOffset, 'segments lie in the order of their offsets');
    this.items.splice(index, 0, segment);
  }

  /**
   * Cuts off the batch that holds the offset and all behind it; returns the next offset. When nothing from `start` on is
   * left, the log starts anew, at its start or at the offset if that is earlier.
   */
  cutFrom(offset: number, start: number, nowMs: number): number {
    const segment = this.items[this.indexOf(offset)]!;
    const position = segment.locate(offset);
    assert(position >= 0, 'the place of a cut can be found');
    const end = Math.min(offset, segment.firstOffsetAt(position, offset));
    if (end < start || offset <= this.items[0]!.baseOffset) {
      const anew = Math.min(offset, start);
      this.restartAt(anew, nowMs);
      return anew;
    }
    this.removeFrom(offset);
    // A segment that begins at the very offset went whole, and the one before it stays whole.
    if (this.active === segment) segment.truncateTo(position, end);
    return end;
  }

  /** Removes the segments that begin at the offset or later; at least one stays. */
  private removeFrom(offset: number): void {
    while (this.items.length > 1 && this.active.baseOffset >= offset) {
      const segment = this.active;
      this.items.pop();
      this.letGo(segment);
      segment.isUnsynced = false;
      segment.close(true);
    }
  }

  /** Throws everything away and starts at an offset. */
  restartAt(offset: number, nowMs: number): void {
    for (let index = 0; index < this.items.length; index++) this.release(this.items[index]!, true);
    this.items.length = 0;
    this.items.push(Segment.create(this.tools, this.folder, offset, 0, nowMs));
    this.hasUnsyncedNames = true;
  }

  /** Flushes the active segment's indexes and all names, for a stop after which nothing will be looked through. */
  syncIndexes(): number {
    const { disk, files } = this.tools;
    const offsetsError = disk.sync(files.use(this.active.offsets.file.handle));
    const timesError = disk.sync(files.use(this.active.times.file.handle));
    disk.syncFolder(this.folder);
    return Math.min(offsetsError, timesError, 0);
  }

  closeAll(): void {
    for (let index = 0; index < this.items.length; index++) this.release(this.items[index]!, false);
    this.tools.files.retire(this.folderHandle);
  }

  private release(segment: Segment, isRemoval: boolean): void {
    this.letGo(segment);
    segment.isUnsynced = false;
    segment.close(isRemoval);
  }

  private hold(segment: Segment): void {
    if (segment.isHeld) return;
    this.tools.files.pin(segment.log);
    segment.isHeld = true;
  }

  private letGo(segment: Segment): void {
    if (segment.isHeld) this.tools.files.unpin(segment.log);
    segment.isHeld = false;
  }
}
