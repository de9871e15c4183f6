/**
 * Reads a segment file from end to end for recovery: whole batches, in pieces of a megabyte, with their checksums. Batches
 * that end before the vouched offset are taken by their headers alone.
 */
import { assert } from '../base/assert.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBytes,
  batchCrcHolds,
  batchLastOffsetDelta,
  batchMagic,
  MAGIC,
} from '../protocol/batch.ts';
import type { Crc32c } from '../zerocopy/crc32c.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { isOneBitApart } from './chain-walk.ts';
import type { Disk } from './disk.ts';

export const SCAN_BYTES = 1_048_576;
const UNKNOWN = -1;

export class BatchScan {
  /** The current batch, whole, at `at` of `memory`; valid after `next` returned true. */
  memory: Memory;
  at = 0;
  position = 0;
  length = 0;
  /** Its checksum was not looked at. */
  isVouched = false;
  baseOffset = -1;
  lastOffset = -1;
  isDamaged = false;
  /** Why the walk ended, if the disk did not give the bytes: a negative errno, which says nothing of what they are. */
  readError = 0;
  bytesRead = 0;

  private readonly disk: Disk;
  private readonly crc: Crc32c;
  private fd = -1;
  private end = 0;
  private readonly ahead: Memory;
  private vouchedOffset = 0;
  private gapsBelow = 0;
  private expected = UNKNOWN;
  private bufferPosition = 0;
  private bufferBytes = 0;

  constructor(disk: Disk, crc: Crc32c) {
    this.disk = disk;
    this.crc = crc;
    this.memory = disk.allocate(SCAN_BYTES);
    this.ahead = disk.allocate(BATCH_HEADER_BYTES);
  }

  /** For another user: nothing was read, and a buffer that a large batch was given goes. */
  renew(): void {
    this.bytesRead = 0;
    if (this.memory.bytes.length > SCAN_BYTES) this.memory = this.disk.allocate(SCAN_BYTES);
  }

  /** `floorOffset`: no batch begins before it. `gapsBelow`: up to there compaction may have left gaps. */
  begin(
    fd: number,
    position: number,
    end: number,
    floorOffset: number,
    vouchedOffset: number,
    gapsBelow = Number.POSITIVE_INFINITY,
  ): void {
    assert(position <= end, 'a scan begins before it ends');
    this.fd = fd;
    this.position = position;
    this.length = 0;
    this.end = end;
    this.lastOffset = floorOffset - 1;
    this.vouchedOffset = vouchedOffset;
    this.gapsBelow = gapsBelow;
    // Where the walk begins in the middle, what the first batch should say is not known.
    this.expected = position === 0 ? floorOffset : UNKNOWN;
    this.isDamaged = false;
    this.readError = 0;
    this.bufferPosition = position;
    this.bufferBytes = 0;
  }

  /** False at the end of the file and at the first bytes that are no good batch; `position` says where. */
  next(): boolean {
    const position = this.position + this.length;
    this.position = position;
    this.length = 0;
    if (position === this.end) return false;
    if (!this.load(position, BATCH_HEADER_BYTES)) return this.stopDamaged();
    const length = batchBytes(this.memory.view, position - this.bufferPosition);
    if (length < BATCH_HEADER_BYTES || !this.load(position, length)) return this.stopDamaged();
    const at = position - this.bufferPosition;
    const view = this.memory.view;
    if (batchMagic(view, at) !== MAGIC) return this.stopDamaged();
    const baseOffset = batchBaseOffset(view, at);
    const delta = batchLastOffsetDelta(view, at);
    if (!Number.isSafeInteger(baseOffset) || baseOffset <= this.lastOffset || delta < 0) return this.stopDamaged();
    if (this.isMoved(baseOffset, baseOffset + delta, position + length)) return this.stopDamaged();
    this.isVouched = baseOffset + delta < this.vouchedOffset;
    if (!this.isVouched && !batchCrcHolds(this.memory, at, length, this.crc)) return this.stopDamaged();
    this.at = at;
    this.length = length;
    this.baseOffset = baseOffset;
    this.lastOffset = baseOffset + delta;
    this.expected = this.lastOffset + 1;
    return true;
  }

  /** A batch's place is not in its checksum: one that a single bit has moved is followed by one that does not know of it. */
  private isMoved(baseOffset: number, lastOffset: number, nextPosition: number): boolean {
    const { expected } = this;
    if (expected === UNKNOWN || baseOffset === expected || baseOffset <= this.gapsBelow) return false;
    if (!isOneBitApart(baseOffset, expected)) return false;
    if (nextPosition + BATCH_HEADER_BYTES > this.end) return true;
    const bytes = this.disk.read(this.fd, nextPosition, this.ahead, 0, BATCH_HEADER_BYTES);
    if (bytes < 0) this.readError = bytes;
    return bytes !== BATCH_HEADER_BYTES || batchBaseOffset(this.ahead.view, 0) !== lastOffset + 1;
  }

  /** Makes `length` bytes from the position on lie in memory. A batch larger than the buffer gets a buffer of its size. */
  private load(position: number, length: number): boolean {
    if (position + length > this.end) return false;
    if (position >= this.bufferPosition && position + length <= this.bufferPosition + this.bufferBytes) return true;
    if (length > this.memory.bytes.length) this.memory = this.disk.allocate(length);
    const wanted = Math.min(this.memory.bytes.length, this.end - position);
    let got = 0;
    while (got < wanted) {
      const bytes = this.disk.read(this.fd, position + got, this.memory, got, wanted - got);
      if (bytes < 0) this.readError = bytes;
      if (bytes <= 0) break;
      got += bytes;
    }
    this.bufferPosition = position;
    this.bufferBytes = got;
    this.bytesRead += got;
    return got >= length;
  }

  private stopDamaged(): boolean {
    this.isDamaged = true;
    return false;
  }
}
