/**
 * Batches of one turn on their way to the active segment: queued as spans, then written with one vectored call. Only
 * after that call has returned do the segment's size and indexes learn of them.
 *
 * The spans stay the caller's until `flush` has returned. A failed write leaves the file as it was, cut back to the last
 * good batch; the log above decides what a failure means.
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { PendingWrites } from './pending-writes.ts';
import { PIECES_MAX } from './pending-writes.ts';
import type { Segment } from './segment.ts';
import type { StorageTools } from './storage-tools.ts';

const EINTR = -4;
const EIO = -5;
const EAGAIN = -11;
/** Calls one flush may take. Each short write ends the run of at least a byte; interruptions are rare. */
const ATTEMPTS_MAX = PIECES_MAX + 64;
/** Positions in the offset index have 31 bits, so that no segment grows past this whatever its settings say. */
export const SEGMENT_BYTES_MAX = 2_147_483_647;

export class Appender {
  private readonly tools: StorageTools;
  private pending: PendingWrites | null = null;

  constructor(tools: StorageTools) {
    this.tools = tools;
  }

  get queuedBytes(): number {
    return this.pending === null ? 0 : this.pending.bytes;
  }

  get isFull(): boolean {
    return this.pending?.isFull === true;
  }

  queue(memory: Memory, at: number, length: number, lastOffset: number, maxTimestamp: number): void {
    if (this.pending === null) this.pending = this.tools.takeWrites();
    this.pending.push(memory, at, length, lastOffset, maxTimestamp);
  }

  /** Bytes written, or a negative errno when not all were; then nothing of the queue is in the segment. */
  flush(segment: Segment, intervalBytes: number): number {
    const pending = this.pending;
    if (pending === null) return 0;
    const bytes = pending.bytes;
    assert(segment.sizeBytes + bytes <= SEGMENT_BYTES_MAX, 'a segment stays addressable by its index');
    const fd = this.openOrError(segment);
    const error = fd < 0 ? fd : this.writeAll(fd, segment.sizeBytes, pending);
    if (error < 0) {
      if (fd >= 0) this.cutBack(fd, segment);
      this.drop();
      return error;
    }
    for (let index = 0; index < pending.count; index++) {
      const length = pending.lengths[index]!;
      segment.noteBatch(
        segment.sizeBytes,
        length,
        pending.lastOffsets[index]!,
        pending.maxTimestamps[index]!,
        intervalBytes,
      );
    }
    this.drop();
    return bytes;
  }

  drop(): void {
    if (this.pending === null) return;
    this.tools.giveWrites(this.pending);
    this.pending = null;
  }

  /** Files that were not used of late are closed, and the process may have no descriptor left. */
  private openOrError(segment: Segment): number {
    try {
      return this.tools.files.use(segment.log);
    } catch (error) {
      if (!isFault(error)) throw error;
      return EIO;
    }
  }

  private writeAll(fd: number, from: number, pending: PendingWrites): number {
    let position = from;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const wanted = pending.vector.bytesTotal;
      const written = this.tools.disk.writeVector(fd, position, pending.vector);
      if (written === wanted) return 0;
      if (written === EINTR || written === EAGAIN) continue;
      if (written < 0) return written;
      assert(written < wanted, 'a disk takes no more bytes than it was given');
      if (written === 0) return EIO;
      position += written;
      pending.advance(written);
    }
    return EIO;
  }

  private cutBack(fd: number, segment: Segment): void {
    try {
      this.tools.disk.truncate(fd, segment.sizeBytes);
    } catch (error) {
      // Recovery cuts torn bytes as well; until then nothing reads past the segment's size.
      this.tools.logger.warn(`${segment.log.path} could not be cut back after a failed write: ${String(error)}`);
    }
  }
}
