import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResponse, encodeRequest } from '../../src/protocol/compile.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { ProduceCursor } from '../../src/protocol/produce-cursor.ts';
import { ProduceResponseWriter, produceResponseBytesMax } from '../../src/protocol/produce-writer.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { parameters, seed } from './arbitrary.ts';

const versions = Array.from({ length: 11 }, (_, index) => 3 + index);
const offset = fc.oneof(fc.constant(-1), fc.maxSafeNat());
const text = fc.option(fc.string({ maxLength: 200 }), { nil: null });

const partition = fc.record({
  partitionIndex: fc.nat(),
  errorCode: fc.integer({ min: -1, max: 200 }),
  baseOffset: offset,
  logAppendTimeMs: offset,
  logStartOffset: offset,
  recordIndex: fc.integer({ min: -1, max: 1000 }),
  recordText: text,
  text,
});
const topic = fc.record({
  name: fc.string({ minLength: 1, maxLength: 249 }),
  topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  partitions: fc.array(partition, { maxLength: 4 }),
});

function utf8(value: string | null): Uint8Array | null {
  return value === null ? null : new TextEncoder().encode(value);
}

describe(`the produce response writer (PB_SEED=${seed})`, () => {
  it.each(versions)('writes in version %i a frame that the schema reads, within the computed room', (version) => {
    const cursor = new ProduceCursor();
    const writer = new ProduceResponseWriter();
    fc.assert(
      fc.property(
        fc.array(topic, { maxLength: 4 }),
        fc.integer(),
        fc.nat(),
        (topics, correlationId, throttleTimeMs) => {
          const request = new Writer(1 << 20);
          encodeRequest(
            produce,
            version,
            {
              acks: 1,
              timeoutMs: 1000,
              topics: topics.map(({ name, topicId, partitions }) => ({
                name,
                topicId,
                partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, records: null })),
              })),
            },
            request,
          );
          const bytes = request.written();
          cursor.begin(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length, version);
          expect(cursor.validate()).toBe(true);

          const results = topics.flatMap(({ partitions }) => partitions);
          const texts = results.flatMap((one) => [one.text, one.recordText]);
          const textBytes = texts.reduce((sum, one) => sum + (utf8(one)?.length ?? 0), 0);
          const at = 5;
          const end = at + produceResponseBytesMax(cursor, textBytes);
          const memory = new Uint8Array(end + 7).fill(0xee);
          writer.open(memory, new DataView(memory.buffer), at, end, cursor, correlationId);
          for (const one of results) {
            writer.partition(
              one.errorCode,
              one.baseOffset,
              one.logAppendTimeMs,
              one.logStartOffset,
              one.recordIndex,
              utf8(one.recordText),
              utf8(one.text),
            );
          }
          const frameEnd = writer.close(throttleTimeMs);
          expect(frameEnd).toBeLessThanOrEqual(end);
          expect(memory.subarray(end).every((byte) => byte === 0xee)).toBe(true);

          const reader = Reader.over(memory.subarray(at, frameEnd));
          expect(reader.int32()).toBe(frameEnd - at - 4);
          decodeResponseHeader(produce, version, correlationId, reader);
          const response = decodeResponse(produce, version, reader);
          expect(reader.remaining).toBe(0);
          expect(response.throttleTimeMs).toBe(throttleTimeMs);
          const named = topics.filter(({ partitions }) => partitions.length > 0);
          expect(response.topics.map(({ name, topicId }) => (version >= 13 ? topicId : name))).toEqual(
            named.map(({ name, topicId }) => (version >= 13 ? topicId : name)),
          );
          expect(response.topics.map(({ partitions }) => partitions)).toEqual(
            named.map(({ partitions }) =>
              partitions.map((one) => ({
                partitionIndex: one.partitionIndex,
                errorCode: one.errorCode,
                baseOffset: one.baseOffset,
                logAppendTimeMs: one.logAppendTimeMs,
                logStartOffset: version >= 5 ? one.logStartOffset : -1,
                recordErrors:
                  version >= 8 && one.recordIndex >= 0
                    ? [{ batchIndex: one.recordIndex, message: one.recordText }]
                    : [],
                errorMessage: version >= 8 ? one.text : null,
                currentLeader: { leaderId: -1, leaderEpoch: -1 },
              })),
            ),
          );
        },
      ),
      parameters(60),
    );
  });

  it('stops with a bug when a result is missing', () => {
    const request = new Writer(1 << 12);
    const topics = [{ name: 'a', partitions: [{ partitionIndex: 0, records: null }] }];
    encodeRequest(produce, 8, { acks: 1, timeoutMs: 0, topics }, request);
    const bytes = request.written();
    const cursor = new ProduceCursor();
    cursor.begin(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length, 8);
    cursor.validate();
    const memory = new Uint8Array(produceResponseBytesMax(cursor, 0));
    const writer = new ProduceResponseWriter();
    writer.open(memory, new DataView(memory.buffer), 0, memory.length, cursor, 1);
    expect(() => writer.close(0)).toThrow('every partition has a result');
  });
});
