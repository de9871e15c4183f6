/** Behaviours 50 to 54: what transactional producers can rely on, and how they are told that they are not the one any more. */
import { describe, expect, test } from 'vitest';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { createTopic, fetchFrom, recordsIn } from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { restart, startRig } from './behaviour-rig.ts';

const INVALID_REQUEST = 42;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const INVALID_PRODUCER_ID_MAPPING = 49;
const INVALID_TRANSACTION_TIMEOUT = 50;
const CONCURRENT_TRANSACTIONS = 51;
const OPERATION_NOT_ATTEMPTED = 55;
const PRODUCER_FENCED = 90;
const UNKNOWN_TOPIC_OR_PARTITION = 3;

const sets = ['transaction.state.log.num.partitions=2', 'offsets.topic.num.partitions=2'];
const versions = [1, 2] as const;

async function committed(client: SimulatedClient, topic: { name: string; id: string }, partition = 0): Promise<number> {
  const fetched = await fetchFrom(client, topic, 0, { partition, isolationLevel: 1 });
  const aborted = new Set((fetched.abortedTransactions ?? []).map(({ producerId }) => producerId));
  expect(aborted.size).toBeLessThan(2);
  return fetched.lastStableOffset;
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
    expect(await producer.add(topic, [0, 1])).toEqual([0, 0]);
    expect(await new TransactionalProducer(client, 'unheard-of', 1).add(topic, [0])).toEqual([
      INVALID_PRODUCER_ID_MAPPING,
    ]);
  });
});

describe('behaviour 53: EndTxn', () => {
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
    expect(await producer.end(true)).toBe(PRODUCER_FENCED);
  });
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
  expect(await producer.end(true)).toBe(0);
  expect(await committed(client, topic)).toBe(3);
  const producers = await client.ask(describeProducers, 0, { topics: [{ name: 'orders', partitionIndexes: [0, 9] }] });
  expect(producers.topics[0]?.partitions).toMatchObject([
    { errorCode: 0, activeProducers: [{ producerId: producer.producerId, currentTxnStartOffset: -1 }] },
    { errorCode: UNKNOWN_TOPIC_OR_PARTITION },
  ]);
});
