/** Transactions that logs hold open and no coordinator knows of any more: a start ends them, so that readers go on. */
import { expect, test } from 'vitest';
import { batchBytes } from '../../src/protocol/batch.ts';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { createTopic, fetchFrom, type Topic } from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';
import { cut, fileOf, offsetOfGroup, onlyFileOf, restartWithout, sets, stateFile } from './power-rig.ts';

const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const KAFKA_STORAGE_ERROR = 56;
const UNSTABLE_OFFSET_COMMIT = 88;
const LOOK_MS = 1000;

test.each([1, 2] as const)(
  'one that its coordinator forgot is aborted, and its producer goes on under another identity (version %i)',
  async (version) => {
    const rig = await startRig({ sets });
    const topic = await createTopic(rig.client, 'orders', { partitions: 2 });
    const producer = await TransactionalProducer.begin(rig.client, 'transfer', version);
    const taken = sizeOf(rig, stateFile(rig));
    for (const partition of [0, 1]) {
      await producer.enter(topic, partition);
      expect(await producer.send(topic, partition)).toMatchObject({ errorCode: 0 });
    }
    const after = await restartWithout(rig, stateFile(rig), taken);
    expect(await stableOf(after.client, topic)).toBe(0);
    await after.broker.pass(LOOK_MS);
    for (const partition of [0, 1]) {
      const fetched = await fetchFrom(after.client, topic, 0, { isolationLevel: 1, partition });
      expect(fetched).toMatchObject({ lastStableOffset: 2, highWatermark: 2 });
      expect(fetched.abortedTransactions).toEqual([{ producerId: producer.producerId, firstOffset: 0 }]);
    }
    expect(toldOf(after)).toEqual([
      `a transaction of producer ${producer.producerId} (epoch 0), open in orders-0 since offset 0 and 1 more, is known to nobody: it is aborted`,
    ]);
    // Whoever goes on does not have half of a transaction committed.
    producer.client = after.client;
    expect(await producer.send(topic)).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH });
    expect(await producer.end(true)).not.toBe(0);
    expect(await producer.init()).toBe(0);
    await producer.enter(topic);
    expect(await producer.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    expect(await producer.end(true)).toBe(0);
  },
);

test('one that its coordinator knows in part is aborted as a whole', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders', { partitions: 2 });
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(await producer.send(topic, 0)).toMatchObject({ errorCode: 0 });
  const taken = sizeOf(rig, stateFile(rig));
  expect(await producer.send(topic, 1)).toMatchObject({ errorCode: 0 });
  const after = await restartWithout(rig, stateFile(rig), taken);
  await after.broker.pass(LOOK_MS);
  producer.client = after.client;
  expect(await producer.end(true)).toBe(INVALID_TXN_STATE);
  for (const partition of [0, 1]) {
    const fetched = await fetchFrom(after.client, topic, 0, { isolationLevel: 1, partition });
    expect(fetched).toMatchObject({ lastStableOffset: 2, highWatermark: 2 });
    expect(fetched.abortedTransactions).toEqual([{ producerId: producer.producerId, firstOffset: 0 }]);
  }
});

test('a commit that is known is written again where a log lost its marker, offsets of groups included', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  await producer.findGroup('readers');
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
  expect(await producer.commitOffset('readers', topic, 1)).toBe(0);
  const [log, offsets] = [fileOf('orders-0'), onlyFileOf(rig, '__consumer_offsets')];
  const taken = [sizeOf(rig, log), sizeOf(rig, offsets)];
  expect(await producer.end(true)).toBe(0);
  rig.broker.kill();
  cut(rig, log, taken[0] ?? -1);
  cut(rig, offsets, taken[1] ?? -1);
  const after = await restart(rig, 'kill', { sets });
  expect(await stableOf(after.client, topic)).toBe(0);
  expect((await offsetOfGroup(after.client, 'readers', topic))?.errorCode).toBe(UNSTABLE_OFFSET_COMMIT);
  await after.broker.pass(LOOK_MS);
  const fetched = await fetchFrom(after.client, topic, 0, { isolationLevel: 1 });
  expect(fetched).toMatchObject({ lastStableOffset: 2, highWatermark: 2, abortedTransactions: [] });
  expect(await offsetOfGroup(after.client, 'readers', topic)).toMatchObject({ errorCode: 0, committedOffset: 1 });
  expect(toldOf(after).join()).toContain('was committed, and its marker is lost');
  // Its producer goes on as if nothing had been.
  producer.client = after.client;
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
  expect(await producer.end(true)).toBe(0);
});

test('one of a transactional id of which nothing is left is aborted', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
  const after = await restartWithout(rig, stateFile(rig), 0);
  await after.broker.pass(LOOK_MS);
  expect(await stableOf(after.client, topic)).toBe(2);
  producer.client = after.client;
  expect(await producer.send(topic)).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH });
});

// The ledger of the full log took the marker for written, and nobody looked again.
test('one in a log that takes nothing now is aborted when it does again', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
  const after = await restartWithout(rig, stateFile(rig), 0);
  const { disk } = after.world;
  disk.capacityBytes = 0;
  // It is tried again every second, and looked for more often than that.
  await after.broker.pass(LOOK_MS / 2);
  const wish = { topics: [{ name: topic.name, partitionIndexes: [0] }] };
  const described = await after.client.ask(describeProducers, 0, wish);
  expect(described.topics[0]?.partitions[0]?.errorCode).toBe(KAFKA_STORAGE_ERROR);
  expect(await stableOf(after.client, topic)).toBe(0);
  disk.capacityBytes = Number.POSITIVE_INFINITY;
  await after.broker.pass(30 * LOOK_MS);
  const fetched = await fetchFrom(after.client, topic, 0, { isolationLevel: 1 });
  expect(fetched).toMatchObject({ lastStableOffset: 2, highWatermark: 2 });
});

test.each(['stop', 'kill'] as const)('one that is under way goes on, whoever began it and when (%s)', async (how) => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const before = await TransactionalProducer.begin(rig.client, 'before', 2);
  const old = await TransactionalProducer.begin(rig.client, 'old', 1);
  await old.enter(topic);
  for (const producer of [before, old]) expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
  const after = await restart(rig, how, { sets });
  const late = await TransactionalProducer.begin(after.client, 'late', 2);
  expect(await late.send(topic)).toMatchObject({ errorCode: 0 });
  await after.broker.pass(LOOK_MS);
  for (const producer of [before, old, late]) {
    producer.client = after.client;
    expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
    expect(await producer.end(true)).toBe(0);
  }
  const fetched = await fetchFrom(after.client, topic, 0, { isolationLevel: 1 });
  expect(fetched).toMatchObject({ lastStableOffset: 9, highWatermark: 9, abortedTransactions: [] });
  expect(toldOf(after)).toEqual([]);
});

function toldOf({ broker }: BehaviourRig): string[] {
  return broker.lines.filter((line) => line.startsWith('a transaction of producer'));
}

async function stableOf(client: SimulatedClient, topic: Topic): Promise<number> {
  return (await fetchFrom(client, topic, 0, { isolationLevel: 1 })).lastStableOffset;
}

function sizeOf({ world: { disk } }: BehaviourRig, path: string): number {
  const content = disk.contentOf(path);
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  let size = 0;
  while (size < content.length) size += batchBytes(view, size);
  return size;
}
