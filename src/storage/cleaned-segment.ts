/**
 * The segment that a compaction writes: a `.log.cleaned` file with its indexes, flushed to the device before anybody may
 * put it in the place of others. Flushed every few megabytes, so that no flush at the end holds up what other logs write; and
 * written in small pieces: many kernels take a thread off the processor between two pieces and not within one, and where the
 * memory of a new megabyte has to be found first, that is milliseconds that a broker's thread waits for.
 */
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { batchLastOffset, batchMaxTimestamp } from '../protocol/batch.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { SEGMENT_BYTES_MAX } from './appender.ts';
import type { AbortedTransaction } from './cleaned-transactions.ts';
import { CLEANED_ENDING } from './file-names.ts';
import { Segment } from './segment.ts';
import { GATHER_BYTES, type StorageTools } from './storage-tools.ts';
import { writeWhole } from './whole-write.ts';

const SYNC_EVERY_BYTES = 8_388_608;
const ENOSPC = 28;

export class CleanedSegment {
  private readonly tools: StorageTools;
  private readonly segment: Segment;
  private readonly intervalBytes: number;
  private readonly onWritten: (bytes: number) => void;
  private readonly buffer: Memory;
  private readonly fd: number;
  private buffered = 0;
  private writtenBytes = 0;
  private syncedBytes = 0;
  private isOpen = true;

  /** Throws Fault, as all of it does when the disk refuses; `discard` is then the caller's to call. */
  constructor(
    tools: StorageTools,
    folder: string,
    baseOffset: number,
    intervalBytes: number,
    nowMs: number,
    onWritten: (bytes: number) => void,
  ) {
    this.tools = tools;
    this.intervalBytes = intervalBytes;
    this.onWritten = onWritten;
    this.segment = Segment.create(tools, folder, baseOffset, 0, nowMs, CLEANED_ENDING);
    this.fd = tools.files.pin(this.segment.log);
    this.buffer = tools.gather;
  }

  get sizeBytes(): number {
    return this.segment.sizeBytes;
  }

  /** A whole batch, which is copied. */
  add(memory: Memory, at: number, length: number): void {
    const { segment } = this;
    if (segment.sizeBytes + length > SEGMENT_BYTES_MAX)
      throw new Fault('PB_LIMIT', `${segment.log.path} would grow past what an index can address`);
    const view = memory.view;
    const lastOffset = batchLastOffset(view, at);
    segment.noteBatch(segment.sizeBytes, length, lastOffset, batchMaxTimestamp(view, at), this.intervalBytes);
    if (this.buffered + length > GATHER_BYTES) this.flush();
    if (length > GATHER_BYTES) {
      this.write(memory, at, length);
      return;
    }
    this.buffer.bytes.set(memory.bytes.subarray(at, at + length), this.buffered);
    this.buffered += length;
  }

  addAborted(transaction: AbortedTransaction): void {
    const { producerId, firstOffset, lastOffset, stableOffset } = transaction;
    this.check(this.segment.aborted.append(producerId, firstOffset, lastOffset, stableOffset));
  }

  /**
   * Everything is on the device, names as well, and the files are closed. `modifiedMs`: when the newest of what it was made of
   * was written, since retention goes by that where records have no timestamps or none is left.
   */
  finish(modifiedMs: number): void {
    const { segment, tools } = this;
    this.flush();
    assert(this.writtenBytes === segment.sizeBytes, 'what was added was written');
    this.check(segment.seal());
    const { files, disk } = tools;
    this.check(disk.sync(this.fd));
    this.check(disk.sync(files.use(segment.offsets.file.handle)));
    this.check(disk.sync(files.use(segment.times.file.handle)));
    if (segment.aborted.hasFile) this.check(disk.sync(files.use(segment.aborted.file.handle)));
    this.letGo();
    segment.close(false);
    disk.setModified(segment.log.path, modifiedMs);
    disk.syncFolder(segment.folder);
  }

  discard(): void {
    this.letGo();
    this.segment.close(true);
  }

  private letGo(): void {
    if (this.isOpen) this.tools.files.unpin(this.segment.log);
    this.isOpen = false;
  }

  private flush(): void {
    if (this.buffered === 0) return;
    this.write(this.buffer, 0, this.buffered);
    this.buffered = 0;
  }

  private write(memory: Memory, at: number, length: number): void {
    const { disk } = this.tools;
    for (let done = 0; done < length; done += GATHER_BYTES) {
      const bytes = Math.min(GATHER_BYTES, length - done);
      this.check(writeWhole(disk, this.fd, this.writtenBytes, memory, at + done, bytes));
      this.writtenBytes += bytes;
      this.onWritten(bytes);
    }
    if (this.writtenBytes - this.syncedBytes < SYNC_EVERY_BYTES) return;
    this.check(disk.sync(this.fd));
    this.syncedBytes = this.writtenBytes;
  }

  private check(error: number): void {
    if (error >= 0) return;
    const code = error === -ENOSPC ? 'PB_DISK_FULL' : 'PB_DISK_ERROR';
    throw new Fault(code, `${this.segment.log.path} could not be written (error ${-error})`);
  }
}
