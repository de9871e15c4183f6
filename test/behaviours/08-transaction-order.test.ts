/** Transactions whose steps come in an order that only clients in trouble produce: the answers are those of Kafka 4.3. */
import { describe, expect, test } from 'vitest';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { addPartitionsToTxn } from '../../src/protocol/schemas/24-add-partitions-to-txn.ts';
import { endTxn } from '../../src/protocol/schemas/26-end-txn.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import { batchOf, createTopic, onlyPartition, produceRequest, produceTo } from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { startRig } from './behaviour-rig.ts';

const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const INVALID_PRODUCER_ID_MAPPING = 49;
const CONCURRENT_TRANSACTIONS = 51;
const KAFKA_STORAGE_ERROR = 56;
const PRODUCER_FENCED = 90;
const TRANSACTION_ABORTABLE = 120;

const sets = ['transaction.state.log.num.partitions=2', 'offsets.topic.num.partitions=2'];
const END_VERSION = 5;

describe('the first batch of a transaction in a partition', () => {
  test('has sequence 0 where every transaction has an epoch of its own, and any where not', async () => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    for (const [version, code] of [[2, OUT_OF_ORDER_SEQUENCE_NUMBER] as const, [1, 0] as const]) {
      const producer = await TransactionalProducer.begin(client, `transfer-${version}`, version);
      await producer.enter(topic);
      producer.write(topic, 0, {}, 5);
      await broker.settle();
      expect(producer.receive().errorCode).toBe(code);
      producer.write(topic, 0, {}, code === 0 ? 6 : 0);
      await broker.settle();
      expect(producer.receive().errorCode).toBe(0);
    }
  });

  test('is asked about before anything else, also when it was written before', async () => {
    const { broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 1);
    const { producerId, producerEpoch } = producer;
    const batch = { producerId, producerEpoch, baseSequence: 0 };
    expect((await produceTo(client, topic, batchOf(batch))).errorCode).toBe(0);
    const records = batchOf({ ...batch, isTransactional: true });
    const request = produceRequest(topic, [{ partition: 0, records }], { version: 9 });
    const sentAs = async (transactionalId: string) =>
      onlyPartition(await client.ask(produce, 9, { ...request, transactionalId }));
    await producer.enter(topic);
    expect((await sentAs('somebody else')).errorCode).toBe(INVALID_PRODUCER_ID_MAPPING);
    expect(await sentAs('transfer')).toMatchObject({ errorCode: 0, baseOffset: 0 });
    await broker.settle();
  });
});

describe('an empty transaction that is ended while the one before it still gets its markers', () => {
  /** The disk is full for a second: the partition takes nothing, no marker either. Then both ends come, `atMs` later. */
  async function endedTwice(atMs: number) {
    const { world, broker, client } = await startRig({ sets });
    const topic = await createTopic(client, 'orders');
    const producer = await TransactionalProducer.begin(client, 'transfer', 2);
    expect((await producer.send(topic)).errorCode).toBe(0);
    const { producerId, producerEpoch, transactionalId } = producer;
    const end = (epoch: number, committed: boolean) =>
      client.send(endTxn, END_VERSION, { transactionalId, producerId, producerEpoch: epoch, committed });
    world.disk.failNext('write', 'ENOSPC');
    expect((await produceTo(client, topic, batchOf())).errorCode).toBe(KAFKA_STORAGE_ERROR);
    await broker.pass(atMs, 10);
    end(producerEpoch, true);
    end(producerEpoch + 1, false);
    await broker.settle();
    const answer = () => client.receive(endTxn, END_VERSION);
    expect(answer()).toMatchObject({ errorCode: 0, producerEpoch: producerEpoch + 1 });
    expect(client.hasAnswer).toBe(false);
    return { broker, client, next: producerEpoch + 2, answer, endAgain: () => end(producerEpoch + 1, false) };
  }

  test('waits for them', async () => {
    const { broker, next, answer } = await endedTwice(950);
    await broker.pass(90, 10);
    expect(answer()).toMatchObject({ errorCode: 0, producerEpoch: next });
  });

  test('waits no longer than 100 ms', async () => {
    const { broker, client, next, answer, endAgain } = await endedTwice(0);
    await broker.pass(90, 10);
    expect(client.hasAnswer).toBe(false);
    await broker.pass(20, 10);
    expect(answer().errorCode).toBe(PRODUCER_FENCED);
    await broker.pass(2000, 100);
    endAgain();
    await broker.settle();
    expect(answer()).toMatchObject({ errorCode: 0, producerEpoch: next });
  });
});

