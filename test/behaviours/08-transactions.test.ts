/** Behaviours 50 to 54: what transactional producers can rely on, and how they are told that they are not the one any more. */
import { describe, expect, test } from 'vitest';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { writeTxnMarkers } from '../../src/protocol/schemas/27-write-txn-markers.ts';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import { listTransactions } from '../../src/protocol/schemas/66-list-transactions.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchesIn,
  batchOf,
  createTopic,
  fetchFrom,
  fetchRequest,
  onlyPartition,
  produceRequest,
  produceTo,
  recordsIn,
  type Topic,
} from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { restart, startRig } from './behaviour-rig.ts';

const TOPIC_AUTHORIZATION_FAILED = 29;
const INVALID_REQUEST = 42;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const INVALID_PRODUCER_ID_MAPPING = 49;
const INVALID_TRANSACTION_TIMEOUT = 50;
const CONCURRENT_TRANSACTIONS = 51;
const OPERATION_NOT_ATTEMPTED = 55;
const PRODUCER_FENCED = 90;
const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
const TRANSACTION_ABORTABLE = 120;
const INVALID_REGULAR_EXPRESSION = 128;
const UNSTABLE_OFFSET_COMMIT = 88;
const KAFKA_STORAGE_ERROR = 56;
const COORDINATOR_LOAD_IN_PROGRESS = 14;
const COORDINATOR_NOT_AVAILABLE = 15;
const INVALID_TOPIC_EXCEPTION = 17;
const UNKNOWN_TOPIC_OR_PARTITION = 3;

const sets = ['transaction.state.log.num.partitions=2', 'offsets.topic.num.partitions=2'];
const versions = [1, 2] as const;

async function committed(client: SimulatedClient, topic: { name: string; id: string }, partition = 0): Promise<number> {
  const fetched = await fetchFrom(client, topic, 0, { partition, isolationLevel: 1 });
  const aborted = new Set((fetched.abortedTransactions ?? []).map(({ producerId }) => producerId));
  expect(aborted.size).toBeLessThan(2);
  return fetched.lastStableOffset;
}

async function offsetOfGroup(client: SimulatedClient, topic: Topic, requireStable = false) {
  const topics = [{ name: topic.name, partitionIndexes: [0] }];
  const groups = [{ groupId: 'readers', topics }];
  const answer = await client.ask(offsetFetch, 8, { groupId: '', topics: [], groups, requireStable });
  const [partition] = answer.groups[0]?.topics?.[0]?.partitions ?? [];
  return { committedOffset: partition?.committedOffset, errorCode: partition?.errorCode };
}

