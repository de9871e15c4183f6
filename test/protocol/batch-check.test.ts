import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_LOG_APPEND_TIME,
  BATCH_ATTRIBUTES,
  BATCH_BASE_OFFSET,
  BATCH_BASE_SEQUENCE,
  BATCH_COUNT,
  BATCH_HEADER_BYTES,
  BATCH_LAST_OFFSET_DELTA,
  BATCH_LENGTH,
  BATCH_MAGIC,
  BATCH_MAX_TIMESTAMP,
  BATCH_PREFIX_BYTES,
  BATCH_PRODUCER_ID,
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_SNAPPY,
  CODEC_ZSTD,
  stampCrc,
  writeInt64,
} from '../../src/protocol/batch.ts';
import { BatchBuilder, type BatchOptions, type RecordInput } from '../../src/protocol/batch-builder.ts';
import { BatchCheck, type BatchRules, createBatchRules } from '../../src/protocol/batch-check.ts';
import * as reasons from '../../src/protocol/batch-reasons.ts';
import { memoryOver, readBatch } from '../../src/protocol/records.ts';
import { referenceCrc32c } from './reference-crc.ts';

const NOW_MS = 1_700_000_000_000;
const OK = 0;
const CORRUPT_MESSAGE = 2;
const MESSAGE_TOO_LARGE = 10;
const INVALID_TIMESTAMP = 32;
const UNSUPPORTED_COMPRESSION_TYPE = 76;
const INVALID_RECORD = 87;

const check = new BatchCheck(referenceCrc32c);

function record(changes: Partial<RecordInput> = {}): RecordInput {
  return { key: Buffer.from('key'), value: Buffer.from('value'), timestamp: NOW_MS, ...changes };
}

function build(records: readonly RecordInput[], options: BatchOptions = {}): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(referenceCrc32c, options);
  for (const one of records) builder.add(one);
  return builder.build();
}

/** The outcome for a batch that lies somewhere in the middle of a larger memory. */
function outcome(batch: Uint8Array, changes: Partial<BatchRules> = {}) {
  const at = 13;
  const bytes = new Uint8Array(at + batch.length + 9).fill(0xee);
  bytes.set(batch, at);
  const rules = { ...createBatchRules(), nowMs: NOW_MS, ...changes };
  const error = check.check(memoryOver(bytes), at, batch.length, rules);
  return { error, reason: check.reason, recordIndex: check.recordIndex };
}

/** Changes a header field of a good batch and puts the checksum right again. */
function altered(batch: Uint8Array<ArrayBuffer>, change: (view: DataView) => void): Uint8Array {
  const memory = memoryOver(batch.slice());
  change(memory.view);
  stampCrc(memory, 0, batch.length, referenceCrc32c);
  return memory.bytes;
}

const three = build([record(), record({ timestamp: NOW_MS + 5 }), record({ key: null, value: null })]);

