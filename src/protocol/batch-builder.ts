/**
 * Builds record batches: for our client, for what the broker writes by itself (group state, transaction markers,
 * compacted logs), and for tests. Records are encoded as they are added; `build` fills the header, compresses, and starts
 * over. Not made for the produce path, where batches arrive ready-made.
 */
import { assert } from '../base/assert.ts';
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_LOG_APPEND_TIME,
  ATTRIBUTE_TRANSACTIONAL,
  BATCH_ATTRIBUTES,
  BATCH_BASE_SEQUENCE,
  BATCH_BASE_TIMESTAMP,
  BATCH_COUNT,
  BATCH_HEADER_BYTES,
  BATCH_LAST_OFFSET_DELTA,
  BATCH_LENGTH,
  BATCH_MAGIC,
  BATCH_MAX_TIMESTAMP,
  BATCH_PREFIX_BYTES,
  BATCH_PRODUCER_EPOCH,
  BATCH_PRODUCER_ID,
  CODEC_NONE,
  type Crc32c,
  MAGIC,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  stampBatch,
  stampCrc,
  writeInt64,
} from './batch.ts';
import { compress } from './compression.ts';
import { memoryOver, type RecordHeader } from './records.ts';

export interface RecordInput {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestamp: number;
  readonly headers?: readonly RecordHeader[];
}

export interface BatchOptions {
  readonly codec?: number;
  readonly level?: number;
  readonly baseOffset?: number;
  readonly leaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** The broker's clock for topics that stamp append times; without it records keep their own. */
  readonly logAppendTime?: number;
  /** Where compaction took records from the end, the range of offsets stays as it was. */
  readonly lastOffsetDelta?: number;
}

const VARINT_BYTES_MAX = 5;
const START_BYTES = 1024;

export class BatchBuilder {
  count = 0;
  private readonly crc32c: Crc32c;
  private readonly options: BatchOptions;
  private bytes: Uint8Array<ArrayBuffer> = new Uint8Array(START_BYTES);
  private at = BATCH_HEADER_BYTES;
  private baseTimestamp = NO_TIMESTAMP;
  private maxTimestamp = NO_TIMESTAMP;
  private lastOffsetDelta = -1;

  constructor(crc32c: Crc32c, options: BatchOptions = {}) {
    this.crc32c = crc32c;
    this.options = options;
  }

  /** Bytes of the batch so far, before compression. */
  get sizeBytes(): number {
    return this.at;
  }

  /** `offsetDelta` leaves gaps, as compaction does; without it records count up. */
  add(record: RecordInput, offsetDelta = this.lastOffsetDelta + 1): void {
    assert(offsetDelta > this.lastOffsetDelta, 'offsets within a batch go up');
    if (this.count === 0) this.baseTimestamp = record.timestamp;
    const headers = (record.headers ?? []).map((header) => ({ key: Buffer.from(header.key), value: header.value }));
    const timestampDelta = record.timestamp - this.baseTimestamp;
    const bodyBytes = bodyBytesOf(record, headers, timestampDelta, offsetDelta);
    this.reserve(bodyBytes + VARINT_BYTES_MAX);
    this.varint(bodyBytes);
    const bodyAt = this.at;
    this.bytes[this.at++] = 0;
    this.varint(timestampDelta);
    this.varint(offsetDelta);
    this.nullable(record.key);
    this.nullable(record.value);
    this.varint(headers.length);
    for (const header of headers) {
      this.nullable(header.key);
      this.nullable(header.value);
    }
    assert(this.at - bodyAt === bodyBytes, 'a record has the length it states');
    this.count++;
    this.lastOffsetDelta = offsetDelta;
    if (record.timestamp > this.maxTimestamp) this.maxTimestamp = record.timestamp;
  }

  /** The finished batch in memory of its own; the builder is empty again. */
  build(changes: BatchOptions = {}): Uint8Array<ArrayBuffer> {
    const options = { ...this.options, ...changes };
    const codec = options.codec ?? CODEC_NONE;
    const records = compress(codec, this.bytes.subarray(BATCH_HEADER_BYTES, this.at), options.level);
    const batch = new Uint8Array(BATCH_HEADER_BYTES + records.length);
    batch.set(records, BATCH_HEADER_BYTES);
    this.fillHeader(batch, codec, options);
    this.at = BATCH_HEADER_BYTES;
    this.count = 0;
    this.lastOffsetDelta = -1;
    this.baseTimestamp = NO_TIMESTAMP;
    this.maxTimestamp = NO_TIMESTAMP;
    return batch;
  }

  private fillHeader(batch: Uint8Array, codec: number, options: BatchOptions): void {
    const memory = memoryOver(batch);
    const view = memory.view;
    const isLogAppendTime = options.logAppendTime !== undefined;
    let attributes = codec;
    if (isLogAppendTime) attributes |= ATTRIBUTE_LOG_APPEND_TIME;
    if (options.isTransactional === true) attributes |= ATTRIBUTE_TRANSACTIONAL;
    if (options.isControl === true) attributes |= ATTRIBUTE_CONTROL;
    stampBatch(view, 0, options.baseOffset ?? 0, options.leaderEpoch ?? -1);
    view.setInt32(BATCH_LENGTH, batch.length - BATCH_PREFIX_BYTES);
    view.setInt8(BATCH_MAGIC, MAGIC);
    view.setInt16(BATCH_ATTRIBUTES, attributes);
    view.setInt32(BATCH_LAST_OFFSET_DELTA, options.lastOffsetDelta ?? this.lastOffsetDelta);
    writeInt64(view, BATCH_BASE_TIMESTAMP, this.baseTimestamp);
    writeInt64(view, BATCH_MAX_TIMESTAMP, options.logAppendTime ?? this.maxTimestamp);
    writeInt64(view, BATCH_PRODUCER_ID, options.producerId ?? NO_PRODUCER_ID);
    view.setInt16(BATCH_PRODUCER_EPOCH, options.producerEpoch ?? NO_PRODUCER_EPOCH);
    view.setInt32(BATCH_BASE_SEQUENCE, options.baseSequence ?? NO_SEQUENCE);
    view.setInt32(BATCH_COUNT, this.count);
    stampCrc(memory, 0, batch.length, this.crc32c);
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + bytes));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  private nullable(field: Uint8Array | null): void {
    if (field === null) {
      this.varint(-1);
      return;
    }
    this.varint(field.length);
    this.bytes.set(field, this.at);
    this.at += field.length;
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

interface EncodedHeader {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

function bodyBytesOf(
  record: RecordInput,
  headers: readonly EncodedHeader[],
  timestampDelta: number,
  offsetDelta: number,
): number {
  let bytes = 1 + varintBytes(timestampDelta) + varintBytes(offsetDelta) + varintBytes(headers.length);
  bytes += nullableBytes(record.key) + nullableBytes(record.value);
  for (const header of headers) bytes += nullableBytes(header.key) + nullableBytes(header.value);
  return bytes;
}

function nullableBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function varintBytes(value: number): number {
  let rest = zigzag(value);
  let bytes = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 128);
    bytes++;
  }
  return bytes;
}

/** Small numbers of either sign become small numbers: 0, -1, 1, -2 … turn into 0, 1, 2, 3 …; good to 2^52. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
