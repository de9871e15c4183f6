/**
 * Flushes of one log to the device, one at a time: which descriptors, up to which offset they vouch, and that nothing
 * closes them while another thread flushes. Segments left for newer ones go first, so the recovery point grows in order;
 * their indexes are flushed with them, since nobody will look at their batches again after a power cut.
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { FileHandle } from './file-cache.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import type { StorageTools } from './storage-tools.ts';

/** Files one flush covers at most; what is left over is due again at once. */
export const SYNC_FDS_MAX = 16;
const { EMFILE } = constants.errno;
const FILES_OF_SEGMENT = 4;

export class LogSync {
  readonly fds = new Int32Array(SYNC_FDS_MAX);
  /** Every batch before it is on the device. */
  offset: number;
  /** So is everything else that a start would not find again in the batches before it. */
  recoveryPoint: number;
  isUnderWay = false;
  begunMs = 0;
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private readonly handles: FileHandle[] = [];
  private readonly segments: Segment[] = [];
  private readonly sizes: number[] = [];
  private upTo = 0;
  private vouchedUpTo = 0;
  private coversNames = false;

  constructor(tools: StorageTools, list: SegmentList, offset: number) {
    this.tools = tools;
    this.list = list;
    this.offset = offset;
    this.recoveryPoint = offset;
  }

  /** From there on an aborted transaction is told by its batches alone, since the disk has no room to note it. */
  get waitingFrom(): number {
    return this.list.active.abortedWaitFrom;
  }

  /** A flush, if it succeeds, brings the log further. */
  isBehind(end: number): boolean {
    return this.offset < end || (this.recoveryPoint < this.offset && this.waitingFrom === Number.POSITIVE_INFINITY);
  }

  /** Files of the flush under way: as many of `fds` are its. */
  get count(): number {
    return this.handles.length;
  }

  /** Descriptors to flush; a negative errno when they cannot be had now, as where the process has none left. */
  begin(end: number, nowMs: number): number {
    try {
      return this.collect(end, nowMs);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.tools.logger.warn(`a flush has to wait: ${error.message}`);
      this.letGo();
      return -EMFILE;
    }
  }

  private collect(end: number, nowMs: number): number {
    assert(!this.isUnderWay, 'one flush of a log at a time');
    this.isUnderWay = true;
    this.begunMs = nowMs;
    this.upTo = end;
    // A flushed file whose name the power takes is worth nothing.
    this.coversNames = this.list.hasUnsyncedNames;
    if (this.coversNames) {
      this.list.hasUnsyncedNames = false;
      this.hold(this.list.folderHandle);
    }
    const items = this.list.items;
    for (let index = 0; index < items.length; index++) {
      const segment = items[index]!;
      if (!segment.isUnsynced) continue;
      if (this.handles.length + FILES_OF_SEGMENT > SYNC_FDS_MAX) {
        this.upTo = segment.baseOffset;
        break;
      }
      this.hold(segment.log);
      // No hint that could be made anew: batches vouched for are not replayed.
      if (segment.aborted.hasFile) this.hold(segment.aborted.file.handle);
      if (segment !== this.list.active) {
        this.hold(segment.offsets.file.handle);
        this.hold(segment.times.file.handle);
      }
      this.segments.push(segment);
      this.sizes.push(segment.sizeBytes);
    }
    this.vouchedUpTo = Math.min(this.upTo, this.waitingFrom);
    return this.handles.length;
  }

  end(error: number): void {
    assert(this.isUnderWay, 'a flush ends that was begun');
    for (let index = 0; index < this.segments.length; index++) {
      const segment = this.segments[index]!;
      // What was appended meanwhile is not covered.
      if (error >= 0 && segment.sizeBytes === this.sizes[index]) this.list.noteSynced(segment);
    }
    if (error >= 0) this.coversNames = false;
    this.letGo();
    if (error < 0) return;
    this.offset = Math.max(this.offset, this.upTo);
    this.recoveryPoint = Math.max(this.recoveryPoint, this.vouchedUpTo);
  }

  private letGo(): void {
    this.isUnderWay = false;
    if (this.coversNames) this.list.hasUnsyncedNames = true;
    for (let index = 0; index < this.handles.length; index++) this.tools.files.unpin(this.handles[index]!);
    this.handles.length = 0;
    this.segments.length = 0;
    this.sizes.length = 0;
  }

  cutTo(offset: number): void {
    assert(!this.isUnderWay, 'a log is cut between flushes');
    this.offset = Math.min(this.offset, offset);
    this.recoveryPoint = Math.min(this.recoveryPoint, offset);
  }

  private hold(handle: FileHandle): void {
    this.fds[this.handles.length] = this.tools.files.pin(handle);
    this.handles.push(handle);
  }
}