describe('behaviour 50: InitProducerId', () => {
  test('gives an epoch more for the same transactional id, and fences whoever had it before', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const first = await TransactionalProducer.begin(client, 'transfer', 1);
    const second = await TransactionalProducer.begin(client, 'transfer', 1);
    expect([first.producerEpoch, second.producerEpoch]).toEqual([0, 1]);
    expect(second.producerId).toBe(first.producerId);
    expect(await first.add(topic, [0])).toEqual([PRODUCER_FENCED]);
    expect(await first.add(topic, [0], 1)).toEqual([INVALID_PRODUCER_EPOCH]);
    expect(await first.end(true)).toBe(PRODUCER_FENCED);
    expect(await first.end(true, 1)).toBe(INVALID_PRODUCER_EPOCH);
    expect((await first.send(topic)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
  });

  test('aborts the transaction that is open first, and the caller comes again', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    for (const version of versions) {
      const first = await TransactionalProducer.begin(client, `transfer-${version}`, version);
      await first.enter(topic);
      expect((await first.send(topic)).errorCode).toBe(0);
      const second = new TransactionalProducer(client, first.transactionalId, version);
      expect(await second.init()).toBe(CONCURRENT_TRANSACTIONS);
      expect(await second.init()).toBe(0);
      expect(second.producerEpoch).toBeGreaterThan(first.producerEpoch + 1);
      expect((await first.send(topic)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
    }
    const fetched = await fetchFrom(client, topic, 0, { isolationLevel: 1 });
    expect(fetched).toMatchObject({ lastStableOffset: 4, highWatermark: 4 });
    expect(fetched.abortedTransactions).toHaveLength(2);
  });

  test('refuses timeouts above the maximum, and an empty id', async () => {
    const { client } = await startRig({ sets });
    const producer = new TransactionalProducer(client, 'transfer', 2);
    await producer.find();
    expect(await producer.init({ timeoutMs: 900_001 })).toBe(INVALID_TRANSACTION_TIMEOUT);
    expect(await producer.init({ timeoutMs: 0 })).toBe(INVALID_TRANSACTION_TIMEOUT);
    expect(await new TransactionalProducer(client, '', 2).init()).toBe(INVALID_REQUEST);
  });

  test('goes on with the id a producer has, also when the answer was lost, and fences who comes late', async () => {
    const { client } = await startRig({ sets });
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    const before = { producerId: producer.producerId, producerEpoch: 0 };
    expect(await producer.init({ expected: before })).toBe(0);
    expect(producer.producerEpoch).toBe(1);
    expect(await producer.init({ expected: before })).toBe(0);
    expect(producer.producerEpoch).toBe(1);
    expect(await producer.init()).toBe(0);
    expect(await producer.init({ expected: before })).toBe(PRODUCER_FENCED);
    expect(await producer.init({ expected: before, version: 3 })).toBe(INVALID_PRODUCER_EPOCH);
    expect(await producer.init({ expected: { producerId: 777, producerEpoch: 2 } })).toBe(PRODUCER_FENCED);
  });
});

describe('behaviour 51: AddPartitionsToTxn', () => {
  test('adds all partitions or none', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    expect(await producer.add(topic, [0, 7, 1])).toEqual([
      OPERATION_NOT_ATTEMPTED,
      UNKNOWN_TOPIC_OR_PARTITION,
      OPERATION_NOT_ATTEMPTED,
    ]);
    const states = await client.ask(describeTransactions, 0, { transactionalIds: ['transfer'] });
    expect(states.transactionStates[0]).toMatchObject({ errorCode: 0, transactionState: 'Empty', topics: [] });
    for (const name of ['__consumer_offsets', '__transaction_state'])
      expect(await producer.add({ name, id: '' }, [0])).toEqual([TOPIC_AUTHORIZATION_FAILED]);
    expect(await producer.add(topic, [0, 1])).toEqual([0, 0]);
    expect(await new TransactionalProducer(client, 'unheard-of', 1).add(topic, [0])).toEqual([
      INVALID_PRODUCER_ID_MAPPING,
    ]);
  });
});

describe('behaviour 52: TxnOffsetCommit', () => {
  test.each(versions)(
    'offsets are visible when their transaction commits, and dropped when it does not (version %i)',
    async (version) => {
      const { client } = await startRig({ sets });
      const topic = await createTopic(client, 'orders');
      const producer = await TransactionalProducer.begin(client, 'transfer', version);
      await producer.findGroup('readers');
      expect(await producer.commitOffset('readers', topic, 7, { isAdded: version === 1 })).toBe(0);
      expect(await offsetOfGroup(client, topic)).toMatchObject({ committedOffset: -1, errorCode: 0 });
      expect(await offsetOfGroup(client, topic, true)).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT });
      expect(await producer.end(true)).toBe(0);
      expect(await offsetOfGroup(client, topic, true)).toMatchObject({ committedOffset: 7, errorCode: 0 });
      expect(await producer.commitOffset('readers', topic, 9, { isAdded: version === 1 })).toBe(0);
      expect(await producer.end(false)).toBe(0);
      expect(await offsetOfGroup(client, topic, true)).toMatchObject({ committedOffset: 7, errorCode: 0 });
    },
  );

  test('members are checked, and the group has to be part of the transaction', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    await producer.findGroup('readers');
    expect(await producer.commitOffset('readers', topic, 7)).toBe(INVALID_TXN_STATE);
    expect(await producer.commitOffset('readers', topic, 7, { isAdded: true })).toBe(0);
    const stranger = { memberId: 'nobody', generationId: 4 };
    expect(await producer.commitOffset('readers', topic, 7, stranger)).not.toBe(0);
    expect(await producer.commitOffset('readers', { name: 'nowhere', id: '' }, 7)).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    const late = await TransactionalProducer.begin(client, 'other', 2);
    late.producerEpoch = -1;
    expect(await late.commitOffset('readers', topic, 7)).toBe(INVALID_PRODUCER_EPOCH);
  });

  test.each(versions)('after kill -9 they still wait for their transaction (version %i)', async (version) => {
    const rig = await startRig({ sets });
    const topic = await createTopic(rig.client, 'orders');
    const producer = await TransactionalProducer.begin(rig.client, 'transfer', version);
    await producer.findGroup('readers');
    expect(await producer.commitOffset('readers', topic, 7, { isAdded: version === 1 })).toBe(0);
    const { client } = await restart(rig, 'kill', { sets });
    producer.client = client;
    expect(await offsetOfGroup(client, topic, true)).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT });
    expect(await producer.end(true)).toBe(0);
    expect(await offsetOfGroup(client, topic, true)).toMatchObject({ committedOffset: 7, errorCode: 0 });
  });
});

