/**
 * Timestamp → offset of one segment, in Kafka's `.timeindex` format: an entry says that no batch up to the offset has a
 * larger timestamp, and that the batch ending at that offset has it. Both columns grow from entry to entry.
 *
 *     largest timestamp so far (int64) │ last offset of the batch that has it, relative to the segment (int32)
 */
import { assert } from '../base/assert.ts';
import { NO_TIMESTAMP, readInt64, writeInt64 } from '../protocol/batch.ts';
import { EntryFile } from './entry-file.ts';
import type { FileHandle } from './file-cache.ts';
import type { StorageTools } from './storage-tools.ts';

export const TIME_ENTRY_BYTES = 12;

export class TimeIndex {
  readonly file: EntryFile;
  /** Last entry; NO_TIMESTAMP and the segment's base without entries. Known after `readLast` or an append. */
  lastTimestamp = NO_TIMESTAMP;
  lastOffset: number;
  /** Of the entry that the last `floorOffset` went by; NO_TIMESTAMP for none. */
  floorTimestamp = NO_TIMESTAMP;
  private readonly baseOffset: number;

  constructor(tools: StorageTools, handle: FileHandle, baseOffset: number, fileBytes: number) {
    this.baseOffset = baseOffset;
    this.lastOffset = baseOffset;
    this.file = new EntryFile(tools, handle, TIME_ENTRY_BYTES, Math.floor(fileBytes / TIME_ENTRY_BYTES));
  }

  /** Entries of zeros at the end come from files that were filled in advance. Only the first entry may have offset 0. */
  trimZeros(): void {
    let count = this.file.count;
    while (count > 0 && this.timestampAt(count - 1) === 0 && this.relativeAt(count - 1) === 0) {
      // Halving is safe: behind a zero entry there are only zero entries.
      const half = count >>> 1;
      const isZeroHalf = half > 0 && this.timestampAt(half - 1) === 0 && this.relativeAt(half - 1) === 0;
      count = isZeroHalf ? half : count - 1;
    }
    if (count < this.file.count) this.file.truncateTo(count);
  }

  readLast(): boolean {
    const count = this.file.count;
    this.lastTimestamp = count === 0 ? NO_TIMESTAMP : this.timestampAt(count - 1);
    this.lastOffset = count === 0 ? this.baseOffset : this.baseOffset + this.relativeAt(count - 1);
    return this.lastOffset >= this.baseOffset && Number.isSafeInteger(this.lastTimestamp);
  }

  /** Both columns grow. Reads the whole file: for recovery. */
  isSound(): boolean {
    let timestamp = NO_TIMESTAMP;
    let relative = -1;
    for (let index = 0; index < this.file.count; index++) {
      const nextTimestamp = this.timestampAt(index);
      const nextRelative = this.relativeAt(index);
      if (nextTimestamp <= timestamp || nextRelative < relative) return false;
      timestamp = nextTimestamp;
      relative = nextRelative;
    }
    return true;
  }

  /** Takes the entry only when it says something new. */
  append(timestamp: number, offset: number): void {
    if (timestamp <= this.lastTimestamp) return;
    assert(offset >= this.lastOffset, 'offsets in a time index grow');
    const at = this.file.claim();
    if (at < 0) return;
    writeInt64(this.file.view, at, timestamp);
    this.file.view.setInt32(at + 8, offset - this.baseOffset);
    this.lastTimestamp = timestamp;
    this.lastOffset = offset;
  }

  /** Up to this offset no batch reaches the timestamp; the segment's base when nothing is known. */
  floorOffset(timestamp: number): number {
    let low = 0;
    let high = this.file.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // An entry with the very timestamp names the batch that has it: the search must begin before that batch ends.
      if (this.isBefore(middle, timestamp)) low = middle + 1;
      else high = middle;
    }
    this.floorTimestamp = low === 0 ? NO_TIMESTAMP : this.timestampAt(low - 1);
    return low === 0 ? this.baseOffset : this.baseOffset + this.relativeAt(low - 1);
  }

  /** Drops entries about offsets from the given one on. */
  truncateFrom(offset: number): void {
    let count = this.file.count;
    while (count > 0 && !this.isRelativeBelow(count - 1, offset - this.baseOffset)) count -= 1;
    this.file.truncateTo(count);
    this.readLast();
  }

  // An entry that cannot be read lies behind whatever is looked for, so that nothing before it is passed over.
  private isBefore(index: number, timestamp: number): boolean {
    return this.file.seek(index) && readInt64(this.file.view, this.file.at) < timestamp;
  }

  private isRelativeBelow(index: number, relative: number): boolean {
    return this.file.seek(index) && this.file.view.getInt32(this.file.at + 8) < relative;
  }

  private timestampAt(index: number): number {
    return this.file.seek(index) ? readInt64(this.file.view, this.file.at) : NO_TIMESTAMP;
  }

  private relativeAt(index: number): number {
    return this.file.seek(index) ? this.file.view.getInt32(this.file.at + 8) : 0;
  }
}
