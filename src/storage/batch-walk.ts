/**
 * Walks the batch headers of a segment file from a position on, reading no more than it must: a few kilobytes at a time
 * while batches are small, only the headers when they are large. Checks that each header can be one, not its checksum
 * (recovery does that). Used for lookups between two index entries, for replaying producer states, for finding the end.
 */
import { assert } from '../base/assert.ts';
import {
  BATCH_HEADER_BYTES,
  batchBaseOffset,
  batchBytes,
  batchLastOffsetDelta,
  batchMagic,
  batchMaxTimestamp,
  MAGIC,
} from '../protocol/batch.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk } from './disk.ts';

const BUFFER_BYTES = 65_536;
const FIRST_READ_BYTES = 8192;

export class BatchWalk {
  /** The current batch; valid after `next` returned true. */
  position = 0;
  length = 0;
  baseOffset = -1;
  lastOffset = -1;
  /** Something stands where a batch should: torn or damaged bytes, or a read that failed. */
  isDamaged = false;
  /** Of a read that failed: a negative errno. */
  readError = 0;
  /** Header of the current batch, to be read through the accessors of `protocol/batch`. */
  readonly view: DataView;
  readonly memory: Memory;
  at = 0;

  private readonly disk: Disk;
  private fd = -1;
  private end = 0;
  private bufferPosition = 0;
  private bufferBytes = 0;
  private readBytes = FIRST_READ_BYTES;

  constructor(disk: Disk) {
    this.disk = disk;
    this.memory = disk.allocate(BUFFER_BYTES);
    this.view = this.memory.view;
  }

  get maxTimestamp(): number {
    return batchMaxTimestamp(this.view, this.at);
  }

  begin(fd: number, position: number, end: number): void {
    assert(position <= end, 'a walk begins before it ends');
    this.fd = fd;
    this.position = position;
    this.length = 0;
    this.end = end;
    this.baseOffset = -1;
    this.lastOffset = -1;
    this.isDamaged = false;
    this.readError = 0;
    this.bufferPosition = position;
    this.bufferBytes = 0;
    // What comes next is mostly like what came last.
    if (this.readBytes > BATCH_HEADER_BYTES) this.readBytes = FIRST_READ_BYTES;
  }

  /** False at the end, and where no batch can be read; then `position` says where, and `isDamaged` why. */
  next(): boolean {
    const position = this.position + this.length;
    const floor = this.lastOffset;
    this.position = position;
    this.length = 0;
    if (position === this.end) return false;
    if (position + BATCH_HEADER_BYTES > this.end || !this.load(position)) return this.stopDamaged();
    const at = position - this.bufferPosition;
    const length = batchBytes(this.view, at);
    if (length < BATCH_HEADER_BYTES || position + length > this.end) return this.stopDamaged();
    if (batchMagic(this.view, at) !== MAGIC) return this.stopDamaged();
    const baseOffset = batchBaseOffset(this.view, at);
    const delta = batchLastOffsetDelta(this.view, at);
    if (!Number.isSafeInteger(baseOffset) || baseOffset <= floor || baseOffset < 0 || delta < 0)
      return this.stopDamaged();
    this.at = at;
    this.length = length;
    this.baseOffset = baseOffset;
    this.lastOffset = baseOffset + delta;
    // Small batches come many to a read; large ones are cheaper to visit header by header.
    this.readBytes =
      length > BUFFER_BYTES / 4
        ? BATCH_HEADER_BYTES
        : Math.min(BUFFER_BYTES, Math.max(this.readBytes * 2, FIRST_READ_BYTES));
    return true;
  }

  private load(position: number): boolean {
    const bufferEnd = this.bufferPosition + this.bufferBytes;
    if (position >= this.bufferPosition && position + BATCH_HEADER_BYTES <= bufferEnd) return true;
    const wanted = Math.min(this.readBytes, this.end - position);
    const got = this.disk.read(this.fd, position, this.memory, 0, wanted);
    if (got < 0) this.readError = got;
    this.bufferPosition = position;
    this.bufferBytes = Math.max(got, 0);
    return got >= BATCH_HEADER_BYTES;
  }

  private stopDamaged(): boolean {
    this.isDamaged = true;
    return false;
  }
}
