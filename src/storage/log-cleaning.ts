/**
 * A log's side of its compaction: how much of it is worth compacting, the plan for it, and putting the results in place.
 * The work itself is done elsewhere (`compaction`) on segments that nobody appends to; meanwhile the log serves on. A part
 * of the log, which it shares segments and watermarks with; called between turns.
 *
 *     plan ──> swap … swap (a group of segments each) ──> end
 *
 * Cleanable is what lies before all of: the active segment, the first unstable offset, segments younger than
 * min.compaction.lag.ms, bytes that are not on the device yet, and transactions whose fate is only told in the active segment.
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { LastRecords } from './batch-cleaner.ts';
import type { CleaningPlan, GroupCleaned, PlannedSegment } from './compaction.ts';
import type { LogSettings } from './log-settings.ts';
import type { ProducerLedger } from './producer-ledger.ts';
import type { Reader } from './reader.ts';
import { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import { beginSwap, discardCleaned, endSwap } from './segment-swap.ts';
import type { StorageTools } from './storage-tools.ts';
import type { Watermarks } from './watermarks.ts';

export interface LogCleaningParts {
  readonly tools: StorageTools;
  readonly partitionName: string;
  readonly list: SegmentList;
  readonly marks: Watermarks;
  readonly reader: Reader;
  readonly ledger: ProducerLedger;
  readonly settings: LogSettings;
  readonly cleanedOffset: number;
}

/** How urgent a log's compaction is. */
export interface Cleanable {
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** A record has waited for longer than max.compaction.lag.ms. */
  readonly isOverdue: boolean;
}

export class LogCleaning {
  settings: LogSettings;
  isUnderWay = false;
  private readonly parts: LogCleaningParts;
  private cleanedNow: number;

  constructor(parts: LogCleaningParts) {
    this.parts = parts;
    this.settings = parts.settings;
    this.cleanedNow = parts.cleanedOffset;
  }

  /** Everything before it was compacted: what `cleaner-offset-checkpoint` says. */
  get cleanedOffset(): number {
    return this.cleanedNow;
  }

  /** Null when there is nothing to compact. Throws Fault. */
  measure(nowMs: number): Cleanable | null {
    if (!this.settings.isCompacted || this.isUnderWay) return null;
    const from = this.firstDirtyOffset;
    const count = this.cleanableCount(from, nowMs);
    const { items } = this.parts.list;
    const overdueMs = nowMs - this.settings.compactionLagMsMax;
    let cleanBytes = 0;
    let dirtyBytes = 0;
    let isOverdue = false;
    for (let index = 0; index < count; index++) {
      const segment = items[index]!;
      if (this.parts.list.upperOffset(index) <= from) {
        cleanBytes += segment.sizeBytes;
        continue;
      }
      dirtyBytes += segment.sizeBytes;
      const firstMs = segment.firstTimestamp;
      if (firstMs > 0 && firstMs < overdueMs) isOverdue = true;
    }
    return dirtyBytes === 0 ? null : { cleanBytes, dirtyBytes, isOverdue };
  }

  /** Begins a compaction; null when there is nothing to compact any more. Throws Fault. */
  plan(nowMs: number): CleaningPlan | null {
    if (this.measure(nowMs) === null) return null;
    const { list, partitionName } = this.parts;
    const from = this.firstDirtyOffset;
    const count = this.cleanableCount(from, nowMs);
    const segments: PlannedSegment[] = [];
    for (let index = 0; index < count; index++) {
      const { baseOffset, sizeBytes, indexBytes } = list.items[index]!;
      segments.push({ baseOffset, sizeBytes, indexBytes, upperOffset: list.upperOffset(index) });
    }
    this.isUnderWay = true;
    return {
      partitionName,
      folder: list.folder,
      segments,
      laterBases: list.items.slice(count, -1).map((segment) => segment.baseOffset),
      firstDirtyOffset: from,
      lastRecords: this.lastRecords(),
      segmentBytesMax: this.settings.segmentBytesMax,
      indexBytesMax: this.settings.segmentIndexBytesMax,
      indexIntervalBytes: this.settings.indexIntervalBytes,
      deleteRetentionMs: this.settings.deleteRetentionMs,
      nowMs,
    };
  }

