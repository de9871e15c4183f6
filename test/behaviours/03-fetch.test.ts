/** Behaviours 21 to 30: when a fetch is answered, with how much, and what stands beside the records. */
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import type { ResponseOf } from '../../src/protocol/api.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchesIn,
  batchOf,
  createTopic,
  fetchFrom,
  fetchRequest,
  offsetOf,
  onlyPartition,
  produceTo,
  recordsIn,
  type Topic,
} from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

const OFFSET_OUT_OF_RANGE = 1;
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const FETCH_SESSION_ID_NOT_FOUND = 70;
const INVALID_FETCH_SESSION_EPOCH = 71;
const FENCED_LEADER_EPOCH = 74;
const UNKNOWN_LEADER_EPOCH = 75;
const UNSUPPORTED_COMPRESSION_TYPE = 76;
const UNKNOWN_TOPIC_ID = 100;
const COMMITTED = 1;

type FetchResponse = ResponseOf<typeof fetch>;

/** By partition: how many bytes, or the negative error. */
function bytesByPartition(response: FetchResponse): Record<number, number> {
  const bytes: Record<number, number> = {};
  for (const { partitions } of response.topics) {
    for (const { partitionIndex, errorCode, records } of partitions) {
      bytes[partitionIndex] = errorCode === 0 ? (records?.length ?? 0) : -errorCode;
    }
  }
  return bytes;
}

/** A transaction's end, as its coordinator writes it. */
function control(producerId: number, isCommit: boolean): Uint8Array {
  return batchOf({
    producerId,
    producerEpoch: 0,
    isTransactional: true,
    isControl: true,
    // Version 0, type 0 for an abort and 1 for a commit.
    keys: [`\0\0\0${isCommit ? '\x01' : '\0'}`],
    valueBytes: 6,
    fill: 0,
  });
}

describe('behaviour 21: a fetch that waits', () => {
  test('is answered when the partitions together have min_bytes, and not before', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    const producer = broker.connect();
    const size = batchOf({ valueBytes: 100 }).length;
    const wishes = [
      { partition: 0, offset: 0 },
      { partition: 1, offset: 0 },
    ];
    client.send(fetch, 12, fetchRequest(topic, wishes, { minBytes: size * 3, maxWaitMs: 10_000 }));
    await produceTo(producer, topic, batchOf({ valueBytes: 100 }), { partition: 0 });
    await produceTo(producer, topic, batchOf({ valueBytes: 100 }), { partition: 1 });
    expect(client.hasAnswer).toBe(false);
    await produceTo(producer, topic, batchOf({ valueBytes: 100 }), { partition: 1 });
    expect(bytesByPartition(client.receive(fetch, 12))).toEqual({ 0: size, 1: size * 2 });
  });

  test('is answered with what there is when max_wait is over', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const size = batchOf().length;
    client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { minBytes: 100_000, maxWaitMs: 700 }));
    await produceTo(broker.connect(), topic, batchOf());
    await broker.pass(690, 10);
    expect(client.hasAnswer).toBe(false);
    await broker.pass(30, 10);
    expect(bytesByPartition(client.receive(fetch, 12))).toEqual({ 0: size });
  });

  test('is answered at once when a partition has an error, or gets one', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const wishes = [
      { partition: 0, offset: 0 },
      { partition: 7, offset: 0 },
    ];
    const answer = await client.ask(fetch, 12, fetchRequest(topic, wishes, { maxWaitMs: 10_000 }));
    expect(bytesByPartition(answer)).toEqual({ 0: 0, 7: -UNKNOWN_TOPIC_OR_PARTITION });
    client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { maxWaitMs: 10_000 }));
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    await broker.connect().ask(deleteTopics, 5, { topicNames: ['orders'], timeoutMs: 1000 });
    expect(client.receive(fetch, 12).topics[0]?.partitions[0]?.errorCode).not.toBe(0);
  });

  test('counts only up to the stable offset for read_committed: the end of the transaction wakes it, not the batch', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { isolationLevel: COMMITTED, maxWaitMs: 10_000 }));
    const transaction = { producerId: 9, producerEpoch: 0, baseSequence: 0, isTransactional: true };
    await broker.appendAsBroker('orders', 0, batchOf({ ...transaction, count: 2 }));
    expect(client.hasAnswer).toBe(false);
    expect((await fetchFrom(broker.connect(), topic, 0)).highWatermark).toBe(2);
    await broker.appendAsBroker('orders', 0, control(9, true));
    const partition = onlyPartition(client.receive(fetch, 12));
    expect([partition.highWatermark, partition.lastStableOffset]).toEqual([3, 3]);
    expect(batchesIn(partition.records)).toHaveLength(2);
  });
});

