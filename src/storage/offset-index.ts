/**
 * Offset → position of one segment, in Kafka's `.index` format, sparse: an entry about every `index.interval.bytes`.
 *
 *     offset of the batch's last record, relative to the segment (int32) │ position of that batch (int32)
 *
 * Both columns grow from entry to entry. A lookup gives a position to walk on from, never a promise of what is there.
 */
import { assert } from '../base/assert.ts';
import { EntryFile } from './entry-file.ts';
import type { FileHandle } from './file-cache.ts';
import type { StorageTools } from './storage-tools.ts';

export const OFFSET_ENTRY_BYTES = 8;

export class OffsetIndex {
  readonly file: EntryFile;
  private readonly baseOffset: number;
  private lastRelative = -1;
  private lastPositionNow = 0;
  /** Entry that the last search by position ended on: the next one usually lies a little behind it. */
  private hint = 0;

  constructor(tools: StorageTools, handle: FileHandle, baseOffset: number, fileBytes: number) {
    this.baseOffset = baseOffset;
    this.file = new EntryFile(tools, handle, OFFSET_ENTRY_BYTES, Math.floor(fileBytes / OFFSET_ENTRY_BYTES));
  }

  /** Position of the last entry, 0 without entries. Known after `readLast` or an append. */
  get lastPosition(): number {
    return this.lastPositionNow;
  }

  /** Offset of the last entry, one before the segment without entries. */
  get lastOffset(): number {
    return this.baseOffset + this.lastRelative;
  }

  /** An index that was filled in advance ends in zeros after a crash; no real entry has position 0 but perhaps the first. */
  trimZeros(): void {
    let low = 0;
    let high = this.file.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.positionAt(middle) > 0) low = middle + 1;
      else high = middle;
    }
    if (low < this.file.count) this.file.truncateTo(low);
  }

  /** To be called once after opening, before appending. False when the last entry cannot be one. */
  readLast(segmentBytes: number): boolean {
    const count = this.file.count;
    this.lastRelative = count === 0 ? -1 : this.relativeAt(count - 1);
    this.lastPositionNow = count === 0 ? 0 : this.positionAt(count - 1);
    return count === 0 || (this.lastRelative >= 0 && this.lastPositionNow >= 0 && this.lastPositionNow < segmentBytes);
  }

  /** Every entry grows and points into the segment. Reads the whole file: for recovery. */
  isSound(segmentBytes: number): boolean {
    let relative = -1;
    let position = 0;
    for (let index = 0; index < this.file.count; index++) {
      const nextRelative = this.relativeAt(index);
      const nextPosition = this.positionAt(index);
      if (nextRelative <= relative || nextPosition <= position || nextPosition >= segmentBytes) return false;
      relative = nextRelative;
      position = nextPosition;
    }
    return true;
  }

  append(offset: number, position: number): void {
    const relative = offset - this.baseOffset;
    assert(relative > this.lastRelative, 'offsets in an index grow');
    assert(position >= this.lastPositionNow, 'positions in an index grow');
    const at = this.file.claim();
    if (at < 0) return;
    this.file.view.setInt32(at, relative);
    this.file.view.setInt32(at + 4, position);
    this.lastRelative = relative;
    this.lastPositionNow = position;
  }

  /** Position of the last entry whose offset is at most the given one; 0 when there is none. */
  floorByOffset(offset: number): number {
    const relative = offset - this.baseOffset;
    if (relative < 0) return 0;
    let low = 0;
    let high = this.file.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.isOffsetAtMost(middle, relative)) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.positionAt(low - 1);
  }

  /** The last indexed position that is at most the given one; 0 when there is none. Cheap when asked for in file order. */
  floorByPosition(position: number): number {
    const count = this.file.count;
    let low = 0;
    let high = count;
    if (this.hint < count && this.isPositionAtMost(this.hint, position)) {
      low = this.hint + 1;
      let step = 1;
      while (low + step < count && this.isPositionAtMost(low + step, position)) {
        low += step + 1;
        step *= 2;
      }
      high = Math.min(count, low + step + 1);
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.isPositionAtMost(middle, position)) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    this.hint = low - 1;
    return this.positionAt(low - 1);
  }

  /** Offset that the entry of the very position names; -1 when there is none. */
  offsetAtPosition(position: number): number {
    let low = 0;
    let high = this.file.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.positionAt(middle) < position) low = middle + 1;
      else high = middle;
    }
    return low < this.file.count && this.positionAt(low) === position ? this.baseOffset + this.relativeAt(low) : -1;
  }

  /** Drops the entries of batches at or behind a position; what is left must be read again with `readLast`. */
  truncateFrom(position: number): void {
    let count = this.file.count;
    while (count > 0 && !this.isPositionAtMost(count - 1, position - 1)) count -= 1;
    this.file.truncateTo(count);
  }

  // An entry that cannot be read lies behind whatever is looked for: a walk then begins at an earlier place, never at a later one.
  private isOffsetAtMost(index: number, relative: number): boolean {
    return this.file.seek(index) && this.file.view.getInt32(this.file.at) <= relative;
  }

  private isPositionAtMost(index: number, position: number): boolean {
    return this.file.seek(index) && this.file.view.getInt32(this.file.at + 4) <= position;
  }

  private relativeAt(index: number): number {
    return this.file.seek(index) ? this.file.view.getInt32(this.file.at) : -1;
  }

  private positionAt(index: number): number {
    return this.file.seek(index) ? this.file.view.getInt32(this.file.at + 4) : 0;
  }
}