describe('a produced batch', () => {
  it('passes when all is well, and tells what the appender needs', () => {
    const batch = build([record(), record({ timestamp: NOW_MS + 5 })], {
      producerId: 12,
      producerEpoch: 3,
      baseSequence: 100,
      isTransactional: true,
    });
    expect(outcome(batch)).toEqual({ error: OK, reason: reasons.REASON_NONE, recordIndex: -1 });
    expect(check).toMatchObject({
      count: 2,
      lastOffsetDelta: 1,
      baseTimestamp: NOW_MS,
      maxTimestamp: NOW_MS + 5,
      isMaxTimestampWrong: false,
      producerId: 12,
      producerEpoch: 3,
      baseSequence: 100,
      codec: CODEC_NONE,
      isTransactional: true,
      isControl: false,
      isLogAppendTime: false,
      inflated: null,
    });
  });

  it('passes with headers of every kind', () => {
    const headers = [
      { key: '', value: null },
      { key: 'trace', value: Buffer.alloc(300, 7) },
      { key: 'ünïcode', value: Buffer.alloc(0) },
    ];
    expect(outcome(build([record({ headers }), record()])).error).toBe(OK);
  });

  it.each([
    ['nothing at all', new Uint8Array(0), INVALID_RECORD, reasons.REASON_NO_BATCH],
    ['a few bytes', three.slice(0, 16), INVALID_RECORD, reasons.REASON_NO_BATCH],
    ['a cut batch', three.slice(0, three.length - 1), INVALID_RECORD, reasons.REASON_CUT_BATCH],
    ['a cut header', three.slice(0, 40), INVALID_RECORD, reasons.REASON_CUT_BATCH],
    ['two batches', Buffer.concat([three, three]), INVALID_RECORD, reasons.REASON_SEVERAL_BATCHES],
    ['a stray byte', Buffer.concat([three, Buffer.of(0)]), INVALID_RECORD, reasons.REASON_SEVERAL_BATCHES],
  ])('is refused when it is %s', (_what, batch, error, reason) => {
    expect(outcome(batch)).toEqual({ error, reason, recordIndex: -1 });
  });

  type Change = (view: DataView) => void;
  const bad: [string, Change, number, number][] = [
    ['an old magic', (view) => view.setInt8(BATCH_MAGIC, 1), INVALID_RECORD, reasons.REASON_OLD_FORMAT],
    ['a tiny length', (view) => view.setInt32(BATCH_LENGTH, 48), CORRUPT_MESSAGE, reasons.REASON_BATCH_LENGTH],
    ['a negative length', (view) => view.setInt32(BATCH_LENGTH, -5), CORRUPT_MESSAGE, reasons.REASON_BATCH_LENGTH],
    ['a base offset', (view) => writeInt64(view, BATCH_BASE_OFFSET, 4), INVALID_RECORD, reasons.REASON_BASE_OFFSET],
    ['unused bits', (view) => view.setInt16(BATCH_ATTRIBUTES, 0x100), INVALID_RECORD, reasons.REASON_ATTRIBUTES],
    ['a delete horizon', (view) => view.setInt16(BATCH_ATTRIBUTES, 0x40), INVALID_RECORD, reasons.REASON_ATTRIBUTES],
    [
      'the control bit',
      (view) => view.setInt16(BATCH_ATTRIBUTES, ATTRIBUTE_CONTROL),
      INVALID_RECORD,
      reasons.REASON_CONTROL_BATCH,
    ],
    [
      'the append time bit',
      (view) => view.setInt16(BATCH_ATTRIBUTES, ATTRIBUTE_LOG_APPEND_TIME),
      INVALID_TIMESTAMP,
      reasons.REASON_TIMESTAMP_TYPE,
    ],
    ['no records', (view) => view.setInt32(BATCH_COUNT, 0), INVALID_RECORD, reasons.REASON_COUNT],
    ['a negative count', (view) => view.setInt32(BATCH_COUNT, -3), INVALID_RECORD, reasons.REASON_COUNT],
    ['a huge count', (view) => view.setInt32(BATCH_COUNT, 0x7fffffff), INVALID_RECORD, reasons.REASON_COUNT],
    [
      'a wrong offset range',
      (view) => view.setInt32(BATCH_LAST_OFFSET_DELTA, 3),
      INVALID_RECORD,
      reasons.REASON_OFFSET_RANGE,
    ],
    [
      'a producer without sequence',
      (view) => writeInt64(view, BATCH_PRODUCER_ID, 5),
      INVALID_RECORD,
      reasons.REASON_PRODUCER,
    ],
    ['a negative producer', (view) => writeInt64(view, BATCH_PRODUCER_ID, -2), INVALID_RECORD, reasons.REASON_PRODUCER],
    [
      'a transaction without producer',
      (view) => view.setInt16(BATCH_ATTRIBUTES, 0x10),
      INVALID_RECORD,
      reasons.REASON_PRODUCER,
    ],
    [
      'an inexact time',
      (view) => view.setBigInt64(BATCH_MAX_TIMESTAMP, 2n ** 60n),
      INVALID_TIMESTAMP,
      reasons.REASON_TIMESTAMP_INEXACT,
    ],
    [
      'codec 5',
      (view) => view.setInt16(BATCH_ATTRIBUTES, 5),
      UNSUPPORTED_COMPRESSION_TYPE,
      reasons.REASON_CODEC_UNKNOWN,
    ],
    [
      'a codec its bytes do not have',
      (view) => view.setInt16(BATCH_ATTRIBUTES, CODEC_LZ4),
      CORRUPT_MESSAGE,
      reasons.REASON_COMPRESSED_BYTES,
    ],
  ];
  it.each(bad)('is refused with %s in its header', (_what, change, error, reason) => {
    expect(outcome(altered(three, change))).toEqual({ error, reason, recordIndex: -1 });
  });

  it('takes what kafkajs puts into the producer fields when it has no producer id', () => {
    const batch = altered(three, (view) => {
      view.setInt16(51, 0);
      view.setInt32(BATCH_BASE_SEQUENCE, 0);
    });
    expect(outcome(batch).error).toBe(OK);
  });

  it('is refused when a single bit of what the checksum covers is flipped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 17, max: three.length - 1 }), fc.nat(7), (at, bit) => {
        const batch = three.slice();
        batch[at] = batch[at]! ^ (1 << bit);
        expect(outcome(batch)).toEqual({ error: CORRUPT_MESSAGE, reason: reasons.REASON_CRC, recordIndex: -1 });
      }),
    );
  });

  it('may be exactly as large as the topic allows', () => {
    expect(outcome(three, { messageBytesMax: three.length }).error).toBe(OK);
    expect(outcome(three, { messageBytesMax: three.length - 1 })).toMatchObject({
      error: MESSAGE_TOO_LARGE,
      reason: reasons.REASON_BATCH_TOO_LARGE,
    });
  });

  it('from the broker itself may be a marker', () => {
    const options = { isControl: true, producerId: 4, producerEpoch: 0, baseOffset: 77, isTransactional: true };
    const marker = build([record({ timestamp: 5 })], options);
    expect(outcome(marker).error).toBe(INVALID_RECORD);
    expect(outcome(marker, { isInternal: true }).error).toBe(OK);
    expect(check.isControl).toBe(true);
  });
});