describe('behaviour 22: how much', () => {
  async function filled(): Promise<{ client: SimulatedClient; topic: Topic; size: number }> {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 3 });
    for (const partition of [1, 2]) {
      for (let round = 0; round < 3; round++) {
        await produceTo(client, topic, batchOf({ valueBytes: 1000 }), { partition });
      }
    }
    return { client, topic, size: batchOf({ valueBytes: 1000 }).length };
  }

  const all = (bytesMax: number) => [0, 1, 2].map((partition) => ({ partition, offset: 0, bytesMax }));

  test('behaviour 22: the first batch of the first partition that has any comes whole, later partitions keep to the limits', async () => {
    const { client, topic, size } = await filled();
    const small = await client.ask(fetch, 12, fetchRequest(topic, all(10), { maxBytes: 10 }));
    expect(bytesByPartition(small)).toEqual({ 0: 0, 1: size, 2: 0 });
    const reversed = await client.ask(fetch, 12, fetchRequest(topic, all(10).reverse(), { maxBytes: 10 }));
    expect(bytesByPartition(reversed)).toEqual({ 0: 0, 1: 0, 2: size });
  });

  test('behaviour 22: max_bytes bounds the whole answer, partition_max_bytes each part', async () => {
    const { client, topic, size } = await filled();
    const whole = await client.ask(fetch, 12, fetchRequest(topic, all(1 << 20)));
    expect(bytesByPartition(whole)).toEqual({ 0: 0, 1: size * 3, 2: size * 3 });
    const each = bytesByPartition(await client.ask(fetch, 12, fetchRequest(topic, all(size * 2))));
    expect(batchCount(each[1], size)).toBe(2);
    expect(batchCount(each[2], size)).toBe(2);
    const bounded = bytesByPartition(
      await client.ask(fetch, 12, fetchRequest(topic, all(1 << 20), { maxBytes: size * 4 })),
    );
    expect(batchCount(bounded[1], size) + batchCount(bounded[2], size)).toBe(4);
  });

  function batchCount(bytes: number | undefined, size: number): number {
    return Math.floor((bytes ?? 0) / size);
  }
});

describe('behaviour 23: where', () => {
  test('at the end it waits; before the start and behind the end it is OFFSET_OUT_OF_RANGE, and nothing is said of the log', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf({ count: 5 }));
    client.send(fetch, 12, fetchRequest(topic, [{ offset: 5 }], { maxWaitMs: 300 }));
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    await broker.pass(400);
    expect(onlyPartition(client.receive(fetch, 12))).toMatchObject({ errorCode: 0, highWatermark: 5 });
    for (const offset of [6, 1_000_000, -1]) {
      const answer = await fetchFrom(client, topic, offset, { maxWaitMs: 10_000 });
      expect(answer).toMatchObject({
        errorCode: OFFSET_OUT_OF_RANGE,
        highWatermark: -1,
        lastStableOffset: -1,
        logStartOffset: -1,
        abortedTransactions: null,
      });
      expect(answer.records?.length ?? 0).toBe(0);
    }
  });

  test('from the middle of a batch it gives the whole batch', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf({ count: 5 }));
    await produceTo(client, topic, batchOf({ count: 5 }));
    const { records } = await fetchFrom(client, topic, 7);
    expect(recordsIn(records).map((record) => record.offset)).toEqual([5, 6, 7, 8, 9]);
  });
});

