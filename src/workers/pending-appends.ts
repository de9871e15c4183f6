/**
 * The append receipts of one turn, between queueing a batch on its log and the log's write at the end of the turn. Filled
 * while jobs are drained, walked once after the writes, then empty again. Its maximum is the turn's job budget.
 */
import { assert } from '../base/assert.ts';

export class PendingAppends {
  count = 0;
  readonly lane: Int32Array;
  readonly exchange: Int32Array;
  readonly entry: Int32Array;
  readonly partition: Int32Array;
  readonly flags: Int32Array;
  readonly baseOffset: Float64Array;
  /** The high watermark that covers the whole batch. */
  readonly neededOffset: Float64Array;
  readonly appendTimeMs: Float64Array;

  constructor(countMax: number) {
    this.lane = new Int32Array(countMax);
    this.exchange = new Int32Array(countMax);
    this.entry = new Int32Array(countMax);
    this.partition = new Int32Array(countMax);
    this.flags = new Int32Array(countMax);
    this.baseOffset = new Float64Array(countMax);
    this.neededOffset = new Float64Array(countMax);
    this.appendTimeMs = new Float64Array(countMax);
  }

  get isFull(): boolean {
    return this.count === this.lane.length;
  }

  /** Takes a place and returns its index; the caller fills the offsets. */
  push(lane: number, exchange: number, entry: number, partition: number, flags: number): number {
    assert(!this.isFull, 'a turn takes no more appends than its budget');
    const index = this.count;
    this.lane[index] = lane;
    this.exchange[index] = exchange;
    this.entry[index] = entry;
    this.partition[index] = partition;
    this.flags[index] = flags;
    this.count = index + 1;
    return index;
  }

  clear(): void {
    this.count = 0;
  }
}