describe('timestamps', () => {
  const limits = { timestampBeforeMaxMs: 1000, timestampAfterMaxMs: 50 };

  it('outside of the limits are refused with the record they belong to', () => {
    const late = build([record(), record(), record({ timestamp: NOW_MS + 51 }), record()]);
    expect(outcome(late, limits)).toEqual({
      error: INVALID_TIMESTAMP,
      reason: reasons.REASON_TIMESTAMP_AHEAD,
      recordIndex: 2,
    });
    const old = build([record(), record({ timestamp: NOW_MS - 1001 })]);
    expect(outcome(old, limits)).toEqual({
      error: INVALID_TIMESTAMP,
      reason: reasons.REASON_TIMESTAMP_TOO_OLD,
      recordIndex: 1,
    });
  });

  it('at the limits pass, and so does none at all', () => {
    const edge = build([record({ timestamp: NOW_MS - 1000 }), record({ timestamp: NOW_MS + 50 })]);
    expect(outcome(edge, limits).error).toBe(OK);
    expect(outcome(build([record({ timestamp: -1 })]), limits).error).toBe(OK);
  });

  it('are not compared where the topic stamps its own', () => {
    expect(outcome(build([record({ timestamp: 5 })]), { ...limits, isLogAppendTime: true }).error).toBe(OK);
  });

  it('of compressed batches are judged by the header alone', () => {
    const late = build([record(), record({ timestamp: NOW_MS + 51 })], { codec: CODEC_LZ4 });
    expect(outcome(late, limits)).toEqual({
      error: INVALID_TIMESTAMP,
      reason: reasons.REASON_TIMESTAMP_AHEAD,
      recordIndex: -1,
    });
    const old = build([record({ timestamp: NOW_MS - 1001 }), record()], { codec: CODEC_LZ4 });
    expect(outcome(old, limits).reason).toBe(reasons.REASON_TIMESTAMP_TOO_OLD);
  });

  it('that the header states wrongly are found', () => {
    const batch = altered(three, (view) => writeInt64(view, BATCH_MAX_TIMESTAMP, NOW_MS + 1));
    expect(outcome(batch).error).toBe(OK);
    expect(check.isMaxTimestampWrong).toBe(true);
    expect(check.maxTimestamp).toBe(NOW_MS + 5);
  });

  it('too far away to be exact are refused', () => {
    // One record whose timestamp delta is a varlong of ten bytes.
    const body = Buffer.from([0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 1, 1, 0]);
    const batch = new Uint8Array(BATCH_HEADER_BYTES + 1 + body.length);
    batch.set(build([record()]).subarray(0, BATCH_HEADER_BYTES));
    batch[BATCH_HEADER_BYTES] = body.length * 2;
    batch.set(body, BATCH_HEADER_BYTES + 1);
    const fixed = altered(batch, (view) => view.setInt32(BATCH_LENGTH, batch.length - BATCH_PREFIX_BYTES));
    expect(outcome(fixed)).toEqual({
      error: INVALID_TIMESTAMP,
      reason: reasons.REASON_TIMESTAMP_INEXACT,
      recordIndex: 0,
    });
  });
});