describe('behaviour 24: fetch sessions', () => {
  test('are made with epoch 0, go on with epochs that grow, leave out what did not change, and end with -1', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders', { partitions: 3 });
    const wishes = [0, 1, 2].map((partition) => ({ partition, offset: 0 }));
    const full = await client.ask(fetch, 12, fetchRequest(topic, wishes, { sessionId: 0, sessionEpoch: 0 }));
    expect(full.errorCode).toBe(0);
    expect(full.sessionId).not.toBe(0);
    expect(Object.keys(bytesByPartition(full))).toHaveLength(3);
    const next = (sessionEpoch: number, more = {}) =>
      client.ask(fetch, 12, fetchRequest(topic, [], { sessionId: full.sessionId, sessionEpoch, topics: [], ...more }));
    expect((await next(1)).topics).toEqual([]);
    await produceTo(client, topic, batchOf(), { partition: 1 });
    expect(bytesByPartition(await next(2))).toEqual({ 1: batchOf().length });
    const forgotten = await next(3, { forgottenTopics: [{ name: 'orders', partitions: [1] }] });
    expect(forgotten.topics).toEqual([]);
    expect((await next(3)).errorCode).toBe(INVALID_FETCH_SESSION_EPOCH);
    const closed = await next(-1);
    expect([closed.errorCode, closed.sessionId]).toEqual([0, 0]);
    expect((await next(4)).errorCode).toBe(FETCH_SESSION_ID_NOT_FOUND);
  });

  test('tell an error again and again as long as it is there', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'orders');
    const wishes = [
      { partition: 0, offset: 0 },
      { partition: 0, offset: 0 },
    ];
    const full = await client.ask(
      fetch,
      12,
      fetchRequest(topic, [{ ...wishes[0]!, partition: 5 }, wishes[1]!], { sessionEpoch: 0 }),
    );
    for (let epoch = 1; epoch < 4; epoch++) {
      const again = await client.ask(
        fetch,
        12,
        fetchRequest(topic, [], { sessionId: full.sessionId, sessionEpoch: epoch, topics: [] }),
      );
      expect(bytesByPartition(again)).toEqual({ 5: -UNKNOWN_TOPIC_OR_PARTITION });
    }
  });

  test('are bounded: with no place left, a client is served without one, until another has been idle for long', async () => {
    const { broker, client } = await startRig({ limits: { fetchSessionsMax: 2, fetchSessionIdleMs: 60_000 } });
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf());
    const open = () => client.ask(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { sessionEpoch: 0 }));
    const ids = [(await open()).sessionId, (await open()).sessionId];
    const third = await open();
    expect([third.sessionId, third.errorCode]).toEqual([0, 0]);
    expect(bytesByPartition(third)).toEqual({ 0: batchOf().length });
    await broker.pass(61_000, 1000);
    const fourth = await open();
    expect(fourth.sessionId).not.toBe(0);
    expect(ids).not.toContain(fourth.sessionId);
    const evicted = await client.ask(
      fetch,
      12,
      fetchRequest(topic, [], { sessionId: ids[0]!, sessionEpoch: 1, topics: [] }),
    );
    expect(evicted.errorCode).toBe(FETCH_SESSION_ID_NOT_FOUND);
  });
});

test('behaviour 25: without a session the answer says session 0', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders');
  for (const version of [7, 11, 12, 13, 18]) {
    const answer = await client.ask(
      fetch,
      version,
      fetchRequest(topic, [{ offset: 0 }], { version, sessionId: 0, sessionEpoch: -1 }),
    );
    expect(answer.sessionId).toBe(0);
  }
});

