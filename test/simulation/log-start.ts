/**
 * Where one partition begins, as far as the world outside knows: what was acknowledged to be deleted stays deleted whatever
 * happens, and beyond that nothing goes but what retention is set to take, whole segments of it.
 */
import type { FoundBatch } from './numbered-batches.ts';
import { demand } from './violation.ts';

/** What the topic is set to; infinity: it keeps them. */
export interface Retention {
  readonly bytesMax: number;
  readonly msMax: number;
}

export const KEEPS_ALL: Retention = { bytesMax: Number.POSITIVE_INFINITY, msMax: Number.POSITIVE_INFINITY };

export class LogStart {
  /** Of a deletion that was acknowledged: the log begins there or later, for good. */
  deletedOffset = 0;
  /** Starts of the broker before which retention had taken something. */
  expiryCount = 0;
  /** No deletion that was asked for reaches further. */
  private wantedOffset = 0;
  /** The same before the one that is under way. */
  private wantedBefore = 0;
  /** In which a deletion ended unheard; it may still happen in that one. */
  private doubtfulLife = -1;
  private readonly folder: string;
  private readonly retention: Retention;
  /** The latest time that a broker can have taken for the time. */
  private readonly latestMs: () => number;

  constructor(folder: string, retention: Retention, latestMs: () => number) {
    this.folder = folder;
    this.retention = retention;
    this.latestMs = latestMs;
  }

  /** -1: up to the high watermark, wherever that is. */
  wants(offset: number): void {
    this.wantedBefore = this.wantedOffset;
    this.wantedOffset = offset < 0 ? Number.POSITIVE_INFINITY : Math.max(this.wantedOffset, offset);
  }

  /** The broker said that it begins at `offset` now. */
  deleted(wanted: number, offset: number): void {
    const due = Math.max(wanted, this.deletedOffset);
    const isDone = offset === due || (offset > due && (this.isRetentive || wanted < 0));
    demand(isDone, () => `${this.folder}: begins at ${offset} now, though ${due} was wanted`);
    this.deletedOffset = offset;
    this.wantedOffset = Math.max(this.wantedBefore, offset);
  }

  /** The broker said that nothing is deleted. */
  refused(): void {
    this.wantedOffset = this.wantedBefore;
  }

  /** Nobody knows how it ended. */
  doubts(life: number): void {
    this.doubtfulLife = life;
  }

  isDoubtful(life: number): boolean {
    return this.doubtfulLife === life;
  }

  /** A broker says that the log begins there; `deletedOffset` is what was known when it was asked. */
  seen(startOffset: number, deletedOffset: number): void {
    demand(
      startOffset >= deletedOffset,
      () => `${this.folder}: begins at ${startOffset}, though it was deleted up to ${deletedOffset}`,
    );
  }

  private get isRetentive(): boolean {
    return this.retention !== KEEPS_ALL;
  }

  /** After a start, with all that the log has: nothing is gone without a reason. `stampOf`: of a record that is known. */
  hold(
    startOffset: number,
    life: number,
    batches: readonly FoundBatch[],
    gone: Iterable<{ readonly offset: number; readonly stampMs: number }>,
    wasCut: boolean,
  ): void {
    const { folder, retention } = this;
    this.seen(startOffset, this.deletedOffset);
    const wanted = this.wantedOffset;
    if (this.doubtfulLife !== life) this.wantedOffset = Math.min(wanted, Math.max(startOffset, this.deletedOffset));
    if (startOffset <= wanted) return;
    demand(this.isRetentive, () => `${folder}: begins at ${startOffset}, and no more than ${wanted} was to be deleted`);
    this.expiryCount += 1;
    const isBySize = retention.bytesMax !== Number.POSITIVE_INFINITY;
    if (isBySize) {
      const keptBytes = batches.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const isEnough = keptBytes >= retention.bytesMax || wasCut;
      demand(isEnough, () => `${folder}: retention left ${keptBytes} of ${retention.bytesMax} bytes`);
      return;
    }
    const expiredMs = this.latestMs() - retention.msMax;
    for (const { offset, stampMs } of gone) {
      demand(
        offset < wanted || stampMs < expiredMs,
        () => `${folder}: the record at ${offset} is gone ${Math.round(stampMs - expiredMs)} ms before its time`,
      );
    }
  }
}