describe('behaviour 53: EndTxn', () => {
  test('is answered before its markers are written; until they are, the next step is CONCURRENT_TRANSACTIONS', async () => {
    const { broker, client, world } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    await producer.enter(topic);
    expect((await producer.send(topic)).errorCode).toBe(0);
    // The disk is full for a moment: the partition takes nothing, no marker either.
    world.disk.failNext('write', 'ENOSPC');
    expect((await produceTo(client, topic, batchOf())).errorCode).toBe(KAFKA_STORAGE_ERROR);
    expect(await producer.end(true)).toBe(0);
    expect(await producer.end(true)).toBe(CONCURRENT_TRANSACTIONS);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    expect(await producer.add(topic, [0])).toEqual([CONCURRENT_TRANSACTIONS]);
    expect(await producer.init()).toBe(CONCURRENT_TRANSACTIONS);
    expect(await committed(client, topic)).toBe(0);
    await broker.pass(5000, 100);
    expect(await committed(client, topic)).toBe(2);
    expect(await producer.add(topic, [0])).toEqual([0]);
  });

  test.each(versions)('commits what was written, and aborts it (version %i)', async (version) => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    const producer = await TransactionalProducer.begin(client, 'transfer', version);
    await producer.enter(topic);
    await producer.enter(topic, 1);
    expect((await producer.send(topic, 0, { count: 3 })).errorCode).toBe(0);
    expect((await producer.send(topic, 1)).errorCode).toBe(0);
    expect(await committed(client, topic)).toBe(0);
    expect(await producer.end(true)).toBe(0);
    expect(await committed(client, topic)).toBe(4);
    expect(await committed(client, topic, 1)).toBe(2);
    await producer.enter(topic);
    expect((await producer.send(topic)).errorCode).toBe(0);
    expect(await producer.end(false)).toBe(0);
    const fetched = await fetchFrom(client, topic, 0, { isolationLevel: 1 });
    expect(fetched.lastStableOffset).toBe(6);
    expect(fetched.abortedTransactions).toEqual([{ producerId: producer.producerId, firstOffset: 4 }]);
    expect(recordsIn(fetched.records)).toHaveLength(6);
  });

  test('of the same outcome again is done, of the other one INVALID_TXN_STATE', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    expect(await producer.end(true)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    await producer.enter(topic);
    expect(await producer.end(true)).toBe(0);
    expect(await producer.end(true)).toBe(0);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
  });

  test('of version 5 answers the next epoch, for an empty abort as well, and the same again when it is sent again', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 2);
    expect(await producer.end(true)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(false)).toBe(0);
    expect(producer.producerEpoch).toBe(1);
    expect((await producer.send(topic)).errorCode).toBe(0);
    expect(await producer.end(true)).toBe(0);
    expect(producer.producerEpoch).toBe(2);
    producer.producerEpoch = 1;
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(true)).toBe(0);
    expect(producer.producerEpoch).toBe(2);
    producer.producerEpoch = 0;
    expect(await producer.end(true)).toBe(PRODUCER_FENCED);
  });

  test('fences late batches of the transaction that it ended', async () => {
    const { client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 2);
    await producer.send(topic);
    await producer.end(false);
    producer.producerEpoch = 0;
    producer.write(topic, 0, {}, 1);
    await client.broker.settle();
    expect(producer.receive().errorCode).toBe(INVALID_PRODUCER_EPOCH);
    expect(await committed(client, topic)).toBe(2);
  });
});