describe('behaviour 26: topics by id', () => {
  test('an id that nobody has is UNKNOWN_TOPIC_ID', async () => {
    const { client } = await startRig();
    const stranger = { name: 'x', id: 'QUFBQUFBQUFBQUFBQUFBQQ' };
    expect((await fetchFrom(client, stranger, 0, { version: 13 })).errorCode).toBe(UNKNOWN_TOPIC_ID);
    expect((await produceTo(client, stranger, batchOf(), { version: 13 })).errorCode).toBe(UNKNOWN_TOPIC_ID);
  });

  test('a topic that was deleted and made again has another id and nothing of the old records', async () => {
    const { client } = await startRig();
    const old = await createTopic(client, 'orders');
    await produceTo(client, old, batchOf({ count: 3, fill: 1 }), { version: 13 });
    const session = await client.ask(fetch, 13, fetchRequest(old, [{ offset: 0 }], { version: 13, sessionEpoch: 0 }));
    await client.ask(deleteTopics, 6, { topics: [{ name: 'orders' }], timeoutMs: 1000 });
    const young = await createTopic(client, 'orders');
    expect(young.id).not.toBe(old.id);
    expect((await fetchFrom(client, old, 0, { version: 13 })).errorCode).toBe(UNKNOWN_TOPIC_ID);
    expect(await fetchFrom(client, young, 0, { version: 13 })).toMatchObject({ errorCode: 0, highWatermark: 0 });
    const stale = await client.ask(
      fetch,
      13,
      fetchRequest(old, [], { version: 13, sessionId: session.sessionId, sessionEpoch: 1, topics: [] }),
    );
    expect(onlyPartition(stale).errorCode).toBe(UNKNOWN_TOPIC_ID);
    await produceTo(client, young, batchOf({ fill: 2 }), { version: 13 });
    const { records } = await fetchFrom(client, young, 0, { version: 13 });
    expect(recordsIn(records).map((record) => [record.offset, record.value?.[0]])).toEqual([[0, 2]]);
  });
});

test('behaviour 27: an older leader epoch is FENCED_LEADER_EPOCH, a later one UNKNOWN_LEADER_EPOCH, -1 is not looked at; so for Fetch, ListOffsets and OffsetForLeaderEpoch', async () => {
  const first = await startRig();
  const topic = await createTopic(first.client, 'orders');
  await produceTo(first.client, topic, batchOf({ count: 4 }));
  // An unclean start begins a new epoch.
  const { client } = await restart(first, 'kill');
  const epochs = (await client.ask(metadata, 9, { topics: null })).topics[0]?.partitions.map(
    (each) => each.leaderEpoch,
  );
  expect(epochs).toEqual([1]);
  const expected: readonly (readonly [number, number])[] = [
    [0, FENCED_LEADER_EPOCH],
    [1, 0],
    [2, UNKNOWN_LEADER_EPOCH],
    [-1, 0],
  ];
  for (const [currentLeaderEpoch, errorCode] of expected) {
    const wish = { partition: 0, offset: 0, epoch: currentLeaderEpoch };
    expect(onlyPartition(await client.ask(fetch, 12, fetchRequest(topic, [wish]))).errorCode).toBe(errorCode);
    const asked = { partitionIndex: 0, currentLeaderEpoch };
    const offsets = await client.ask(listOffsets, 5, {
      topics: [{ name: 'orders', partitions: [{ ...asked, timestamp: -1 }] }],
    });
    expect(onlyPartition(offsets)).toMatchObject({ errorCode, offset: errorCode === 0 ? 4 : -1 });
    const ended = await client.ask(offsetForLeaderEpoch, 4, {
      topics: [{ name: 'orders', partitions: [{ ...asked, leaderEpoch: 0 }] }],
    });
    expect(onlyPartition(ended)).toMatchObject({ errorCode, endOffset: errorCode === 0 ? 4 : -1 });
  }
});

