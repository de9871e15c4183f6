/**
 * The aborted transactions of one segment, in Kafka's `.txnindex` format, in the order their markers were written. Made
 * only when a transaction is aborted, so most segments have no such file.
 *
 *     version 0 (int16) │ producer id (int64) │ first offset (int64) │ last offset (int64) │ stable offset then (int64)
 *
 * "Stable offset then" tells a reader when to stop: transactions with later markers began at it or later.
 */
import { assert } from '../base/assert.ts';
import { Fault, isFault } from '../base/fault.ts';
import { readInt64, writeInt64 } from '../protocol/batch.ts';
import type { AbortedTransaction } from './cleaned-transactions.ts';
import { EntryFile } from './entry-file.ts';
import type { FileHandle } from './file-cache.ts';
import { passingErrorOf } from './passing-errors.ts';
import type { StorageTools } from './storage-tools.ts';

export const ABORTED_ENTRY_BYTES = 34;
const PRODUCER_AT = 2;
const FIRST_AT = 10;
const LAST_AT = 18;
const STABLE_AT = 26;

/** Aborted transactions of one read; reused. */
export class AbortedList {
  count = 0;
  /** Set when more overlapped the range than fit; the caller then answers with a shorter range. */
  isCut = false;
  readonly producerIds: Float64Array;
  readonly firstOffsets: Float64Array;

  constructor(countMax: number) {
    this.producerIds = new Float64Array(countMax);
    this.firstOffsets = new Float64Array(countMax);
  }

  clear(): void {
    this.count = 0;
    this.isCut = false;
  }

  push(producerId: number, firstOffset: number): void {
    if (this.count === this.producerIds.length) {
      this.isCut = true;
      return;
    }
    this.producerIds[this.count] = producerId;
    this.firstOffsets[this.count] = firstOffset;
    this.count += 1;
  }
}

export class AbortedIndex {
  readonly file: EntryFile;
  private readonly tools: StorageTools;
  private exists: boolean;

  /** `fileBytes` is -1 when there is no file. */
  constructor(tools: StorageTools, handle: FileHandle, fileBytes: number) {
    this.tools = tools;
    this.exists = fileBytes >= 0;
    this.file = new EntryFile(
      tools,
      handle,
      ABORTED_ENTRY_BYTES,
      Math.floor(Math.max(0, fileBytes) / ABORTED_ENTRY_BYTES),
    );
  }

  get hasFile(): boolean {
    return this.exists;
  }

  /**
   * Written through at once: unlike the other indexes this one cannot be left incomplete. 0 or a negative errno; after
   * one that passes (a full disk, no descriptor) the entry waits in memory, where readers find it, for the next append or `flush`.
   */
  append(producerId: number, firstOffset: number, lastOffset: number, stableOffset: number): number {
    assert(firstOffset <= lastOffset, 'a transaction ends after it begins');
    const at = this.exists || this.file.count < WAITING_MAX ? this.file.claim() : -1;
    if (at < 0) return -EIO;
    fill(this.file.view, at, producerId, firstOffset, lastOffset, stableOffset);
    return this.flush();
  }

  /** These in the place of what the file has. Throws Fault. */
  replace(transactions: readonly AbortedTransaction[]): void {
    const entries = this.tools.disk.allocate(Math.max(1, transactions.length * ABORTED_ENTRY_BYTES));
    for (const [index, { producerId, firstOffset, lastOffset, stableOffset }] of transactions.entries())
      fill(entries.view, index * ABORTED_ENTRY_BYTES, producerId, firstOffset, lastOffset, stableOffset);
    this.file.replace(entries, transactions.length);
  }

  flush(): number {
    if (this.file.count === 0) return 0;
    if (!this.exists) {
      try {
        this.tools.files.create(this.file.handle);
      } catch (error) {
        if (!isFault(error)) throw error;
        return passingErrorOf(error) ?? -EIO;
      }
      this.exists = true;
    }
    return this.file.flush();
  }

  /** Adds what overlaps `from` (inclusive) to `upTo` (exclusive). True when later segments cannot have more of it. Throws Fault. */
  collect(from: number, upTo: number, into: AbortedList): boolean {
    for (let index = 0; index < this.file.count; index++) {
      this.seek(index);
      const { view, at } = this.file;
      const firstOffset = readInt64(view, at + FIRST_AT);
      const stableOffset = readInt64(view, at + STABLE_AT);
      const isOverlap = readInt64(view, at + LAST_AT) >= from && firstOffset < upTo;
      if (isOverlap) into.push(readInt64(view, at + PRODUCER_AT), firstOffset);
      if (stableOffset >= upTo) return true;
    }
    return false;
  }

  /** As `collect`, whole entries into an array of so many at most: for compaction, which sees a log's all. Throws Fault. */
  list(from: number, upTo: number, into: AbortedTransaction[], countMax: number): boolean {
    for (let index = 0; index < this.file.count && into.length < countMax; index++) {
      this.seek(index);
      const { view, at } = this.file;
      const firstOffset = readInt64(view, at + FIRST_AT);
      const lastOffset = readInt64(view, at + LAST_AT);
      const stableOffset = readInt64(view, at + STABLE_AT);
      if (lastOffset >= from && firstOffset < upTo)
        into.push({ producerId: readInt64(view, at + PRODUCER_AT), firstOffset, lastOffset, stableOffset });
      if (stableOffset >= upTo) return true;
    }
    return false;
  }

  /** The first offset of all transactions in it; Infinity without any. Throws Fault. */
  get earliestOffset(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.file.count; index++) {
      this.seek(index);
      earliest = Math.min(earliest, readInt64(this.file.view, this.file.at + FIRST_AT));
    }
    return earliest;
  }

  /** Where the markers of all transactions in it lie. */
  markerOffsets(): Set<number> {
    const offsets = new Set<number>();
    for (let index = 0; index < this.file.count && this.file.seek(index); index++)
      offsets.add(readInt64(this.file.view, this.file.at + LAST_AT));
    return offsets;
  }

  /** Where the first marker lies whose entry waits for room on the disk; Infinity: none does. */
  get waitingFrom(): number {
    const first = this.file.firstPending;
    if (first < 0) return Number.POSITIVE_INFINITY;
    this.seek(first);
    return readInt64(this.file.view, this.file.at + LAST_AT);
  }

  /** Drops transactions whose marker lies at the offset or behind it. */
  truncateFrom(offset: number): void {
    let count = this.file.count;
    while (count > 0 && this.file.seek(count - 1) && readInt64(this.file.view, this.file.at + LAST_AT) >= offset)
      count -= 1;
    if (count < this.file.count) this.file.truncateTo(count);
  }

  /** Without its entry an aborted record would pass for a committed one: no answer is better. */
  private seek(index: number): void {
    if (!this.file.seek(index)) throw new Fault('PB_DISK_ERROR', `${this.file.handle.path} cannot be read`);
  }
}

function fill(view: DataView, at: number, id: number, first: number, last: number, stable: number): void {
  view.setInt16(at, 0);
  writeInt64(view, at + PRODUCER_AT, id);
  writeInt64(view, at + FIRST_AT, first);
  writeInt64(view, at + LAST_AT, last);
  writeInt64(view, at + STABLE_AT, stable);
}

const EIO = 5;
/** Entries that may wait for a file that cannot be made. */
const WAITING_MAX = 30;
