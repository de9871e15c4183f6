/**
 * Finds the region of a segment file that answers a read: whole batches from the one that holds an offset up to a limit.
 * No record bytes pass through here. A consumer that reads on where it stopped is answered from memory (the cursors
 * remember where offsets lie); else the offset index and one or two small reads of headers find the place.
 */
import { assert } from '../base/assert.ts';
import { batchCodec, CODEC_ZSTD } from '../protocol/batch.ts';
import { READ_FLAG_FIRST_BATCH_WHOLE, READ_FLAG_ZSTD_REFUSED } from '../zerocopy/layout.ts';
import { CHAIN_DAMAGED, FoundChain } from './found-chain.ts';
import { LeaseTable } from './lease-table.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import type { StorageTools } from './storage-tools.ts';

const NONE = 0;
const CORRUPT_MESSAGE = 2;
const REQUEST_TIMED_OUT = 7;
const KAFKA_STORAGE_ERROR = 56;
const UNSUPPORTED_COMPRESSION_TYPE = 76;
const CURSORS = 16;
const NO_LEASE = -1;

/** Reused by the log; good until its next read. */
export interface ReadResult {
  error: number;
  fd: number;
  position: number;
  /** 0: nothing to send, and no lease. */
  length: number;
  lease: number;
  /** No record at this offset or behind it lies in the region. */
  endOffset: number;
}

export class Reader {
  readonly result: ReadResult = { error: 0, fd: -1, position: 0, length: 0, lease: NO_LEASE, endOffset: -1 };
  /** Up to there compaction may have left gaps between batches. */
  gapsBelow = 0;
  private readonly tools: StorageTools;
  private readonly found: FoundChain;
  private readonly list: SegmentList;
  private readonly leases = new LeaseTable();
  private readonly cursorOffsets = new Float64Array(CURSORS).fill(-1);
  private readonly cursorPositions = new Float64Array(CURSORS);
  private readonly cursorSegments: (Segment | null)[] = new Array<Segment | null>(CURSORS).fill(null);
  private cursorNext = 0;

  constructor(tools: StorageTools, list: SegmentList) {
    this.tools = tools;
    this.found = new FoundChain(tools);
    this.list = list;
  }

  get leaseCount(): number {
    return this.leases.count;
  }

  /** `limit`: the first offset that may not be shown; `end`: the log's written end. */
  read(offset: number, limit: number, end: number, bytesMax: number, flags: number): ReadResult {
    const result = this.clear(NONE, offset);
    assert(limit <= end, 'nothing past the end is shown');
    if (offset >= limit) return result;
    if (this.leases.isFull) return this.clear(REQUEST_TIMED_OUT, offset);
    const items = this.list.items;
    for (let index = this.list.indexOf(offset); index < items.length; index++) {
      const segment = items[index]!;
      const position = this.positionOf(index, offset);
      const limitPosition = position < 0 ? position : this.limitPosition(index, limit, end);
      if (position < 0 || limitPosition < 0)
        return this.clear(segment.found.bytes > 0 ? CORRUPT_MESSAGE : KAFKA_STORAGE_ERROR, offset);
      if (position < limitPosition) return this.choose(index, position, limitPosition, limit, bytesMax, flags);
      const upper = this.list.upperOffset(index);
      // Compaction may have left nothing behind the offset in this segment; the next one then has what follows.
      if (upper < 0 || upper >= limit) break;
    }
    // Nothing where records were: only compaction may leave that.
    if (offset > this.gapsBelow) return this.clear(CORRUPT_MESSAGE, offset);
    return result;
  }

  /**
   * How many bytes of a region are batches that belong there; 0 when the first does not (CORRUPT_MESSAGE). To be asked when
   * the bytes are in memory: what was found on disk is looked at, at its first reading, batch header by batch header.
   */
  soundBytes(lease: number, position: number, length: number): number {
    const segment = this.leases.holderOf(lease);
    if (position >= segment.found.bytes || segment.isClosed) return length;
    const index = this.list.indexOf(segment.baseOffset);
    return this.found.soundBytes(segment, position, length, this.list.upperOffset(index), this.gapsBelow);
  }

  release(lease: number): void {
    this.tools.files.unpin(this.leases.give(lease).log);
  }

  /** Positions have changed their meaning: segments were cut or removed. */
  forget(): void {
    this.cursorOffsets.fill(-1);
    this.cursorSegments.fill(null);
  }

