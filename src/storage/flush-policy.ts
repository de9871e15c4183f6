/**
 * When a log owes the device a flush, and what may be shown and acknowledged before it. Three demands, any of which may
 * hold for a topic; without one, a batch counts as soon as the write call has returned:
 *
 *   --durability fsync, flush.messages=1, flush.ms=0    nothing past the last flush
 *   flush.messages=N                                    fewer than N records past the last flush
 *   flush.ms=N                                          a flush at latest N ms after the first unflushed write; no waiting
 *
 * Besides, a segment that was left for a new one is flushed in the background, so that a power cut costs a scan of the
 * newest segment only. The flush itself happens on another thread; this file only counts.
 */
import { assert } from '../base/assert.ts';
import type { LogSettings } from './log-settings.ts';

const NEVER = -1;

/** Acknowledgements of such a log wait for flushes, and so does everything it shows. */
export function promisesDevice({ isSyncedBeforeAck, flushMs, flushRecordsMax }: LogSettings): boolean {
  return isSyncedBeforeAck || flushMs === 0 || flushRecordsMax !== Number.POSITIVE_INFINITY;
}

export class FlushPolicy {
  private recordsMax = Number.POSITIVE_INFINITY;
  private waitMs = Number.POSITIVE_INFINITY;
  /** -1: everything is flushed. */
  unsyncedSinceMs = NEVER;

  constructor(settings: LogSettings) {
    this.configure(settings);
  }

  configure(settings: LogSettings): void {
    const isStrict = settings.isSyncedBeforeAck || settings.flushMs === 0;
    this.recordsMax = isStrict ? 1 : settings.flushRecordsMax;
    this.waitMs = settings.flushMs;
    assert(this.recordsMax >= 1, 'flush.messages counts from 1');
  }

  /** Acknowledgements wait for flushes: new files and their folder entries must reach the device as well. */
  get holdsAcks(): boolean {
    return this.recordsMax !== Number.POSITIVE_INFINITY;
  }

  noteWritten(nowMs: number): void {
    if (this.unsyncedSinceMs === NEVER) this.unsyncedSinceMs = nowMs;
  }

  /** All or some of what was written is flushed; the rest is counted from when the flush began. */
  noteSynced(isAll: boolean, begunMs: number): void {
    this.unsyncedSinceMs = isAll ? NEVER : begunMs;
  }

  /** A flush comes due although nothing more is written. */
  get waitsForTime(): boolean {
    return this.unsyncedSinceMs !== NEVER && this.waitMs !== Number.POSITIVE_INFINITY;
  }

  /** The high watermark that end and flush allow. It stays on a batch border and never goes back. */
  highFor(high: number, end: number, synced: number): number {
    if (end - synced < this.recordsMax) return end;
    return Math.max(high, Math.min(synced, end));
  }

  owesSync(end: number, synced: number, hasOldUnsynced: boolean, nowMs: number): boolean {
    if (end <= synced) return false;
    if (hasOldUnsynced || end - synced >= this.recordsMax) return true;
    return this.unsyncedSinceMs !== NEVER && nowMs - this.unsyncedSinceMs >= this.waitMs;
  }
}
