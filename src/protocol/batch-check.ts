/**
 * Decides whether what a producer sent for one partition is one good batch that the topic takes. The partition's worker
 * calls `check` once a batch, before it stamps offsets; the object is reused and carries what the appender needs next.
 * It knows neither the log nor producer states: sequences are compared elsewhere.
 *
 * Order matters to clients, and is Kafka's: form, size, checksum, header, then records.
 *
 * Compressed batches are not opened unless they must be. Checked without opening: checksum, size, header fields, both
 * header timestamps against the topic's limits, the record count against what the bytes could hold, and that the payload
 * begins as its codec begins. What stays unchecked is what the producer says about single records; a consumer meets a
 * wrong payload exactly as the producer sent it, guarded by the same checksum. Opening every batch as Kafka does costs
 * more than everything else on the path together (lz4: 1 to 3 ns a byte in bench/micro/compression.ts).
 * They are opened where an answer depends on a record: on compacted topics (every record needs a key), and where the
 * rules say `inflatesAlways`. Then the decompressed size is bounded by `inflatedBytesMax` before memory is taken.
 */
import { assert } from '../base/assert.ts';
import {
  ATTRIBUTE_CODEC_MASK,
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_DELETE_HORIZON,
  ATTRIBUTE_LOG_APPEND_TIME,
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_UNUSED_MASK,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  BATCH_RECORDS,
  type BatchMemory,
  batchAttributes,
  batchBaseOffset,
  batchBaseSequence,
  batchBaseTimestamp,
  batchCount,
  batchCrcHolds,
  batchLastOffsetDelta,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
  CODEC_NONE,
  CODEC_ZSTD,
  type Crc32c,
  MAGIC,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
} from './batch.ts';
import * as reasons from './batch-reasons.ts';
import { decompress, looksCompressed } from './compression.ts';
import { errorCode } from './errors.ts';
import { RECORD_BYTES_MIN, RecordWalk } from './record-walk.ts';

const { NONE, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD } =
  errorCode;

/**
 * The most a batch may decompress to: as much as a client could have sent without compressing, Kafka's default for
 * socket.request.max.bytes. A ratio would refuse honest batches (a megabyte of one letter shrinks a thousandfold).
 */
export const INFLATED_BYTES_MAX = 104_857_600;

/** What one append permits: from the topic's settings, the request's version and the clock. Reused and refilled. */
export interface BatchRules {
  messageBytesMax: number;
  timestampBeforeMaxMs: number;
  timestampAfterMaxMs: number;
  /** The topic stamps append times: the producer's own are not compared with the clock. */
  isLogAppendTime: boolean;
  isCompacted: boolean;
  isZstdAllowed: boolean;
  /** Written by the broker itself: control batches and other base offsets than 0 are fine. */
  isInternal: boolean;
  inflatesAlways: boolean;
  inflatedBytesMax: number;
  nowMs: number;
}

export function createBatchRules(): BatchRules {
  return {
    messageBytesMax: 1_048_588,
    timestampBeforeMaxMs: Number.POSITIVE_INFINITY,
    timestampAfterMaxMs: 3_600_000,
    isLogAppendTime: false,
    isCompacted: false,
    isZstdAllowed: true,
    isInternal: false,
    inflatesAlways: false,
    inflatedBytesMax: INFLATED_BYTES_MAX,
    nowMs: 0,
  };
}

export class BatchCheck<M extends BatchMemory = BatchMemory> {
  /** Why the last batch was refused (`reasonText` has the words), and the record it is about or -1. */
  reason = reasons.REASON_NONE;
  recordIndex = -1;

  // Header fields of the last batch; good when `check` returned 0.
  count = 0;
  lastOffsetDelta = 0;
  baseTimestamp = NO_TIMESTAMP;
  /** Of the records where they were walked, else what the header states. */
  maxTimestamp = NO_TIMESTAMP;
  /** The header states another max timestamp than the records have: the appender puts it right (`stampTimestamp`). */
  isMaxTimestampWrong = false;
  producerId = NO_PRODUCER_ID;
  producerEpoch = NO_PRODUCER_EPOCH;
  baseSequence = NO_SEQUENCE;
  codec = CODEC_NONE;
  isTransactional = false;
  isControl = false;
  isLogAppendTime = false;

  /** The records decompressed, where the last batch had to be opened: re-compression need not do it again. */
  inflated: Uint8Array | null = null;

  private readonly crc32c: Crc32c<M>;
  private readonly recordWalk = new RecordWalk();

  constructor(crc32c: Crc32c<M>) {
    this.crc32c = crc32c;
  }