describe('several batches under way when a transaction begins', () => {
  test.each(versions)(
    'are appended in their order, although the first has to be verified (version %i)',
    async (version) => {
      const { broker, client } = await startRig({ sets });
      const topic = await createTopic(client, 'orders', { partitions: 2 });
      const producer = await TransactionalProducer.begin(client, 'transfer', version);
      for (let round = 0; round < 3; round++) {
        await producer.enter(topic);
        await producer.enter(topic, 1);
        const from = version === 2 ? 0 : round * 6;
        for (let index = 0; index < 6; index++) {
          producer.write(topic, 0, {}, from + index);
          // Some come while those before them are being verified.
          if (index % 2 === 1) broker.step();
          if (index === 3) producer.write(topic, 1, {}, from / 6);
        }
        await broker.settle();
        const answers = Array.from({ length: 7 }, () => producer.receive());
        expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0, 0, 0, 0, 0]);
        const offsets = answers
          .filter(({ partitionIndex }) => partitionIndex === 0)
          .map(({ baseOffset }) => baseOffset);
        expect(offsets).toEqual(Array.from({ length: 6 }, (_, index) => round * 7 + index));
        expect(await producer.end(true)).toBe(0);
      }
    },
  );

  test('are refused together when the transaction is not theirs, and none overtakes the first when they come again', async () => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    for (let sequence = 0; sequence < 3; sequence++) producer.write(topic, 0, {}, sequence);
    await broker.settle();
    expect([0, 1, 2].map(() => producer.receive().errorCode)).toEqual(Array(3).fill(TRANSACTION_ABORTABLE));
    await producer.enter(topic);
    for (const sequence of [1, 0, 1]) producer.write(topic, 0, {}, sequence);
    await broker.settle();
    expect([0, 1, 2].map(() => producer.receive().errorCode)).toEqual([OUT_OF_ORDER_SEQUENCE_NUMBER, 0, 0]);
  });
});

describe('a Produce that has to be verified', () => {
  const many = Array.from({ length: 30 }, (_, partition) => partition);

  test('for more partitions than a lane has slots is appended once and whole', async () => {
    const { broker, client } = await startRig({ sets, laneSlots: 4 });
    const topic = await createTopic(client, 'orders', { partitions: many.length });
    const producer = await TransactionalProducer.begin(client, 'transfer', 2);
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask(produce, 12, manyBatches(producer, topic, many, round));
      const partitions = answer.topics[0]?.partitions ?? [];
      expect(partitions.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual(
        many.map(() => [0, round]),
      );
    }
    expect(await producer.end(true)).toBe(0);
    for (const partition of many) expect(await committed(client, topic, partition)).toBe(3);
    await broker.settle();
  });

  test('holds nothing when its connection dies at any moment', async () => {
    const { broker, client } = await startRig({ sets, laneSlots: 4 });
    const topic = await createTopic(client, 'orders', { partitions: many.length });
    for (let steps = 0; steps < 12; steps++) {
      const producer = await TransactionalProducer.begin(client, `transfer-${steps}`, 2);
      const dying = broker.connect();
      for (let round = 0; round < 3; round++) dying.send(produce, 12, manyBatches(producer, topic, many, round));
      for (let step = 0; step < steps; step++) {
        broker.step();
        await broker.breathe();
      }
      dying.socket.reset();
      await broker.settle();
      expect(await producer.end(false)).toBe(0);
    }
    expect((await fetchFrom(client, topic, 0, { isolationLevel: 1 })).errorCode).toBe(0);
  });
});

function manyBatches(producer: TransactionalProducer, topic: Topic, partitions: readonly number[], sequence: number) {
  const { producerId, producerEpoch, transactionalId } = producer;
  const records = batchOf({ producerId, producerEpoch, baseSequence: sequence, isTransactional: true });
  const parts = partitions.map((partition) => ({ partition, records }));
  return { ...produceRequest(topic, parts, { version: 12 }), transactionalId };
}

describe('hanging transactions', () => {
  test('are found by DescribeProducers and ended by WriteTxnMarkers', async () => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const open = batchOf({ producerId: 4000, producerEpoch: 3, baseSequence: 0, isTransactional: true });
    await broker.appendAsBroker('orders', 0, open);
    const wish = { topics: [{ name: 'orders', partitionIndexes: [0] }] };
    const producers = await client.ask(describeProducers, 0, wish);
    const [hanging] = producers.topics[0]?.partitions[0]?.activeProducers ?? [];
    expect(hanging).toMatchObject({ producerId: 4000, producerEpoch: 3, lastSequence: 0, currentTxnStartOffset: 0 });
    expect(await committed(client, topic)).toBe(0);
    const marker = { producerId: 4000, producerEpoch: 3, transactionResult: false, coordinatorEpoch: 0 };
    const topics = [
      { name: 'orders', partitionIndexes: [0, 1, 0] },
      { name: 'nowhere', partitionIndexes: [0] },
      { name: 'orders', partitionIndexes: [0] },
    ];
    const answer = await client.ask(writeTxnMarkers, 1, { markers: [{ ...marker, topics }] });
    const codes = answer.markers[0]?.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
    expect(codes).toEqual([0, UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_OR_PARTITION]);
    // One marker, however often the partition is named.
    expect(await committed(client, topic)).toBe(2);
  });
});

