import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import type { RequestOf } from '../../src/protocol/api.ts';
import { decodeRequest, encodeRequest } from '../../src/protocol/compile.ts';
import { ProduceCursor } from '../../src/protocol/produce-cursor.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { parameters, seed, valuesOf } from './arbitrary.ts';

type Request = RequestOf<typeof produce>;
const versions = Array.from({ length: 11 }, (_, index) => 3 + index);

function encoded(version: number, value: unknown): Uint8Array {
  const writer = new Writer(1 << 20);
  encodeRequest<unknown>(produce, version, value, writer);
  return Uint8Array.from(writer.written());
}

/** The request somewhere inside of memory that threads share, as a receive leaves it. */
function begun(cursor: ProduceCursor, request: Uint8Array, version: number): boolean {
  const at = 13;
  const bytes = new Uint8Array(new SharedArrayBuffer(request.length + 32));
  bytes.set(request, at);
  return cursor.begin(bytes, new DataView(bytes.buffer), at, at + request.length, version);
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
}

/** What a walk over the whole request sees, in the shape that decoding gives. */
function walked(cursor: ProduceCursor): unknown {
  const { bytes } = cursor;
  const topics: unknown[] = [];
  while (cursor.nextTopic()) {
    const partitions: unknown[] = [];
    topics.push({
      name: cursor.hasTopicIds ? '' : text(bytes, cursor.nameAt, cursor.nameLength),
      topicId: cursor.hasTopicIds
        ? Buffer.from(bytes.subarray(cursor.topicIdAt, cursor.topicIdAt + 16)).toString('base64url')
        : 'AAAAAAAAAAAAAAAAAAAAAA',
      partitions,
    });
    while (cursor.nextPartition()) {
      const { partition, recordsAt, recordsLength } = cursor;
      const records = recordsLength < 0 ? null : Uint8Array.from(bytes.subarray(recordsAt, recordsAt + recordsLength));
      partitions.push({ partitionIndex: partition, records });
    }
  }
  const { acks, timeoutMs, transactionalIdAt, transactionalIdLength } = cursor;
  const hasId = transactionalIdLength >= 0;
  return {
    transactionalId: hasId ? text(bytes, transactionalIdAt, transactionalIdLength) : null,
    acks,
    timeoutMs,
    topics,
  };
}

function plain(request: Request): unknown {
  const topics = request.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((one) => ({ ...one, records: one.records && Uint8Array.from(one.records) })),
  }));
  return { ...request, topics };
}

describe(`the produce cursor (PB_SEED=${seed})`, () => {
  it.each(versions)('sees in version %i what the schema decodes', (version) => {
    const cursor = new ProduceCursor();
    fc.assert(
      fc.property(valuesOf(produce.request, version, true), (value) => {
        const bytes = encoded(version, value);
        const decoded = decodeRequest(produce, version, Reader.over(bytes));
        expect(begun(cursor, bytes, version)).toBe(true);
        expect(cursor.validate()).toBe(true);
        expect(cursor.partitionTotal).toBe(decoded.topics.reduce((sum, topic) => sum + topic.partitions.length, 0));
        expect(cursor.topicCount).toBe(decoded.topics.length);
        expect(walked(cursor)).toEqual(plain(decoded));
        cursor.rewind();
        expect(walked(cursor)).toEqual(plain(decoded));
        expect(cursor.isBroken).toBe(false);
      }),
      parameters(60),
    );
  });

  it.each(versions)('is broken in version %i exactly where the schema refuses, and stays in its frame', (version) => {
    const cursor = new ProduceCursor();
    const damaged = fc
      .tuple(
        valuesOf(produce.request, version, true),
        fc.nat(),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
      )
      .map(([value, cut, pokes]) => {
        const bytes = encoded(version, value);
        for (const [at, byte] of pokes) bytes[at % bytes.length] = byte;
        return bytes.subarray(0, cut % 3 === 0 ? cut % bytes.length : bytes.length);
      });
    fc.assert(
      fc.property(fc.oneof({ weight: 4, arbitrary: damaged }, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        let decoded: Request | null = null;
        try {
          decoded = decodeRequest(produce, version, Reader.over(bytes));
        } catch (error) {
          if (!isFault(error)) throw error;
        }
        const isWhole = begun(cursor, bytes, version) && cursor.validate();
        expect(isWhole).toBe(decoded !== null);
        if (decoded !== null) expect(walked(cursor)).toEqual(plain(decoded));
      }),
      parameters(200),
    );
  });

  it('steps over tagged fields it does not know', () => {
    const tags = [2, 5, 1, 9, 77, 0];
    const body = [0, 0, 1, 0, 0, 0, 9, 2, 2, 0x61, 2, 0, 0, 0, 7, 3, 1, 2, ...tags, ...tags, ...tags];
    const cursor = new ProduceCursor();
    expect(begun(cursor, Uint8Array.from(body), 9)).toBe(true);
    expect(cursor.validate()).toBe(true);
    expect(walked(cursor)).toEqual({
      transactionalId: null,
      acks: 1,
      timeoutMs: 9,
      topics: [
        {
          name: 'a',
          topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
          partitions: [{ partitionIndex: 7, records: Uint8Array.from([1, 2]) }],
        },
      ],
    });
  });

  it.each(versions)('sees in version %i that a frame ends early, though the memory behind it goes on', (version) => {
    const records = Uint8Array.from([1, 2, 3]);
    const partitions = [
      { partitionIndex: 0, records },
      { partitionIndex: 1, records: null },
    ];
    const topics = [
      { name: 'orders', partitions },
      { name: 'b', partitions: [{ partitionIndex: 0, records }] },
    ];
    const bytes = encoded(version, { transactionalId: 'tx', acks: -1, timeoutMs: 5, topics });
    const view = new DataView(bytes.buffer);
    const cursor = new ProduceCursor();
    for (let end = 0; end < bytes.length; end++) {
      expect(cursor.begin(bytes, view, 0, end, version) && cursor.validate()).toBe(false);
    }
    expect(cursor.begin(bytes, view, 0, bytes.length, version) && cursor.validate()).toBe(true);
  });

  it('refuses a name longer than any string may be', () => {
    const body = new Uint8Array(41_000);
    // no transactional id, acks, timeout, one topic, a compact length of 40000
    body.set([0, 0, 1, 0, 0, 0, 9, 2, 0xc1, 0xb8, 0x02]);
    // no partitions: all would be well but for the name
    body[40_011] = 1;
    const cursor = new ProduceCursor();
    expect(begun(cursor, body, 9) && cursor.validate()).toBe(false);
  });
});
