import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import type { RequestOf } from '../../src/protocol/api.ts';
import { decodeRequest, encodeRequest } from '../../src/protocol/compile.ts';
import { FetchCursor } from '../../src/protocol/fetch-cursor.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { parameters, seed, valuesOf } from './arbitrary.ts';

type Request = RequestOf<typeof fetch>;
const versions = Array.from({ length: 15 }, (_, index) => 4 + index);

function encoded(version: number, value: unknown): Uint8Array {
  const writer = new Writer(1 << 20);
  encodeRequest<unknown>(fetch, version, value, writer);
  return Uint8Array.from(writer.written());
}

function begun(cursor: FetchCursor, request: Uint8Array, version: number): boolean {
  const at = 13;
  const bytes = new Uint8Array(new SharedArrayBuffer(request.length + 32));
  bytes.set(request, at);
  return cursor.begin(bytes, new DataView(bytes.buffer), at, at + request.length, version);
}

function topicOf(cursor: FetchCursor): string {
  const { bytes, hasTopicIds, nameAt, nameLength, topicIdAt } = cursor;
  if (hasTopicIds) return Buffer.from(bytes.subarray(topicIdAt, topicIdAt + 16)).toString('base64url');
  return Buffer.from(bytes.subarray(nameAt, nameAt + nameLength)).toString('utf8');
}

/** What a walk over the whole request sees. */
function walked(cursor: FetchCursor): unknown {
  const topics: unknown[] = [];
  while (cursor.nextTopic()) {
    const partitions: unknown[] = [];
    topics.push({ topic: topicOf(cursor), partitions });
    while (cursor.nextPartition()) {
      const { partition, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset, partitionMaxBytes } =
        cursor;
      partitions.push([
        partition,
        currentLeaderEpoch,
        fetchOffset,
        lastFetchedEpoch,
        logStartOffset,
        partitionMaxBytes,
      ]);
    }
  }
  const forgotten: unknown[] = [];
  cursor.beginForgotten();
  while (cursor.nextForgottenTopic()) {
    const partitions: unknown[] = [];
    forgotten.push({ topic: topicOf(cursor), partitions });
    while (cursor.nextForgottenPartition()) partitions.push(cursor.partition);
  }
  const { replicaId, maxWaitMs, minBytes, maxBytes, isolationLevel, sessionId, sessionEpoch } = cursor;
  const rackId = Buffer.from(cursor.bytes.subarray(cursor.rackAt, cursor.rackAt + cursor.rackLength)).toString('utf8');
  const top = { replicaId, maxWaitMs, minBytes, maxBytes, isolationLevel, sessionId, sessionEpoch, rackId };
  return { ...top, topics, forgotten };
}

/** The same, from the decoded request. */
function expected(request: Request, version: number): unknown {
  const { maxWaitMs, minBytes, maxBytes, isolationLevel, sessionId, sessionEpoch, rackId } = request;
  const nameOf = (topic: { name: string; topicId: string }): string => (version >= 13 ? topic.topicId : topic.name);
  return {
    replicaId: version >= 15 ? request.replicaState.replicaId : request.replicaId,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel,
    sessionId,
    sessionEpoch,
    rackId,
    topics: request.topics.map((topic) => ({
      topic: nameOf(topic),
      partitions: topic.partitions.map((one) => [
        one.partitionIndex,
        one.currentLeaderEpoch,
        one.fetchOffset,
        one.lastFetchedEpoch,
        one.logStartOffset,
        one.partitionMaxBytes,
      ]),
    })),
    forgotten: request.forgottenTopics.map((topic) => ({ topic: nameOf(topic), partitions: topic.partitions })),
  };
}

describe(`the fetch cursor (PB_SEED=${seed})`, () => {
  it.each(versions)('sees in version %i what the schema decodes', (version) => {
    const cursor = new FetchCursor();
    fc.assert(
      fc.property(valuesOf(fetch.request, version, true), (value) => {
        const bytes = encoded(version, value);
        const decoded = decodeRequest(fetch, version, Reader.over(bytes));
        expect(begun(cursor, bytes, version)).toBe(true);
        expect(cursor.validate()).toBe(true);
        expect(cursor.partitionTotal).toBe(decoded.topics.reduce((sum, topic) => sum + topic.partitions.length, 0));
        expect(cursor.forgottenTopicCount).toBe(decoded.forgottenTopics.length);
        expect(walked(cursor)).toEqual(expected(decoded, version));
        cursor.rewind();
        expect(walked(cursor)).toEqual(expected(decoded, version));
        expect(cursor.isBroken).toBe(false);
      }),
      parameters(60),
    );
  });

  it.each(versions)('takes in version %i whatever the schema takes, and stays in its frame otherwise', (version) => {
    const cursor = new FetchCursor();
    const damaged = fc
      .tuple(
        valuesOf(fetch.request, version, true),
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
          decoded = decodeRequest(fetch, version, Reader.over(bytes));
        } catch (error) {
          if (!isFault(error)) throw error;
        }
        const isWhole = begun(cursor, bytes, version) && cursor.validate();
        if (decoded !== null) {
          expect(isWhole).toBe(true);
          expect(walked(cursor)).toEqual(expected(decoded, version));
        }
        // The cursor does not look into tagged fields that it has no use for; the schema does.
        if (version < 12) expect(isWhole).toBe(decoded !== null);
      }),
      parameters(200),
    );
  });

  it('reads an offset beyond the exact numbers as the greatest of them', () => {
    const value = {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ name: 'a', partitions: [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 1 }] }],
    };
    const writer = new Writer(1 << 12);
    encodeRequest(fetch, 4, value, writer);
    const bytes = Uint8Array.from(writer.written());
    bytes.set([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], bytes.length - 12);
    const cursor = new FetchCursor();
    expect(begun(cursor, bytes, 4) && cursor.validate() && cursor.nextTopic() && cursor.nextPartition()).toBe(true);
    expect(cursor.fetchOffset).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each(versions)('sees in version %i that a frame ends early, though the memory behind it goes on', (version) => {
    const partitions = [{ partitionIndex: 0, fetchOffset: 7, partitionMaxBytes: 100 }];
    const topics = [
      { name: 'orders', partitions },
      { name: 'b', partitions },
    ];
    const forgottenTopics = [{ name: 'old', partitions: [1, 2] }];
    const replicaState = { replicaId: 5, replicaEpoch: 1 };
    const request = {
      maxWaitMs: 1,
      minBytes: 1,
      topics,
      forgottenTopics,
      rackId: 'rack',
      clusterId: 'c',
      replicaState,
    };
    const bytes = encoded(version, request);
    const view = new DataView(bytes.buffer);
    const cursor = new FetchCursor();
    for (let end = 0; end < bytes.length; end++) {
      expect(cursor.begin(bytes, view, 0, end, version) && cursor.validate()).toBe(false);
    }
    expect(cursor.begin(bytes, view, 0, bytes.length, version) && cursor.validate()).toBe(true);
    expect(cursor.replicaId).toBe(version >= 15 ? 5 : -1);
  });
});