describe('compacted topics', () => {
  it.each([CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD])(
    'need a key in every record (codec %i)',
    (codec) => {
      const good = build([record(), record({ key: Buffer.alloc(0) }), record({ value: null })], { codec });
      expect(outcome(good, { isCompacted: true }).error).toBe(OK);
      const bad = build([record(), record(), record({ key: null })], { codec });
      expect(outcome(bad, { isCompacted: true })).toEqual({
        error: INVALID_RECORD,
        reason: reasons.REASON_NULL_KEY,
        recordIndex: 2,
      });
      expect(outcome(bad).error).toBe(OK);
    },
  );
});

describe('compressed batches', () => {
  const text = Buffer.from('text '.repeat(200));

  it.each([CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD])('pass opened and unopened (codec %i)', (codec) => {
    const batch = build([record({ value: text }), record({ value: text, timestamp: NOW_MS + 9 })], { codec });
    expect(outcome(batch).error).toBe(OK);
    expect(check).toMatchObject({ codec, maxTimestamp: NOW_MS + 9, inflated: null });
    expect(outcome(batch, { inflatesAlways: true }).error).toBe(OK);
    expect(check.inflated?.length).toBeGreaterThan(2000);
  });

  it.each([CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD])('are bounded when opened (codec %i)', (codec) => {
    const batch = build([record({ value: text })], { codec });
    expect(outcome(batch, { inflatesAlways: true, inflatedBytesMax: 500 })).toMatchObject({
      error: CORRUPT_MESSAGE,
      reason: reasons.REASON_COMPRESSED_BYTES,
    });
  });

  it('with zstd need a request that is new enough', () => {
    const batch = build([record()], { codec: CODEC_ZSTD });
    // Whatever else is wrong with it: the client is told what it can do.
    const two = Uint8Array.from([...batch, ...batch]);
    expect(outcome(two, { isZstdAllowed: false })).toMatchObject({ reason: reasons.REASON_ZSTD_REFUSED });
    expect(outcome(batch, { isZstdAllowed: false })).toMatchObject({
      error: UNSUPPORTED_COMPRESSION_TYPE,
      reason: reasons.REASON_ZSTD_REFUSED,
    });
  });

  it('are found out when opened and the count is wrong', () => {
    const batch = altered(build([record(), record()], { codec: CODEC_GZIP }), (view) => {
      view.setInt32(BATCH_COUNT, 3);
      view.setInt32(BATCH_LAST_OFFSET_DELTA, 2);
    });
    expect(outcome(batch).error).toBe(OK);
    expect(outcome(batch, { inflatesAlways: true }).error).toBe(INVALID_RECORD);
  });
});

