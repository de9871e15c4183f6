/**
 * Finds the record a timestamp stands for: ListOffsets by time and by largest timestamp. The time index gives the place
 * to begin, batch headers the batch, and only that one batch is opened (and decompressed when it is compressed).
 * Not on the hot path: allocates for the batch it opens.
 */
import { isFault } from '../base/fault.ts';
import { batchBytes, batchCount, batchLeaderEpoch, NO_TIMESTAMP } from '../protocol/batch.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { RecordCursor } from '../protocol/records.ts';
import type { Segment } from './segment.ts';
import type { SegmentList } from './segment-list.ts';
import type { StorageTools } from './storage-tools.ts';

const NONE = 0;
const KAFKA_STORAGE_ERROR = 56;
const NOT_FOUND = -1;

/** Answer; reused by the log. Offset -1 with error 0: there is no such record. */
export interface FoundOffset {
  error: number;
  offset: number;
  timestamp: number;
  leaderEpoch: number;
}

export class TimestampSearch {
  private readonly tools: StorageTools;
  private readonly list: SegmentList;
  private readonly records = new RecordCursor();

  constructor(tools: StorageTools, list: SegmentList) {
    this.tools = tools;
    this.list = list;
  }

  /** First record in [start, limit) whose timestamp is at least the given one. */
  findFirst(timestamp: number, start: number, limit: number, into: FoundOffset): void {
    settle(into, NONE, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    try {
      this.searchFirst(timestamp, start, limit, into);
    } catch (error) {
      if (!isFault(error)) throw error;
      settle(into, KAFKA_STORAGE_ERROR, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    }
  }

  /** The first record that has the largest timestamp of all below the limit. */
  findLargest(start: number, limit: number, into: FoundOffset): void {
    settle(into, NONE, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    try {
      this.searchLargest(start, limit, into);
    } catch (error) {
      if (!isFault(error)) throw error;
      settle(into, KAFKA_STORAGE_ERROR, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    }
  }

  private searchFirst(timestamp: number, start: number, limit: number, into: FoundOffset): void {
    const items = this.list.items;
    for (let index = this.list.indexOf(start); index < items.length; index++) {
      const segment = items[index]!;
      if (segment.baseOffset >= limit) return;
      if (segment.maxTimestamp < timestamp) continue;
      const from = Math.max(this.floorOf(segment, timestamp), start);
      if (this.searchSegment(segment, from, timestamp, start, limit, into)) return;
    }
  }

  /** What the time index says; of one that was found on disk only if the batch it speaks of agrees. */
  private floorOf(segment: Segment, timestamp: number): number {
    const { times, found } = segment;
    const offset = times.floorOffset(timestamp);
    // A negative one is no time that was ever written down, only a rotten bit.
    const isSure = found.bytes === 0 || times.floorTimestamp === NO_TIMESTAMP;
    return isSure || segment.hasTimeAt(offset, times.floorTimestamp) ? offset : segment.baseOffset;
  }

  private searchLargest(start: number, limit: number, into: FoundOffset): void {
    const items = this.list.items;
    let best: Segment | null = null;
    for (let index = this.list.indexOf(start); index < items.length; index++) {
      const segment = items[index]!;
      if (segment.sizeBytes === 0 || segment.baseOffset >= limit) continue;
      if (best === null || segment.maxTimestamp > best.maxTimestamp) best = segment;
    }
    if (best === null || best.maxTimestamp < 0) return;
    // The entry names the batch by its last offset; the records before it in the batch are searched as well.
    const from = Math.max(start, best.maxTimestampOffset);
    this.searchSegment(best, from, best.maxTimestamp, start, limit, into);
  }

  /** True when the search is over: found, past the limit, or unreadable. */
  private searchSegment(
    segment: Segment,
    from: number,
    timestamp: number,
    start: number,
    limit: number,
    into: FoundOffset,
  ): boolean {
    const walk = this.tools.walk;
    let position = segment.locate(from);
    if (position < 0) return settle(into, KAFKA_STORAGE_ERROR, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    while (position < segment.sizeBytes) {
      walk.begin(this.tools.files.use(segment.log), position, segment.sizeBytes);
      let isFound = false;
      while (!isFound && walk.next()) isFound = walk.maxTimestamp >= timestamp;
      if (!isFound) return walk.isDamaged ? settle(into, KAFKA_STORAGE_ERROR, NOT_FOUND, NOT_FOUND, NOT_FOUND) : false;
      if (walk.baseOffset >= limit) return true;
      position = walk.position + walk.length;
      if (this.searchBatch(segment, walk.position, walk.length, walk.baseOffset, timestamp, start, into)) {
        if (into.offset >= limit) settle(into, NONE, NOT_FOUND, NOT_FOUND, NOT_FOUND);
        return true;
      }
    }
    return false;
  }

  private searchBatch(
    segment: Segment,
    position: number,
    length: number,
    baseOffset: number,
    timestamp: number,
    start: number,
    into: FoundOffset,
  ): boolean {
    const memory = this.tools.disk.allocate(length);
    const got = this.tools.disk.read(this.tools.files.use(segment.log), position, memory, 0, length);
    if (got !== length || batchBytes(memory.view, 0) !== length)
      return settle(into, KAFKA_STORAGE_ERROR, NOT_FOUND, NOT_FOUND, NOT_FOUND);
    const epoch = batchLeaderEpoch(memory.view, 0);
    const records = this.records;
    try {
      records.open(memory, 0, length, INFLATED_BYTES_MAX);
      while (records.next()) {
        if (records.timestamp >= timestamp && records.offset >= start) {
          return settle(into, NONE, records.offset, records.timestamp, epoch);
        }
      }
      // Records before the start, or none at all, may be what the header speaks of.
      if (baseOffset < start || batchCount(memory.view, 0) === 0) return false;
    } catch (error) {
      if (!isFault(error)) throw error;
    }
    // A producer may store a payload that cannot be opened, or state a time that none of its records has: its batch is then
    // as exact as the answer gets. To look into the next one would let many such batches hold the worker for minutes.
    return settle(into, NONE, Math.max(baseOffset, start), this.tools.walk.maxTimestamp, epoch);
  }
}

function settle(into: FoundOffset, error: number, offset: number, timestamp: number, leaderEpoch: number): true {
  into.error = error;
  into.offset = offset;
  into.timestamp = timestamp;
  into.leaderEpoch = leaderEpoch;
  return true;
}
