import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { FetchResponseWriter, fetchResponseBytesMax } from '../../src/protocol/fetch-writer.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { parameters, seed } from './arbitrary.ts';

const versions = Array.from({ length: 15 }, (_, index) => 4 + index);
const offset = fc.oneof(fc.constant(-1), fc.maxSafeNat());

const partition = fc.record({
  partitionIndex: fc.nat(),
  errorCode: fc.integer({ min: -1, max: 200 }),
  high: offset,
  stable: offset,
  logStart: offset,
  preferred: fc.integer({ min: -1, max: 9 }),
  aborted: fc.option(fc.array(fc.tuple(offset, offset), { maxLength: 5 }), { nil: null }),
  records: fc.uint8Array({ maxLength: 300 }),
  isInlined: fc.boolean(),
});
const topic = fc.record({
  name: fc.string({ minLength: 1, maxLength: 249 }),
  topicId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  partitions: fc.array(partition, { maxLength: 4 }),
});
const response = fc.record({
  throttleTimeMs: fc.nat(),
  errorCode: fc.nat({ max: 200 }),
  sessionId: fc.nat(),
  correlationId: fc.integer(),
  topics: fc.array(topic, { maxLength: 4 }),
});
type Response = typeof response extends fc.Arbitrary<infer T> ? T : never;

/** Writes the response and puts the pieces and regions together as a socket would see them. */
function sent(writer: FetchResponseWriter, version: number, value: Response): Uint8Array {
  const names = value.topics.map(({ name }) => new TextEncoder().encode(name));
  const partitions = value.topics.flatMap((one) => one.partitions);
  const inlinedBytes = partitions.reduce((sum, one) => sum + (one.isInlined ? one.records.length : 0), 0);
  const abortedTotal = partitions.reduce((sum, one) => sum + (one.aborted?.length ?? 0), 0);
  const nameBytes = names.reduce((sum, name) => sum + name.length, 0);
  const at = 3;
  const end =
    at + fetchResponseBytesMax(value.topics.length, nameBytes, partitions.length, abortedTotal) + inlinedBytes;
  const memory = new Uint8Array(end);
  const { correlationId, throttleTimeMs, errorCode, sessionId } = value;
  const view = new DataView(memory.buffer);
  const count = value.topics.length;
  writer.open(memory, view, at, end, version, correlationId, throttleTimeMs, errorCode, sessionId, count);
  const regions: { pieceEnd: number; records: Uint8Array }[] = [];
  value.topics.forEach((one, index) => {
    const name = names[index] ?? new Uint8Array(0);
    if (version >= 13) writer.topicById(one.topicId, 0, one.partitions.length);
    else writer.topicByName(name, 0, name.length, one.partitions.length);
    for (const {
      partitionIndex,
      errorCode: error,
      high,
      stable,
      logStart,
      preferred,
      aborted,
      records,
      isInlined,
    } of one.partitions) {
      const pairs = Float64Array.from([-5, ...(aborted ?? []).flat()]);
      const abortedCount = aborted === null ? -1 : aborted.length;
      const pieceEnd = writer.partition(
        partitionIndex,
        error,
        high,
        stable,
        logStart,
        preferred,
        pairs,
        1,
        abortedCount,
        records.length,
      );
      expect(pieceEnd).toBe(writer.at);
      if (isInlined) {
        memory.set(records, pieceEnd);
        writer.inline(records.length);
      } else regions.push({ pieceEnd, records });
    }
  });
  const last = writer.close();
  expect(writer.regionBytesTotal).toBe(regions.reduce((sum, one) => sum + one.records.length, 0));
  const parts: Uint8Array[] = [];
  let from = at;
  for (const { pieceEnd, records } of regions) {
    parts.push(memory.subarray(from, pieceEnd), records);
    from = pieceEnd;
  }
  parts.push(memory.subarray(from, last));
  return Buffer.concat(parts);
}

describe(`the fetch response writer (PB_SEED=${seed})`, () => {
  it.each(versions)('writes in version %i pieces that make a frame together with their regions', (version) => {
    const writer = new FetchResponseWriter();
    fc.assert(
      fc.property(response, (value) => {
        const frame = sent(writer, version, value);
        const reader = Reader.over(frame);
        expect(reader.int32()).toBe(frame.length - 4);
        decodeResponseHeader(fetch, version, value.correlationId, reader);
        const decoded = decodeResponse(fetch, version, reader);
        expect(reader.remaining).toBe(0);
        expect(decoded.throttleTimeMs).toBe(value.throttleTimeMs);
        expect(decoded.errorCode).toBe(version >= 7 ? value.errorCode : 0);
        expect(decoded.sessionId).toBe(version >= 7 ? value.sessionId : 0);
        expect(decoded.topics.map((one) => (version >= 13 ? one.topicId : one.name))).toEqual(
          value.topics.map((one) => (version >= 13 ? Buffer.from(one.topicId).toString('base64url') : one.name)),
        );
        const seen = decoded.topics.flatMap((one) =>
          one.partitions.map((two) => ({
            partitionIndex: two.partitionIndex,
            errorCode: two.errorCode,
            high: two.highWatermark,
            stable: two.lastStableOffset,
            logStart: two.logStartOffset,
            preferred: two.preferredReadReplica,
            aborted: two.abortedTransactions?.map(({ producerId, firstOffset }) => [producerId, firstOffset]) ?? null,
            records: two.records && Uint8Array.from(two.records),
          })),
        );
        expect(seen).toEqual(
          value.topics.flatMap((one) =>
            one.partitions.map(({ isInlined: _, ...two }) => ({
              ...two,
              logStart: version >= 5 ? two.logStart : -1,
              preferred: version >= 11 ? two.preferred : -1,
            })),
          ),
        );
      }),
      parameters(60),
    );
  });

  it('stops with a bug when fewer partitions are written than were stated', () => {
    const writer = new FetchResponseWriter();
    const memory = new Uint8Array(200);
    writer.open(memory, new DataView(memory.buffer), 0, 200, 11, 1, 0, 0, 0, 1);
    writer.topicByName(Uint8Array.from([0x61]), 0, 1, 2);
    expect(() => writer.close()).toThrow('every stated partition was written');
  });
});