describe('the walk over records', () => {
  const headers = [{ key: 'h', value: Buffer.from('some header value') }];
  const good = build([
    record({ headers }),
    record({ value: Buffer.alloc(500), timestamp: NOW_MS - 70_000 }),
    record({ key: null, headers: [...headers, { key: 'n', value: null }] }),
  ]);

  it('passes only what the reader of records reads back without a complaint', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: BATCH_HEADER_BYTES, max: good.length - 1 }), fc.nat(255)), {
          minLength: 1,
          maxLength: 3,
        }),
        (changes) => {
          const batch = altered(good, (view) => {
            for (const [at, value] of changes) view.setUint8(at, value);
          });
          const rules = { timestampBeforeMaxMs: Number.POSITIVE_INFINITY, timestampAfterMaxMs: 2 ** 52 };
          if (outcome(batch, rules).error !== OK) return;
          const records = readBatch(memoryOver(batch), 0, batch.length, 1000);
          expect(records.map((one) => one.offset)).toEqual([0, 1, 2]);
          expect(Math.max(...records.map((one) => one.timestamp))).toBe(check.maxTimestamp);
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('refuses records that stop early or go on after the last', () => {
    const short = altered(good, (view) => {
      view.setInt32(BATCH_COUNT, 2);
      view.setInt32(BATCH_LAST_OFFSET_DELTA, 1);
    });
    expect(outcome(short).reason).toBe(reasons.REASON_TRAILING_BYTES);
    const long = altered(good, (view) => {
      view.setInt32(BATCH_COUNT, 4);
      view.setInt32(BATCH_LAST_OFFSET_DELTA, 3);
    });
    expect(outcome(long)).toEqual({ error: INVALID_RECORD, reason: reasons.REASON_RECORD_LENGTH, recordIndex: 3 });
  });

  it('refuses keys and values that reach past their record', () => {
    const one = build([record({ key: Buffer.of(7), value: Buffer.of(8) })]);
    for (const lengthAt of [one.length - 5, one.length - 3]) {
      expect(one[lengthAt]).toBe(2);
      for (const stated of [0x7e, 3, 5]) {
        const batch = altered(one, (view) => view.setUint8(lengthAt, stated));
        expect(outcome(batch)).toEqual({ error: INVALID_RECORD, reason: reasons.REASON_RECORD_FIELDS, recordIndex: 0 });
      }
    }
  });

  it('refuses records with bytes behind their last header, or with fewer headers than stated', () => {
    const one = build([record({ key: null, value: null, headers: [{ key: 'h', value: null }] })]);
    const headerCountAt = one.length - 4;
    expect(one[headerCountAt]).toBe(2);
    for (const stated of [0, 4, 0x7f, 3]) {
      const batch = altered(one, (view) => view.setUint8(headerCountAt, stated));
      expect(outcome(batch)).toEqual({ error: INVALID_RECORD, reason: reasons.REASON_RECORD_HEADERS, recordIndex: 0 });
    }
  });

  it('refuses records whose offsets do not count up', () => {
    const builder = new BatchBuilder(referenceCrc32c, { lastOffsetDelta: 1 });
    builder.add(record());
    builder.add(record(), 2);
    expect(outcome(builder.build())).toEqual({
      error: INVALID_RECORD,
      reason: reasons.REASON_RECORD_OFFSET,
      recordIndex: 1,
    });
  });

  it('has a sentence for every reason', () => {
    const codes = Object.values(reasons).filter((value) => typeof value === 'number');
    const texts = codes.filter((code) => code !== 0).map(reasons.reasonText);
    expect(new Set(texts).size).toBe(codes.length - 1);
    expect(texts.every((text) => text.length > 10)).toBe(true);
    expect(Math.max(...codes)).toBe(codes.length - 1);
  });
});

describe('batches of kafkajs', () => {
  const load = createRequire(import.meta.url);
  const { RecordBatch } = load('kafkajs/src/protocol/recordBatch/v0');
  const Record = load('kafkajs/src/protocol/recordBatch/record/v0');

  it.each([0, 1])('pass and are read back (compression %i)', async (compression) => {
    const inputs = Array.from({ length: 100 }, (_, index) => ({
      offsetDelta: index,
      timestampDelta: index * 3,
      key: Buffer.from(`k${index}`),
      value: Buffer.from(`value ${index}`),
      headers: { trace: Buffer.from('t') },
    }));
    const encoder = await RecordBatch({
      compression,
      firstTimestamp: NOW_MS,
      maxTimestamp: NOW_MS + 99 * 3,
      lastOffsetDelta: 99,
      records: inputs.map((input) => Record(input)),
    });
    const batch: Buffer = encoder.buffer;
    expect(outcome(batch, { isCompacted: true })).toMatchObject({ error: OK, reason: 0 });
    const records = readBatch(memoryOver(batch), 0, batch.length, 1_000_000);
    expect(records[99]).toEqual({
      offset: 99,
      timestamp: NOW_MS + 297,
      key: new Uint8Array(Buffer.from('k99')),
      value: new Uint8Array(Buffer.from('value 99')),
      headers: [{ key: 'trace', value: new Uint8Array(Buffer.from('t')) }],
    });
  });
});