  /**
   * Puts one segment in the place of its sources. False when they are no longer what it was made of (deleted or cut
   * meanwhile); its files are removed then. Throws Fault when the disk refuses halfway: the log must not be appended to
   * any more, a restart finishes the swap.
   */
  swap(cleaned: GroupCleaned, nowMs: number): boolean {
    const { list, tools } = this.parts;
    const first = cleaned.sources[0];
    assert(first !== undefined, 'a compacted segment was made of others');
    const index = this.isUnderWay ? this.indexOfSources(cleaned.sources) : -1;
    if (index < 0 || !this.begin(list.folder, first.baseOffset)) {
      this.discard(list.folder, first.baseOffset);
      return false;
    }
    this.parts.reader.forget();
    list.retireForSwap(index, cleaned.sources.length, this.settings.fileDeleteDelayMs);
    endSwap(tools.disk, list.folder, first.baseOffset);
    list.insert(index, new Segment(tools, list.folder, first.baseOffset, cleaned.sizeBytes, nowMs));
    return true;
  }

  /** `endOffset`: what is compacted now, -1 when it was given up. */
  end(endOffset: number): void {
    this.isUnderWay = false;
    if (endOffset > this.cleanedNow) this.cleanedNow = Math.min(endOffset, this.parts.marks.end);
  }

  /** The log was cut: a compaction under way is about segments of before. */
  cutTo(offset: number): void {
    this.isUnderWay = false;
    this.cleanedNow = Math.min(this.cleanedNow, offset);
  }

  private get firstDirtyOffset(): number {
    const { marks, list } = this.parts;
    // What lies before the start is gone; a checkpoint past the end is about a log that was cut since.
    if (this.cleanedNow > marks.end) this.cleanedNow = 0;
    return Math.max(this.cleanedNow, list.items[0]!.baseOffset);
  }

  /** How many of the oldest segments are cleanable. */
  private cleanableCount(from: number, nowMs: number): number {
    const { list, marks } = this.parts;
    const { items } = list;
    const limit = Math.min(marks.stable, list.active.aborted.earliestOffset);
    const youngestMs = nowMs - this.settings.compactionLagMsMin;
    let count = 0;
    while (count < items.length - 1) {
      const segment = items[count]!;
      const upper = list.upperOffset(count);
      if (upper > limit || segment.isUnsynced) break;
      if (upper > from && this.settings.compactionLagMsMin > 0 && segment.newestMs > youngestMs) break;
      count += 1;
    }
    return count;
  }

  private lastRecords(): LastRecords {
    const { ledger } = this.parts;
    const producerIds = new Float64Array(ledger.count);
    const lastOffsets = new Float64Array(ledger.count);
    const epochs = new Int32Array(ledger.count);
    let index = 0;
    for (const entry of ledger.values()) {
      producerIds[index] = entry.id;
      lastOffsets[index] = entry.lastOffset;
      epochs[index] = entry.epoch;
      index += 1;
    }
    return { producerIds, lastOffsets, epochs };
  }

  /** Index of the first source, -1 unless all of them lie side by side as they did. */
  private indexOfSources(sources: readonly PlannedSegment[]): number {
    const { items } = this.parts.list;
    const index = items.findIndex((segment) => segment.baseOffset === sources[0]?.baseOffset);
    if (index < 0 || index + sources.length >= items.length) return -1;
    const isSame = sources.every((source, step) => {
      const segment = items[index + step];
      return segment?.baseOffset === source.baseOffset && segment.sizeBytes === source.sizeBytes;
    });
    return isSame ? index : -1;
  }

  private begin(folder: string, baseOffset: number): boolean {
    try {
      beginSwap(this.parts.tools.disk, folder, baseOffset);
      return true;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.tools.logger.warn(`${this.parts.partitionName}: ${error.message}`);
      return false;
    }
  }

  private discard(folder: string, baseOffset: number): void {
    try {
      discardCleaned(this.parts.tools.disk, folder, baseOffset);
    } catch (error) {
      // Swept away when the folder is opened the next time.
      if (!isFault(error)) throw error;
    }
  }
}