  /** Returns a Kafka error code, 0 when the `length` bytes from `at` on are one batch that the rules take. */
  check(memory: M, at: number, length: number, rules: BatchRules): number {
    assert(at >= 0 && length >= 0 && at + length <= memory.bytes.length, 'the batch lies inside its memory');
    this.reason = reasons.REASON_NONE;
    this.recordIndex = -1;
    this.inflated = null;
    const error = this.checkForm(memory, at, length, rules);
    if (error !== NONE) return error;
    this.readHeader(memory.view, at);
    const headerError = this.checkHeader(memory.view, at, length, rules);
    if (headerError !== NONE) return headerError;
    if (this.codec === CODEC_NONE) return this.checkRecords(memory.bytes, at + BATCH_RECORDS, at + length, rules);
    return this.checkCompressed(memory.bytes, at, length, rules);
  }

  private refuse(error: number, reason: number): number {
    this.reason = reason;
    return error;
  }

  private checkForm(memory: M, at: number, length: number, rules: BatchRules): number {
    const view = memory.view;
    if (length <= BATCH_MAGIC) return this.refuse(INVALID_RECORD, reasons.REASON_NO_BATCH);
    if (view.getInt8(at + BATCH_MAGIC) !== MAGIC) return this.refuse(INVALID_RECORD, reasons.REASON_OLD_FORMAT);
    const stated = view.getInt32(at + BATCH_LENGTH);
    if (stated < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) {
      return this.refuse(CORRUPT_MESSAGE, reasons.REASON_BATCH_LENGTH);
    }
    if (stated > length - BATCH_PREFIX_BYTES) return this.refuse(INVALID_RECORD, reasons.REASON_CUT_BATCH);
    if (!rules.isZstdAllowed && (batchAttributes(view, at) & ATTRIBUTE_CODEC_MASK) === CODEC_ZSTD) {
      return this.refuse(UNSUPPORTED_COMPRESSION_TYPE, reasons.REASON_ZSTD_REFUSED);
    }
    if (stated < length - BATCH_PREFIX_BYTES) return this.refuse(INVALID_RECORD, reasons.REASON_SEVERAL_BATCHES);
    if (!rules.isInternal && batchBaseOffset(view, at) !== 0) {
      return this.refuse(INVALID_RECORD, reasons.REASON_BASE_OFFSET);
    }
    if (length > rules.messageBytesMax) return this.refuse(MESSAGE_TOO_LARGE, reasons.REASON_BATCH_TOO_LARGE);
    if (!batchCrcHolds(memory, at, length, this.crc32c)) return this.refuse(CORRUPT_MESSAGE, reasons.REASON_CRC);
    return NONE;
  }