test('a transaction that is left open costs the next producer one epoch', async () => {
  const { client } = await startRig({ sets });
  const topic = await createTopic(client, 'orders');
  const first = await TransactionalProducer.begin(client, 'transfer', 1);
  await first.enter(topic);
  expect((await first.send(topic)).errorCode).toBe(0);
  const second = new TransactionalProducer(client, 'transfer', 1);
  expect(await second.init()).toBe(CONCURRENT_TRANSACTIONS);
  expect(await second.init()).toBe(0);
  expect(second.producerEpoch).toBe(first.producerEpoch + 2);
});

test('offsets that wait for their turn while their transaction is aborted are refused: nobody would end what they begin', async () => {
  const { client, broker } = await startRig({ sets: [...sets, 'offsets.topic.num.partitions=1'], workers: 2 });
  const topic = await createTopic(client, 'orders');
  const producer = await TransactionalProducer.begin(client, 'transfer', 1);
  const { transactionalId, producerId, producerEpoch } = producer;
  await producer.findGroup('readers');
  expect(await producer.commitOffset('readers', topic, 1, { isAdded: true })).toBe(0);
  // The log of the groups waits for the device, that of the transactions does not.
  const configs = [{ name: 'flush.messages', configOperation: 0, value: '1' }];
  const resources = [{ resourceType: 2, resourceName: '__consumer_offsets', configs }];
  const altered = await client.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(altered.responses[0]?.errorCode).toBe(0);
  broker.isAideWorking = false;
  const [other, third] = [broker.connect(), broker.connect()];
  const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: '' }];
  const offsets = { memberId: '', topics: [{ name: topic.name, partitions }] };
  const requests = [
    () => other.send(offsetCommit, 7, { groupId: 'plain', ...offsets }),
    () =>
      client.send(txnOffsetCommit, 3, { transactionalId, groupId: 'readers', producerId, producerEpoch, ...offsets }),
    () => third.send(endTxn, 4, { transactionalId, producerId, producerEpoch, committed: false }),
  ];
  for (const send of requests) {
    send();
    for (let steps = 0; steps < 40; steps++) {
      broker.step();
      await broker.breathe();
    }
  }
  expect(third.receive(endTxn, 4).errorCode).toBe(0);
  broker.isAideWorking = true;
  await broker.settle();
  expect(onlyPartition(client.receive(txnOffsetCommit, 3)).errorCode).toBe(INVALID_PRODUCER_EPOCH);
  const asked = { topics: [{ name: '__consumer_offsets', partitionIndexes: [0] }] };
  const [described] = (await client.ask(describeProducers, 0, asked)).topics;
  expect(described?.partitions[0]?.activeProducers).toMatchObject([{ producerId, currentTxnStartOffset: -1 }]);
});

test('offsets outside of a transaction are TRANSACTION_ABORTABLE for who knows that, from version 4 on', async () => {
  const { client } = await startRig({ sets });
  const topic = await createTopic(client, 'orders');
  const { transactionalId, producerId, producerEpoch } = await TransactionalProducer.begin(client, 'transfer', 1);
  await client.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['readers'] });
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }];
  const topics = [{ name: topic.name, partitions }];
  const request = { transactionalId, groupId: 'readers', producerId, producerEpoch, topics };
  const codes: number[] = [];
  for (const version of [3, 4]) {
    codes.push(onlyPartition(await client.ask(txnOffsetCommit, version, request)).errorCode);
  }
  expect(codes).toEqual([INVALID_TXN_STATE, TRANSACTION_ABORTABLE]);
});

test('a partition that is only verified and not in the transaction is TRANSACTION_ABORTABLE in every version', async () => {
  const { client } = await startRig({ sets });
  const topic = await createTopic(client, 'orders');
  const { transactionalId, producerId, producerEpoch } = await TransactionalProducer.begin(client, 'transfer', 1);
  const topics = [{ name: topic.name, partitions: [0] }];
  const transactions = [{ transactionalId, producerId, producerEpoch, verifyOnly: true, topics }];
  const old = {
    v3AndBelowTransactionalId: '',
    v3AndBelowProducerId: 0,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [],
  };
  for (const version of [4, 5]) {
    const answer = await client.ask(addPartitionsToTxn, version, { transactions, ...old });
    const [result] = answer.resultsByTransaction[0]?.topicResults[0]?.resultsByPartition ?? [];
    expect(result?.partitionErrorCode).toBe(TRANSACTION_ABORTABLE);
  }
});
