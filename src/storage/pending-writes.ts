/**
 * Batches queued on one segment and not yet written: the vector for the disk, and beside each piece what the indexes
 * must learn once the write has returned. Filled and emptied by `appender`; bounded, and lent by `storage-tools`.
 */
import { assert } from '../base/assert.ts';
import { clearVector, createWriteVector, type Memory, pushPiece, type WriteVector } from '../zerocopy/memory.ts';

/** Kernels take 1,024 pieces a call. Fewer are enough to make the call cheap, and keep the tables in the cache. */
export const PIECES_MAX = 256;

export class PendingWrites {
  readonly vector: WriteVector = createWriteVector(PIECES_MAX);
  /** Before a short write is resumed the vector shrinks; these keep what was queued. */
  count = 0;
  bytes = 0;
  readonly lengths = new Int32Array(PIECES_MAX);
  readonly lastOffsets = new Float64Array(PIECES_MAX);
  readonly maxTimestamps = new Float64Array(PIECES_MAX);

  get isFull(): boolean {
    return this.count === PIECES_MAX;
  }

  push(memory: Memory, at: number, length: number, lastOffset: number, maxTimestamp: number): void {
    const index = this.count;
    const isTaken = pushPiece(this.vector, memory, at, length);
    assert(isTaken, 'the caller writes out a full vector first');
    this.lengths[index] = length;
    this.lastOffsets[index] = lastOffset;
    this.maxTimestamps[index] = maxTimestamp;
    this.count = index + 1;
    this.bytes += length;
  }

  /** Takes `written` bytes off the front of the vector after a short write. */
  advance(written: number): void {
    const vector = this.vector;
    assert(written < vector.bytesTotal, 'a short write leaves bytes over');
    let index = 0;
    let left = written;
    while (left >= vector.lengths[index]!) {
      left -= vector.lengths[index]!;
      index += 1;
    }
    const kept = vector.count - index;
    for (let to = 0; to < kept; to++) {
      vector.memories[to] = vector.memories[to + index]!;
      vector.ats[to] = vector.ats[to + index]!;
      vector.lengths[to] = vector.lengths[to + index]!;
    }
    vector.ats[0] = vector.ats[0]! + left;
    vector.lengths[0] = vector.lengths[0]! - left;
    vector.count = kept;
    vector.bytesTotal -= written;
  }

  clear(): void {
    clearVector(this.vector);
    this.count = 0;
    this.bytes = 0;
  }
}