  private choose(
    index: number,
    position: number,
    limitPosition: number,
    limit: number,
    bytesMax: number,
    flags: number,
  ): ReadResult {
    const segment = this.list.items[index]!;
    const result = this.result;
    let endPosition = limitPosition;
    const upper = this.list.upperOffset(index);
    result.endOffset = upper < 0 ? limit : Math.min(upper, limit);
    if (limitPosition - position > bytesMax)
      endPosition = this.alignEnd(segment, position, limitPosition, bytesMax, flags);
    if ((flags & READ_FLAG_ZSTD_REFUSED) !== 0) endPosition = this.cutBeforeZstd(segment, position, endPosition);
    if (endPosition <= position)
      return this.clear(endPosition < 0 ? UNSUPPORTED_COMPRESSION_TYPE : NONE, result.endOffset);
    this.remember(segment, result.endOffset, endPosition);
    result.fd = this.tools.files.pin(segment.log);
    result.position = position;
    result.length = endPosition - position;
    result.lease = this.leases.take(segment);
    return result;
  }

  /** The last batch border within `bytesMax`. The index jumps most of the way, headers tell the rest. */
  private alignEnd(segment: Segment, position: number, limitPosition: number, bytesMax: number, flags: number): number {
    const target = position + bytesMax;
    const walk = this.tools.walk;
    const from = Math.max(position, segment.offsets.floorByPosition(target));
    // Taken after the index was asked, which may have closed files.
    const fd = this.tools.files.use(segment.log);
    walk.begin(fd, from, limitPosition);
    let hasNext = walk.next();
    while (hasNext && walk.position + walk.length <= target) hasNext = walk.next();
    if (walk.isDamaged && from > position) {
      // The index misled: walk all the way from where the batches are known to begin.
      walk.begin(fd, position, limitPosition);
      hasNext = walk.next();
      while (hasNext && walk.position + walk.length <= target) hasNext = walk.next();
    }
    if (hasNext && walk.position === position && (flags & READ_FLAG_FIRST_BATCH_WHOLE) !== 0) {
      const end = walk.position + walk.length;
      const lastOffset = walk.lastOffset;
      this.result.endOffset = walk.next() ? walk.baseOffset : lastOffset + 1;
      return end;
    }
    if (hasNext) this.result.endOffset = walk.baseOffset;
    return walk.position;
  }

  /** For clients too old for zstd: what comes before the first zstd batch; -1 when that is nothing. */
  private cutBeforeZstd(segment: Segment, position: number, endPosition: number): number {
    if (endPosition <= position) return endPosition;
    const walk = this.tools.walk;
    walk.begin(this.tools.files.use(segment.log), position, endPosition);
    while (walk.next()) {
      if (batchCodec(walk.view, walk.at) !== CODEC_ZSTD) continue;
      if (walk.position === position) return -1;
      this.result.endOffset = walk.baseOffset;
      return walk.position;
    }
    return endPosition;
  }

  private limitPosition(index: number, limit: number, end: number): number {
    const segment = this.list.items[index]!;
    const upper = this.list.upperOffset(index);
    if (upper < 0 ? limit === end : upper <= limit) return segment.sizeBytes;
    const position = this.positionOf(index, limit);
    // What is damaged there hides nothing that lies before it.
    return position === CHAIN_DAMAGED && segment.found.bytes > 0 ? this.found.damagedAt : position;
  }

  private positionOf(itemIndex: number, offset: number): number {
    const segment = this.list.items[itemIndex]!;
    for (let index = 0; index < CURSORS; index++) {
      if (this.cursorOffsets[index] === offset && this.cursorSegments[index] === segment)
        return this.cursorPositions[index]!;
    }
    const upper = this.list.upperOffset(itemIndex);
    // Of a segment without bytes that others follow the chain tells whether that is as it should be.
    if (offset <= segment.baseOffset && (segment.sizeBytes > 0 || upper < 0)) return 0;
    const position =
      segment.found.bytes > 0 || (segment.sizeBytes === 0 && upper >= 0)
        ? this.found.locate(segment, offset, upper, this.gapsBelow)
        : segment.locate(offset);
    // What was remembered may come from the header that is damaged: a moved batch stands where another one begins.
    if (position === CHAIN_DAMAGED) this.forget();
    // The end of the file is no place to remember: a batch may be appended there that begins at a later offset.
    if (position >= 0 && position < segment.sizeBytes) this.remember(segment, offset, position);
    return position;
  }

  private remember(segment: Segment, offset: number, position: number): void {
    for (let index = 0; index < CURSORS; index++) {
      if (this.cursorOffsets[index] === offset && this.cursorSegments[index] === segment) return;
    }
    const index = this.cursorNext;
    this.cursorOffsets[index] = offset;
    this.cursorPositions[index] = position;
    this.cursorSegments[index] = segment;
    this.cursorNext = (index + 1) % CURSORS;
  }

  private clear(error: number, endOffset: number): ReadResult {
    const result = this.result;
    result.error = error;
    result.fd = -1;
    result.position = 0;
    result.length = 0;
    result.lease = NO_LEASE;
    result.endOffset = endOffset;
    return result;
  }
}