  private readHeader(view: DataView, at: number): void {
    const attributes = batchAttributes(view, at);
    this.codec = attributes & ATTRIBUTE_CODEC_MASK;
    this.isLogAppendTime = (attributes & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
    this.isTransactional = (attributes & ATTRIBUTE_TRANSACTIONAL) !== 0;
    this.isControl = (attributes & ATTRIBUTE_CONTROL) !== 0;
    this.count = batchCount(view, at);
    this.lastOffsetDelta = batchLastOffsetDelta(view, at);
    this.baseTimestamp = batchBaseTimestamp(view, at);
    this.maxTimestamp = batchMaxTimestamp(view, at);
    this.isMaxTimestampWrong = false;
    this.producerId = batchProducerId(view, at);
    this.producerEpoch = batchProducerEpoch(view, at);
    this.baseSequence = batchBaseSequence(view, at);
  }

  private checkHeader(view: DataView, at: number, length: number, rules: BatchRules): number {
    const refusedBits = rules.isInternal ? ATTRIBUTES_UNUSED_MASK : ATTRIBUTES_UNUSED_MASK | ATTRIBUTE_DELETE_HORIZON;
    if ((batchAttributes(view, at) & refusedBits) !== 0) {
      return this.refuse(INVALID_RECORD, reasons.REASON_ATTRIBUTES);
    }
    if (this.isControl && !rules.isInternal) return this.refuse(INVALID_RECORD, reasons.REASON_CONTROL_BATCH);
    if (this.isLogAppendTime && !rules.isInternal) {
      return this.refuse(INVALID_TIMESTAMP, reasons.REASON_TIMESTAMP_TYPE);
    }
    const inflatedMax = this.codec === CODEC_NONE ? length - BATCH_RECORDS : rules.inflatedBytesMax;
    if (this.count <= 0 || this.count > inflatedMax / RECORD_BYTES_MIN) {
      return this.refuse(INVALID_RECORD, reasons.REASON_COUNT);
    }
    if (this.lastOffsetDelta !== this.count - 1) return this.refuse(INVALID_RECORD, reasons.REASON_OFFSET_RANGE);
    if (!this.producerFits(rules.isInternal)) return this.refuse(INVALID_RECORD, reasons.REASON_PRODUCER);
    if (!Number.isSafeInteger(this.baseTimestamp) || !Number.isSafeInteger(this.maxTimestamp)) {
      return this.refuse(INVALID_TIMESTAMP, reasons.REASON_TIMESTAMP_INEXACT);
    }
    if (this.codec > CODEC_ZSTD) return this.refuse(UNSUPPORTED_COMPRESSION_TYPE, reasons.REASON_CODEC_UNKNOWN);
    return NONE;
  }

  /**
   * Markers, and what coordinators write in a producer's transaction, carry its id and epoch but no sequence; everyone
   * else with an id counts sequences from 0.
   */
  private producerFits(isInternal: boolean): boolean {
    if (this.producerId === NO_PRODUCER_ID) return !this.isTransactional;
    if (this.producerId < 0 || !Number.isSafeInteger(this.producerId) || this.producerEpoch < 0) return false;
    return this.baseSequence >= 0 || this.isControl || (isInternal && this.baseSequence === NO_SEQUENCE);
  }

  private checkRecords(bytes: Uint8Array, from: number, end: number, rules: BatchRules): number {
    const walk = this.recordWalk;
    const comparesTimes = !rules.isLogAppendTime && !rules.isInternal;
    walk.oldestTimestamp = comparesTimes ? rules.nowMs - rules.timestampBeforeMaxMs : Number.NEGATIVE_INFINITY;
    walk.newestTimestamp = comparesTimes ? rules.nowMs + rules.timestampAfterMaxMs : Number.POSITIVE_INFINITY;
    walk.requiresKeys = rules.isCompacted;
    const reason = walk.walk(bytes, from, end, this.count, this.baseTimestamp);
    if (reason !== reasons.REASON_NONE) {
      this.recordIndex = walk.recordIndex;
      return this.refuse(reasons.isTimestampReason(reason) ? INVALID_TIMESTAMP : INVALID_RECORD, reason);
    }
    // Append-time batches state the time they were appended at, which no record has.
    if (!this.isLogAppendTime) {
      this.isMaxTimestampWrong = walk.maxTimestamp !== this.maxTimestamp;
      this.maxTimestamp = walk.maxTimestamp;
    }
    return NONE;
  }

  private checkCompressed(bytes: Uint8Array, at: number, length: number, rules: BatchRules): number {
    if (!looksCompressed(this.codec, bytes, at + BATCH_RECORDS, length - BATCH_RECORDS)) {
      return this.refuse(CORRUPT_MESSAGE, reasons.REASON_COMPRESSED_BYTES);
    }
    if (rules.isCompacted || rules.inflatesAlways) return this.checkInflated(bytes, at, length, rules);
    if (rules.isLogAppendTime || rules.isInternal) return NONE;
    return this.checkHeaderTimestamps(rules);
  }

  private checkHeaderTimestamps(rules: BatchRules): number {
    const newest = rules.nowMs + rules.timestampAfterMaxMs;
    const oldest = rules.nowMs - rules.timestampBeforeMaxMs;
    if (this.maxTimestamp > newest) return this.refuse(INVALID_TIMESTAMP, reasons.REASON_TIMESTAMP_AHEAD);
    if (this.maxTimestamp !== NO_TIMESTAMP && this.maxTimestamp < oldest) {
      return this.refuse(INVALID_TIMESTAMP, reasons.REASON_TIMESTAMP_TOO_OLD);
    }
    if (this.baseTimestamp !== NO_TIMESTAMP && this.baseTimestamp < oldest) {
      return this.refuse(INVALID_TIMESTAMP, reasons.REASON_TIMESTAMP_TOO_OLD);
    }
    return NONE;
  }

  /** Off the hot path: takes memory for the decompressed records. */
  private checkInflated(bytes: Uint8Array, at: number, length: number, rules: BatchRules): number {
    const payload = bytes.subarray(at + BATCH_RECORDS, at + length);
    const inflated = decompress(this.codec, payload, rules.inflatedBytesMax);
    if (inflated === null) return this.refuse(CORRUPT_MESSAGE, reasons.REASON_COMPRESSED_BYTES);
    const error = this.checkRecords(inflated, 0, inflated.length, rules);
    if (error === NONE) this.inflated = inflated;
    return error;
  }
}
