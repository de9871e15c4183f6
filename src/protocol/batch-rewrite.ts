/**
 * Makes a batch anew with some of its records left out, for compaction: offsets, sequences, producer and codec stay as they
 * were, gaps and all. Records are copied as bytes; only their timestamp deltas change, where the batch gets a delete horizon,
 * which takes the place of its base timestamp (KIP-534).
 *
 *   begin, keep … keep, finish     or     emptied, which leaves the header of a batch that has lost all its records
 */
import { assert } from '../base/assert.ts';
import {
  ATTRIBUTE_CODEC_MASK,
  ATTRIBUTE_DELETE_HORIZON,
  BATCH_ATTRIBUTES,
  BATCH_BASE_TIMESTAMP,
  BATCH_COUNT,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH,
  BATCH_MAX_TIMESTAMP,
  BATCH_PREFIX_BYTES,
  type BatchMemory,
  batchAttributes,
  batchBaseOffset,
  batchBaseTimestamp,
  batchCodec,
  batchIsLogAppendTime,
  CODEC_NONE,
  type Crc32c,
  NO_TIMESTAMP,
  stampCrc,
  writeInt64,
} from './batch.ts';
import { compress } from './compression.ts';
import { memoryOver, type RecordCursor } from './records.ts';

/** A length, a timestamp delta and an offset delta at their longest, and the attributes. */
const HEAD_BYTES_MAX = 5 + 1 + 10 + 5;

/** The time from which on the batch's tombstones or marker may go; -1 while none is set. */
export function batchDeleteHorizon(view: DataView, at: number): number {
  const hasHorizon = (batchAttributes(view, at) & ATTRIBUTE_DELETE_HORIZON) !== 0;
  return hasHorizon ? batchBaseTimestamp(view, at) : NO_TIMESTAMP;
}

export class BatchRewrite {
  private readonly crc32c: Crc32c;
  private readonly header = new Uint8Array(BATCH_HEADER_BYTES);
  private readonly headerView = new DataView(this.header.buffer);
  private bytes: Uint8Array<ArrayBuffer>;
  /** The records lie behind room for the header; what codecs make of them goes into another buffer. Both are used again. */
  private at = BATCH_HEADER_BYTES;
  private packed: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  private count = 0;
  private baseTimestamp = NO_TIMESTAMP;
  private maxTimestamp = NO_TIMESTAMP;

  /** `room`: to write into, a batch's header at least; where it is too small there is more. */
  constructor(crc32c: Crc32c, room: Uint8Array<ArrayBuffer>) {
    assert(room.length >= BATCH_HEADER_BYTES, 'a header has room');
    this.crc32c = crc32c;
    this.bytes = room;
  }

  /** `horizonMs`: a delete horizon to set, -1 to leave the batch with what it has. */
  begin(memory: BatchMemory, at: number, horizonMs: number): void {
    this.header.set(memory.bytes.subarray(at, at + BATCH_HEADER_BYTES));
    this.at = BATCH_HEADER_BYTES;
    this.count = 0;
    this.maxTimestamp = NO_TIMESTAMP;
    this.baseTimestamp = batchBaseTimestamp(this.headerView, 0);
    if (horizonMs < 0) return;
    this.baseTimestamp = horizonMs;
    this.headerView.setUint16(BATCH_ATTRIBUTES, batchAttributes(this.headerView, 0) | ATTRIBUTE_DELETE_HORIZON);
  }

  /** The record the cursor stands on, of the batch that was begun. */
  keep(record: RecordCursor): void {
    const fieldBytes = record.recordEnd - record.fieldsAt;
    this.reserve(HEAD_BYTES_MAX + fieldBytes);
    const timestampDelta = record.timestamp - this.baseTimestamp;
    const offsetDelta = record.offset - batchBaseOffset(this.headerView, 0);
    this.varint(1 + varintBytes(timestampDelta) + varintBytes(offsetDelta) + fieldBytes);
    this.bytes[this.at++] = record.bytes[record.bodyAt]!;
    this.varint(timestampDelta);
    this.varint(offsetDelta);
    this.bytes.set(record.bytes.subarray(record.fieldsAt, record.recordEnd), this.at);
    this.at += fieldBytes;
    this.count += 1;
    if (record.timestamp > this.maxTimestamp) this.maxTimestamp = record.timestamp;
  }

  /** Good until the next batch is begun. */
  finish(): Uint8Array<ArrayBuffer> {
    assert(this.count > 0, 'a batch that is made anew has records');
    const view = this.headerView;
    const codec = batchCodec(view, 0);
    if (!batchIsLogAppendTime(view, 0)) writeInt64(view, BATCH_MAX_TIMESTAMP, this.maxTimestamp);
    writeInt64(view, BATCH_BASE_TIMESTAMP, this.baseTimestamp);
    view.setInt32(BATCH_COUNT, this.count);
    if (codec === CODEC_NONE) return this.sealed(this.bytes.subarray(0, this.at));
    const records = compress(codec, this.bytes.subarray(BATCH_HEADER_BYTES, this.at));
    const length = BATCH_HEADER_BYTES + records.length;
    if (this.packed.length < length) this.packed = new Uint8Array(length * 2);
    this.packed.set(records, BATCH_HEADER_BYTES);
    return this.sealed(this.packed.subarray(0, length));
  }

  /** The batch without its records: what is left so that its producer is still known. Good as long. */
  emptied(memory: BatchMemory, at: number): Uint8Array<ArrayBuffer> {
    const view = this.headerView;
    this.header.set(memory.bytes.subarray(at, at + BATCH_HEADER_BYTES));
    const attributes = batchAttributes(view, 0) & ~(ATTRIBUTE_CODEC_MASK | ATTRIBUTE_DELETE_HORIZON);
    view.setUint16(BATCH_ATTRIBUTES, attributes);
    writeInt64(view, BATCH_BASE_TIMESTAMP, NO_TIMESTAMP);
    view.setInt32(BATCH_COUNT, 0);
    return this.sealed(this.bytes.subarray(0, BATCH_HEADER_BYTES));
  }

  private sealed(batch: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    batch.set(this.header);
    const memory = memoryOver(batch);
    memory.view.setInt32(BATCH_LENGTH, batch.length - BATCH_PREFIX_BYTES);
    stampCrc(memory, 0, batch.length, this.crc32c);
    return batch;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + bytes));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  private varint(value: number): void {
    let rest = zigzag(value);
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }
}

function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 128);
    bytes += 1;
  }
  return bytes;
}

/** Small numbers of either sign become small numbers; good to 2^52. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
