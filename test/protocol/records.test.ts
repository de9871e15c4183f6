import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD } from '../../src/protocol/batch.ts';
import { BatchBuilder, type RecordInput } from '../../src/protocol/batch-builder.ts';
import { memoryOver, RecordCursor, readBatch } from '../../src/protocol/records.ts';
import { referenceCrc32c } from './reference-crc.ts';

const INFLATED_MAX = 1_000_000;

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyRecord: fc.Arbitrary<RecordInput> = fc.record({
  key: fc.option(anyBytes, { nil: null }),
  value: fc.option(anyBytes, { nil: null }),
  timestamp: fc.integer({ min: -1, max: 2 ** 47 }),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 20 }), value: fc.option(anyBytes, { nil: null }) }), {
    maxLength: 4,
  }),
});
const anyCodec = fc.constantFrom(CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD);

function build(records: readonly RecordInput[], codec: number, baseOffset = 0): Uint8Array {
  const builder = new BatchBuilder(referenceCrc32c, { codec, baseOffset });
  for (const record of records) builder.add(record);
  return builder.build();
}

describe('records', () => {
  it('come back as they were put in, under every codec and from any place in memory', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 30 }), anyCodec, fc.nat(50), (inputs, codec, at) => {
        const batch = build(inputs, codec, 1000);
        const bytes = new Uint8Array(new SharedArrayBuffer(at + batch.length + 7));
        bytes.set(batch, at);
        const records = readBatch(memoryOver(bytes), at, batch.length, INFLATED_MAX);
        const plain = (field: Uint8Array | null) => (field === null ? null : Buffer.from(field).toString('hex'));
        expect(
          records.map((record) => ({ ...record, key: plain(record.key), value: plain(record.value), headers: 0 })),
        ).toEqual(
          inputs.map((input, index) => ({
            offset: 1000 + index,
            timestamp: input.timestamp,
            key: plain(input.key),
            value: plain(input.value),
            headers: 0,
          })),
        );
        const headersOf = (list: readonly { key: string; value: Uint8Array | null }[]) =>
          list.map((header) => [Buffer.from(header.key).toString(), plain(header.value)]);
        expect(records.map((record) => headersOf(record.headers))).toEqual(
          inputs.map((input) => headersOf(input.headers ?? [])),
        );
      }),
      { numRuns: 150 },
    );
  });

  it('keep gaps in their offsets where compaction left them', () => {
    const builder = new BatchBuilder(referenceCrc32c, { baseOffset: 40, lastOffsetDelta: 9 });
    builder.add({ key: null, value: Buffer.of(1), timestamp: 5 }, 3);
    builder.add({ key: null, value: Buffer.of(2), timestamp: 6 }, 7);
    const batch = builder.build();
    expect(readBatch(memoryOver(batch), 0, batch.length, INFLATED_MAX).map((record) => record.offset)).toEqual([
      43, 47,
    ]);
  });

  it('all carry the append time where the broker stamped it', () => {
    const builder = new BatchBuilder(referenceCrc32c, { logAppendTime: 777 });
    builder.add({ key: null, value: null, timestamp: 5 });
    builder.add({ key: null, value: null, timestamp: 6 });
    const batch = builder.build();
    const times = readBatch(memoryOver(batch), 0, batch.length, INFLATED_MAX).map((record) => record.timestamp);
    expect(times).toEqual([777, 777]);
  });

  it('are copies, also where the batch lies in a Buffer', () => {
    for (const codec of [CODEC_NONE, CODEC_GZIP]) {
      const batch = Buffer.from(build([{ key: Buffer.of(1, 2), value: Buffer.of(3), timestamp: 5 }], codec));
      const [record] = readBatch(memoryOver(batch), 0, batch.length, INFLATED_MAX);
      batch.fill(0);
      expect(record).toMatchObject({ key: Uint8Array.of(1, 2), value: Uint8Array.of(3) });
      expect(record?.key?.buffer.byteLength).toBe(2);
    }
  });

  it('that were damaged end in a fault and in nothing else', () => {
    const record = { key: Buffer.from('key'), value: Buffer.from('some value'), timestamp: 5 };
    const headers = [{ key: 'h', value: Buffer.from('v') }];
    const batch = build([{ ...record, headers }, record, { ...record, timestamp: 2 ** 45 }], CODEC_NONE);
    fc.assert(
      fc.property(fc.nat(batch.length - 1), fc.nat(255), fc.nat(batch.length), (at, value, length) => {
        const bytes = batch.slice();
        bytes[at] = value;
        const cursor = new RecordCursor();
        try {
          cursor.open(memoryOver(bytes.subarray(0, length)), 0, length, INFLATED_MAX);
          let count = 0;
          while (cursor.next()) {
            cursor.headers();
            expect(cursor.recordEnd).toBeLessThanOrEqual(cursor.bytes.length);
            expect(++count).toBeLessThanOrEqual(batch.length);
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'Fault', code: 'PB_PROTOCOL' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