describe('ListTransactions', () => {
  test('filters by state, producer, age and pattern, and names the states it does not know', async () => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const idle = await TransactionalProducer.begin(client, 'idle', 2);
    const busy = await TransactionalProducer.begin(client, 'busy', 2);
    await busy.send(topic);
    await broker.pass(1000, 500);
    const list = async (wish: object) => {
      const whole = { stateFilters: [], producerIdFilters: [], ...wish };
      const answer = await client.ask(listTransactions, 2, whole);
      const names = answer.transactionStates.map(({ transactionalId }) => transactionalId).sort();
      return { code: answer.errorCode, names, unknown: answer.unknownStateFilters };
    };
    expect(await list({})).toEqual({ code: 0, names: ['busy', 'idle'], unknown: [] });
    expect((await list({ stateFilters: ['Ongoing', 'Odd'] })).names).toEqual(['busy']);
    expect((await list({ stateFilters: ['Odd'] })).unknown).toEqual(['Odd']);
    expect((await list({ producerIdFilters: [idle.producerId] })).names).toEqual(['idle']);
    expect((await list({ durationFilter: 900, stateFilters: ['Ongoing'] })).names).toEqual(['busy']);
    expect((await list({ durationFilter: 5000, stateFilters: ['Ongoing'] })).names).toEqual([]);
    expect((await list({ transactionalIdPattern: '(a|b|i)+.*' })).names).toEqual(['busy', 'idle']);
    expect((await list({ transactionalIdPattern: 'bus' })).names).toEqual([]);
    expect((await list({ transactionalIdPattern: '(' })).code).toBe(INVALID_REGULAR_EXPRESSION);
  });
});

test('transactional ids without a transaction for long are forgotten, also by the log', async () => {
  const rig = await startRig({ sets: [...sets, 'transactional.id.expiration.ms=7200000'] });
  await createTopic(rig.client, 'orders');
  await TransactionalProducer.begin(rig.client, 'idle', 2);
  const ids = async (client: SimulatedClient) => {
    const answer = await client.ask(listTransactions, 0, { stateFilters: [], producerIdFilters: [] });
    return answer.transactionStates.map(({ transactionalId }) => transactionalId);
  };
  await rig.broker.pass(3_700_000, 100_000);
  expect(await ids(rig.broker.connect())).toEqual(['idle']);
  await rig.broker.pass(7_300_000, 100_000);
  expect(await ids(rig.broker.connect())).toEqual([]);
  const { client } = await restart(rig, 'kill', { sets });
  expect(await ids(client)).toEqual([]);
});

test.each(['gzip', 'lz4'])('their ends are seen in topics that have batches re-encoded with %s', async (codec) => {
  const { client, broker } = await startRig({ sets });
  const topic = await createTopic(client, 'orders', { configs: { 'compression.type': codec } });
  const producer = await TransactionalProducer.begin(client, 'tx', 2);
  await producer.send(topic);
  expect(await producer.end(true)).toBe(0);
  await broker.settle();
  const fetched = await fetchFrom(client, topic, 0, { isolationLevel: 1 });
  expect(fetched).toMatchObject({ lastStableOffset: 2, highWatermark: 2 });
  expect(batchesIn(fetched.records).map((batch) => batch[22]! & 7)).toEqual([codec === 'gzip' ? 1 : 3, 0]);
});

