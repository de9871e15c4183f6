/**
 * What happens to a log at its old end, beside the appends: the start moves on (DeleteRecords), segments expire. A part of
 * the log, which it shares segments and watermarks with; called between turns, a bounded step at a time. Files are only
 * renamed here; `removed-files` waits with the rest until no reader needs them.
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { EpochHistory } from './epoch-history.ts';
import { promisesDevice } from './flush-policy.ts';
import type { LedgerSnapshots } from './ledger-snapshots.ts';
import type { LogCleaning } from './log-cleaning.ts';
import type { LogSettings } from './log-settings.ts';
import type { Reader } from './reader.ts';
import { expiredCount } from './retention.ts';
import type { SegmentList } from './segment-list.ts';
import type { Watermarks } from './watermarks.ts';

const NONE = 0;
const OFFSET_OUT_OF_RANGE = 1;

export interface LogUpkeepParts {
  readonly list: SegmentList;
  readonly marks: Watermarks;
  readonly reader: Reader;
  readonly epochs: EpochHistory;
  readonly cleaning: LogCleaning;
  readonly snapshots: LedgerSnapshots;
  readonly settings: LogSettings;
  /** Writes the producers down as they are; false when that cannot be done now. */
  readonly saveProducers: () => boolean;
  /** Everything before it is on the device. */
  readonly flushedOffset: () => number;
  /** What was written last may not be there any more after the next start. */
  readonly hasFailedFlush: () => boolean;
  /** Goes on in a new segment; false when that failed. */
  readonly roll: (nowMs: number) => boolean;
  readonly warn: (message: string) => void;
}

export class LogUpkeep {
  settings: LogSettings;
  private readonly parts: LogUpkeepParts;

  constructor(parts: LogUpkeepParts) {
    this.parts = parts;
    this.settings = parts.settings;
  }

  /** Forgets everything before an offset. A Kafka error code. Throws Fault. */
  moveStart(offset: number): number {
    const { marks, list } = this.parts;
    if (offset > marks.high) return OFFSET_OUT_OF_RANGE;
    if (offset <= marks.start) return NONE;
    this.startAt(offset);
    let count = 0;
    while (count < list.items.length - 1 && list.upperOffset(count) <= offset) count += 1;
    this.retire(this.spareable(count));
    return NONE;
  }

  /** Lets go of expired segments, so many at most; returns how many went. Throws Fault. */
  enforceRetention(nowMs: number, countMax: number): number {
    const { list, marks, cleaning } = this.parts;
    // The segments are being compacted: what of them has expired goes afterwards.
    if (cleaning.isUnderWay) return 0;
    let count = Math.min(countMax, expiredCount(list, marks, this.retention, nowMs));
    // The older ones first: the room they leave may be what the new segment needs.
    if (count === list.items.length && count > 1) count -= 1;
    if (count === 0) return 0;
    if (count === list.items.length && !this.parts.roll(nowMs)) return 0;
    count = this.spareable(count);
    if (count === 0) return 0;
    const upper = list.upperOffset(count - 1);
    assert(upper <= marks.high, 'the start of a log does not pass its high watermark');
    if (upper > marks.start) this.startAt(upper);
    this.retire(count);
    return count;
  }

  /** Bytes that a failed flush has put in doubt stand for nothing: no older ones go for their sake. */
  private get retention(): LogSettings {
    if (!this.parts.hasFailedFlush()) return this.settings;
    return { ...this.settings, retentionBytesMax: Number.POSITIVE_INFINITY };
  }

  private startAt(offset: number): void {
    const { marks, epochs } = this.parts;
    marks.set(offset, Math.max(offset, marks.stable), marks.high, marks.end);
    if (!epochs.truncateBefore(offset)) return;
    try {
      epochs.save();
    } catch (error) {
      // The file then knows of epochs from before the start, which harms nobody; room on the disk is what may be missing.
      if (!isFault(error)) throw error;
      this.parts.warn(error.message);
    }
  }

  /**
   * How many of the oldest segments may go: whoever sent what is in them must be written down first, or would be unknown
   * after the next replay. Where that cannot be done, on a full disk, the newest of them stay until it can.
   */
  private spareable(count: number): number {
    const { list, snapshots, saveProducers, flushedOffset } = this.parts;
    const flushed = promisesDevice(this.settings) ? flushedOffset() : Number.POSITIVE_INFINITY;
    const isCovered = (segments: number): boolean => snapshots.covers(list.items[segments]!.baseOffset, flushed);
    if (count === 0 || isCovered(count) || (saveProducers() && isCovered(count))) return count;
    let spared = count - 1;
    while (spared > 0 && !isCovered(spared)) spared -= 1;
    return spared;
  }

  private retire(count: number): void {
    if (count === 0) return;
    this.parts.reader.forget();
    this.parts.list.retireOldest(count, this.settings.fileDeleteDelayMs);
  }
}