describe('behaviour 28: read_committed', () => {
  const transaction = (producerId: number, more = {}) =>
    batchOf({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true, ...more });

  test('ends at the stable offset, lists the aborted transactions of its range with their first offsets, and gives markers as batches', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf({ count: 2 }));
    await broker.appendAsBroker('orders', 0, transaction(8, { count: 2 }));
    await broker.appendAsBroker('orders', 0, transaction(9, { count: 3 }));
    await broker.appendAsBroker('orders', 0, control(9, false));
    await produceTo(client, topic, batchOf());
    const committed = () => fetchFrom(client, topic, 0, { isolationLevel: COMMITTED });
    const held = await committed();
    expect([held.highWatermark, held.lastStableOffset]).toEqual([9, 2]);
    expect(recordsIn(held.records).map((record) => record.offset)).toEqual([0, 1]);
    expect(held.abortedTransactions).toEqual([]);
    await broker.appendAsBroker('orders', 0, control(8, true));
    const open = await committed();
    expect([open.highWatermark, open.lastStableOffset]).toEqual([10, 10]);
    expect(open.abortedTransactions).toEqual([{ producerId: 9, firstOffset: 4 }]);
    expect(recordsIn(open.records).map((record) => record.offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batchesIn(open.records).map((batch) => (batch[22]! & 0x20) !== 0)).toEqual([
      false,
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  test('lists no transaction that ended before the range, and none at all for read_uncommitted', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    await broker.appendAsBroker('orders', 0, transaction(9, { count: 3 }));
    await broker.appendAsBroker('orders', 0, control(9, false));
    await produceTo(client, topic, batchOf());
    const behind = await fetchFrom(client, topic, 4, { isolationLevel: COMMITTED });
    expect(behind.abortedTransactions).toEqual([]);
    expect((await fetchFrom(client, topic, 0)).abortedTransactions).toBeNull();
  });

  test('lists them also when the fetch had to wait', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'orders');
    client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { isolationLevel: COMMITTED, maxWaitMs: 10_000 }));
    await broker.appendAsBroker('orders', 0, transaction(9));
    await broker.appendAsBroker('orders', 0, control(9, false));
    const partition = onlyPartition(client.receive(fetch, 12));
    expect(partition.abortedTransactions).toEqual([{ producerId: 9, firstOffset: 0 }]);
  });

  test('knows what was open, committed and aborted after a kill', async () => {
    const first = await startRig();
    const topic = await createTopic(first.client, 'orders');
    await first.broker.appendAsBroker('orders', 0, transaction(9, { count: 3 }));
    await first.broker.appendAsBroker('orders', 0, control(9, false));
    await first.broker.appendAsBroker('orders', 0, transaction(8));
    const { client } = await restart(first, 'kill');
    const committed = await fetchFrom(client, topic, 0, { isolationLevel: COMMITTED });
    expect([committed.highWatermark, committed.lastStableOffset]).toEqual([5, 4]);
    expect(committed.abortedTransactions).toEqual([{ producerId: 9, firstOffset: 0 }]);
  });
});

test('behaviour 29: high watermark, stable offset and log start are right also in an answer without records', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders');
  const marks = { errorCode: 0, logStartOffset: 0 };
  expect(await fetchFrom(client, topic, 0)).toMatchObject({ ...marks, highWatermark: 0, lastStableOffset: 0 });
  await produceTo(client, topic, batchOf({ count: 7 }));
  for (const version of [5, 11, 12, 18]) {
    const answer = await fetchFrom(client, topic, 7, { version });
    expect(answer).toMatchObject({ ...marks, highWatermark: 7, lastStableOffset: 7 });
    expect(answer.records?.length ?? 0).toBe(0);
  }
});

test('behaviour 30: zstd batches fetched with a version below 10 are UNSUPPORTED_COMPRESSION_TYPE', async () => {
  const { client } = await startRig();
  const topic = await createTopic(client, 'orders');
  await produceTo(client, topic, batchOf({ codec: 4, count: 5 }));
  expect((await fetchFrom(client, topic, 0, { version: 9 })).errorCode).toBe(UNSUPPORTED_COMPRESSION_TYPE);
  expect(recordsIn((await fetchFrom(client, topic, 0, { version: 10 })).records)).toHaveLength(5);
});

test('a fetch of a large cold region waits for the aide, not the front', async () => {
  const { broker, client, world } = await startRig();
  const topic = await createTopic(client, 'orders');
  for (let round = 0; round < 4; round++) await produceTo(client, topic, batchOf({ valueBytes: 90_000, fill: round }));
  world.disk.chill('data/orders-0/00000000000000000000.log');
  broker.isAideWorking = false;
  client.send(fetch, 12, fetchRequest(topic, [{ offset: 0 }], { maxWaitMs: 10_000 }));
  await broker.settle();
  expect(client.hasAnswer).toBe(false);
  expect((await offsetOf(broker.connect(), topic, -1)).offset).toBe(4);
  broker.isAideWorking = true;
  await broker.settle();
  const { records } = must(client.receive(fetch, 12).topics[0]?.partitions[0], 'the partition is answered');
  expect(recordsIn(records).map((record) => record.value?.[0])).toEqual([0, 1, 2, 3]);
});