test('behaviours 21 and 28: a waiting fetch of committed records wakes when the transaction ends, with what was aborted', async () => {
  const { broker, client } = await startRig({ sets });
  const topic = await createTopic(client, 'orders');
  const reader = broker.connect();
  for (const version of versions) {
    const producer = await TransactionalProducer.begin(client, `transfer-${version}`, version);
    const from = (await fetchFrom(client, topic, 0)).highWatermark;
    await producer.enter(topic);
    const waits = { maxWaitMs: 60_000, isolationLevel: 1, version: 12 };
    reader.send(fetch, 12, fetchRequest(topic, [{ offset: from }], waits));
    expect((await producer.send(topic)).errorCode).toBe(0);
    await broker.pass(1000, 200);
    expect(reader.hasAnswer).toBe(false);
    expect(await producer.end(version === 1)).toBe(0);
    expect(reader.hasAnswer).toBe(true);
    const fetched = onlyPartition(reader.receive(fetch, 12));
    expect(fetched).toMatchObject({ errorCode: 0, lastStableOffset: from + 2, highWatermark: from + 2 });
    expect(recordsIn(fetched.records)).toHaveLength(2);
    const aborted = version === 1 ? [] : [{ producerId: producer.producerId, firstOffset: from }];
    expect(fetched.abortedTransactions ?? []).toEqual(aborted);
  }
});

describe('behaviour 54: transactions that take too long', () => {
  test.each(versions)('are aborted by the broker, and their producer is fenced (version %i)', async (version) => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = new TransactionalProducer(client, 'transfer', version);
    await producer.find();
    await producer.init({ timeoutMs: 5000 });
    await producer.enter(topic);
    expect((await producer.send(topic)).errorCode).toBe(0);
    await broker.pass(4000, 1000);
    expect(await committed(client, topic)).toBe(0);
    await broker.pass(12_000, 1000);
    expect(await committed(client, topic)).toBe(2);
    expect((await producer.send(topic)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
    // To version 2 it looks like an end that is sent again, with the other outcome.
    expect(await producer.end(true)).toBe(version === 2 ? INVALID_TXN_STATE : PRODUCER_FENCED);
  });
});

test('when the log of transactions cannot be written, it is read anew, and the producer comes again', async () => {
  const { broker, client, world } = await startRig({ sets });
  const topic = await createTopic(client, 'orders');
  const producer = await TransactionalProducer.begin(client, 'transfer', 2);
  await producer.send(topic);
  world.disk.failNext('write', 'ENOSPC');
  expect(await producer.end(true)).toBe(COORDINATOR_NOT_AVAILABLE);
  expect(await producer.end(true)).toBe(COORDINATOR_LOAD_IN_PROGRESS);
  expect(await committed(client, topic)).toBe(0);
  await broker.pass(5000, 100);
  expect(await producer.end(true)).toBe(0);
  expect(producer.producerEpoch).toBe(1);
  expect(await committed(client, topic)).toBe(2);
});

test('clients do not write into the topics of coordinators', async () => {
  const { client } = await startRig({ sets });
  await TransactionalProducer.begin(client, 'transfer', 2);
  const answer = await produceTo(client, { name: '__transaction_state', id: '' }, batchOf());
  expect(answer.errorCode).toBe(INVALID_TOPIC_EXCEPTION);
});

test.each(versions)('after kill -9 an open transaction is open, and can be committed (version %i)', async (version) => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', version);
  await producer.enter(topic);
  await producer.send(topic);
  const { client } = await restart(rig, 'kill', { sets });
  producer.client = client;
  expect(await committed(client, topic)).toBe(0);
  expect((await producer.send(topic)).errorCode).toBe(0);
  const { producerId } = producer;
  expect(await producer.end(true)).toBe(0);
  expect(await committed(client, topic)).toBe(3);
  const producers = await client.ask(describeProducers, 0, { topics: [{ name: 'orders', partitionIndexes: [0, 9] }] });
  expect(producers.topics[0]?.partitions).toMatchObject([
    { errorCode: 0, activeProducers: [{ producerId, currentTxnStartOffset: -1 }] },
    { errorCode: UNKNOWN_TOPIC_OR_PARTITION },
  ]);
});

describe('the topic of transactions', () => {
  test('takes all transactions along when it is deleted, and is made anew for the next', async () => {
    const { client, broker } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 2);
    expect((await producer.send(topic)).errorCode).toBe(0);
    await client.ask(deleteTopics, 4, { topicNames: ['__transaction_state'], timeoutMs: 1000, topics: [] });
    expect(await producer.end(true)).not.toBe(0);
    const next = await TransactionalProducer.begin(client, 'transfer', 2);
    expect(next.producerId).not.toBe(producer.producerId);
    expect(broker.failures).toEqual([]);
  });
});
