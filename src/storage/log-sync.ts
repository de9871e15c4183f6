/**
 * Flushes of one log to the device, one at a time: which descriptors, up to which offset they vouch, and that nothing
 * closes them while another thread flushes. Segments left for newer ones go first, so the recovery point grows in order.
 */
import { assert } from '../base/assert.ts';
import type { Reader } from './reader.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';

/** Files one flush covers at most; what is left over is due again at once. */
export const SYNC_FDS_MAX = 16;

export class LogSync {
  readonly fds = new Int32Array(SYNC_FDS_MAX);
  /** Everything before it is on the device. */
  offset: number;
  isUnderWay = false;
  begunMs = 0;
  private readonly list: SegmentList;
  private readonly reader: Reader;
  private readonly segments: Segment[] = [];
  private readonly sizes: number[] = [];
  private upTo = 0;

  constructor(list: SegmentList, reader: Reader, offset: number) {
    this.list = list;
    this.reader = reader;
    this.offset = offset;
  }

  begin(end: number, nowMs: number): number {
    assert(!this.isUnderWay, 'one flush of a log at a time');
    this.isUnderWay = true;
    this.begunMs = nowMs;
    this.upTo = end;
    const items = this.list.items;
    for (let index = 0; index < items.length; index++) {
      const segment = items[index]!;
      if (!segment.isUnsynced) continue;
      if (this.segments.length === SYNC_FDS_MAX) {
        this.upTo = segment.baseOffset;
        break;
      }
      this.fds[this.segments.length] = this.reader.hold(segment);
      this.segments.push(segment);
      this.sizes.push(segment.sizeBytes);
    }
    return this.segments.length;
  }

  end(error: number): void {
    assert(this.isUnderWay, 'a flush ends that was begun');
    this.isUnderWay = false;
    for (let index = 0; index < this.segments.length; index++) {
      const segment = this.segments[index]!;
      // What was appended meanwhile is not covered.
      if (error >= 0 && segment.sizeBytes === this.sizes[index]) this.list.noteSynced(segment);
      this.reader.unhold(segment);
    }
    this.segments.length = 0;
    this.sizes.length = 0;
    if (error >= 0 && this.upTo > this.offset) this.offset = this.upTo;
  }

  cutTo(offset: number): void {
    assert(!this.isUnderWay, 'a log is cut between flushes');
    this.offset = Math.min(this.offset, offset);
  }
}
