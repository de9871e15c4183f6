/**
 * Write-back of one log as it grows: which bytes behind the append point the system may begin to write to the device. It
 * keeps a file's dirty pages few, so that a flush finds little left to do and the system never has to hold up writers to
 * catch up. It promises nothing: what vouches for bytes is `log-sync`. One range at a time; the next one is larger when
 * the device is slow.
 *
 *   0 ───────── begun ═══════ append point        the range ends at the last whole page: that page is written once
 */
import { assert } from '../base/assert.ts';
import type { FileHandle } from './file-cache.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import type { StorageTools } from './storage-tools.ts';

const PAGE_BYTES = 4096;

export class LogWriteBack {
  /** The range of the last `begin`. */
  fd = -1;
  position = 0;
  length = 0;
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private segment: Segment | null = null;
  private begunTo = 0;
  private isUnderWay = false;

  constructor(tools: StorageTools, list: SegmentList) {
    this.tools = tools;
    this.list = list;
  }

  /** Null: not enough was written since, or a range is under way. The file stays open until it is given to `end`. */
  begin(bytesMin: number): FileHandle | null {
    if (this.isUnderWay) return null;
    const { active } = this.list;
    if (active !== this.segment) {
      // What a log is opened with was written back long ago, or is the next flush's business.
      this.begunTo = this.segment === null && active.sizeBytes > bytesMin ? active.sizeBytes : 0;
      this.segment = active;
    }
    const upTo = active.sizeBytes - (active.sizeBytes % PAGE_BYTES);
    // Smaller than what was asked for: the log was cut.
    if (upTo < this.begunTo) this.begunTo = upTo;
    if (upTo - this.begunTo < bytesMin) return null;
    this.fd = this.tools.files.pin(active.log);
    this.position = this.begunTo - (this.begunTo % PAGE_BYTES);
    this.length = upTo - this.position;
    this.begunTo = upTo;
    this.isUnderWay = true;
    return active.log;
  }

  end(handle: FileHandle): void {
    assert(this.isUnderWay, 'a range ends that was begun');
    this.isUnderWay = false;
    this.tools.files.unpin(handle);
  }
}
