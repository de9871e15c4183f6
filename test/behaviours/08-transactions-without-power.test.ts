/** Transactional ids where the power went: what was given out and is not written down any more is not given out again. */
import { expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { batchBytes } from '../../src/protocol/batch.ts';
import { createTopic, fetchFrom } from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';
import { offsetOfGroup, restartWithout, sets, stateFile } from './power-rig.ts';

const INVALID_PRODUCER_EPOCH = 47;
const INVALID_PRODUCER_ID_MAPPING = 49;
const CONCURRENT_TRANSACTIONS = 51;

test('after an end that was none an id goes on under another producer id: nobody knows which epochs were given out', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const first = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  // A loss of power takes the state of this id back to here; the records that follow stay, since their log was flushed.
  const taken = rig.world.disk.contentOf(stateFile(rig)).length;
  const second = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(second).toMatchObject({ producerId: first.producerId, producerEpoch: 1 });
  expect(await second.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  const after = await restartWithout(rig, stateFile(rig), taken);
  const third = await TransactionalProducer.begin(after.client, 'transfer', 2);
  expect(third.producerId).not.toBe(first.producerId);
  expect(await third.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 1 });
  expect(await third.end(true)).toBe(0);
  const again = await restart(after, 'stop', { sets });
  const fourth = await TransactionalProducer.begin(again.client, 'transfer', 2);
  expect(fourth.producerId).toBe(third.producerId);
});

test('an id that was found kept for after an abort is not given out: it may have been before the power went', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const first = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(await first.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  const after = await restart(rig, 'kill', { sets });
  const second = new TransactionalProducer(after.client, 'transfer', 2);
  expect(await second.init()).toBe(CONCURRENT_TRANSACTIONS);
  expect(await second.init()).toBe(0);
  expect(await second.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
  // The power takes all but that the first one's transaction is to be aborted, and the id that comes next.
  const again = await restartWithout(after, stateFile(after), batchEnds(after)[2] ?? -1);
  const third = new TransactionalProducer(again.client, 'transfer', 2);
  expect(await third.init()).toBe(0);
  expect([first.producerId, second.producerId]).not.toContain(third.producerId);
  expect(await third.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 4 });
});

test('an id goes on under another producer id also when a good end comes between: the doubt is written down', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const first = await TransactionalProducer.begin(rig.client, 'transfer', 1);
  await first.enter(topic);
  expect(await first.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  const taken = rig.world.disk.contentOf(stateFile(rig)).length;
  const second = new TransactionalProducer(rig.client, 'transfer', 2);
  expect(await second.init()).toBe(CONCURRENT_TRANSACTIONS);
  expect(await second.init()).toBe(0);
  expect(await second.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
  const after = await restartWithout(rig, stateFile(rig), taken);
  first.client = after.client;
  expect(await first.end(false)).toBe(0);
  const again = await restart(after, 'stop', { sets });
  const third = await TransactionalProducer.begin(again.client, 'transfer', 2);
  expect(third.producerId).not.toBe(first.producerId);
  expect((await third.send(topic)).baseOffset).toBeGreaterThan(2);
});

test('a producer that goes on after a loss of power never has the epoch that another one was given before it', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const first = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(await first.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  const taken = rig.world.disk.contentOf(stateFile(rig)).length;
  const second = new TransactionalProducer(rig.client, 'transfer', 2);
  expect(await second.init()).toBe(CONCURRENT_TRANSACTIONS);
  expect(await second.init()).toBe(0);
  expect(await second.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
  const after = await restartWithout(rig, stateFile(rig), taken);
  first.client = after.client;
  second.client = after.client;
  // Once it had the epoch of the second one here, and its first batch was taken for that one's.
  const given = [];
  for (let ends = 0; ends < 2; ends++) {
    expect(await first.end(false)).toBe(0);
    given.push([first.producerId, first.producerEpoch]);
  }
  expect(given).not.toContainEqual([second.producerId, second.producerEpoch]);
  // Behind the marker of what the second one had open, which nobody else would end.
  expect(await first.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 4 });
  expect(await first.end(true)).toBe(0);
  expect((await fetchFrom(after.client, topic, 0, { isolationLevel: 1 })).lastStableOffset).toBe(6);
  expect(await second.end(true)).toBe(INVALID_PRODUCER_ID_MAPPING);
});

test('an id of which a record may be among what was damaged goes on under another producer id', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const first = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  const second = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  expect(second).toMatchObject({ producerId: first.producerId, producerEpoch: 1 });
  expect(await second.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  expect(await second.end(true)).toBe(0);
  const [whole = -1] = batchEnds(rig);
  await rig.broker.stop();
  const path = stateFile(rig);
  const { disk } = rig.world;
  const size = disk.contentOf(path).length;
  const fd = disk.open(path, 'read-write');
  const memory = disk.allocate(size);
  expect(disk.read(fd, 0, memory, 0, size)).toBe(size);
  // One bit in the last byte of every batch behind the first.
  for (const end of batchEnds(rig)) if (end > whole) memory.bytes[end - 1] = memory.bytes[end - 1]! ^ 1;
  expect(disk.write(fd, 0, memory, 0, size)).toBe(size);
  disk.close(fd);
  const after = await restart(rig, 'kill', { sets });
  const third = await TransactionalProducer.begin(after.client, 'transfer', 2);
  expect(third.producerId).not.toBe(first.producerId);
  expect(await third.send(topic)).toMatchObject({ errorCode: 0 });
});

test('an end that is written again does not end the next transaction, of which the power took what was written', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'orders');
  const producer = await TransactionalProducer.begin(rig.client, 'transfer', 2);
  await producer.findGroup('readers');
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 0 });
  expect(await producer.commitOffset('readers', topic, 1)).toBe(0);
  expect(await producer.end(true)).toBe(0);
  const [, , , prepared = -1] = batchEnds(rig);
  // Its producer goes through two more, and the second one of them goes on.
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 2 });
  expect(await producer.end(false)).toBe(0);
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0, baseOffset: 4 });
  expect(await producer.commitOffset('readers', topic, 5)).toBe(0);
  const { client } = await restartWithout(rig, stateFile(rig), prepared);
  producer.client = client;
  const fetched = await fetchFrom(client, topic, 0, { isolationLevel: 1 });
  // Once the end of the first one committed what lay open of the last.
  expect(fetched.abortedTransactions?.map(({ firstOffset }) => firstOffset)).toEqual([2, 4]);
  expect(fetched.lastStableOffset).toBe(fetched.highWatermark);
  expect(await offsetOfGroup(client, 'readers', topic)).toMatchObject({ committedOffset: 1, errorCode: 0 });
  expect(await producer.send(topic)).toMatchObject({ errorCode: INVALID_PRODUCER_EPOCH });
  expect(await producer.init()).toBe(0);
  expect(await producer.send(topic)).toMatchObject({ errorCode: 0 });
});

/** Of what the coordinator wrote. */
function batchEnds(rig: BehaviourRig): number[] {
  const content = rig.world.disk.contentOf(stateFile(rig));
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const ends: number[] = [];
  for (let at = 0; at < content.length; at = must(ends.at(-1), 'a batch ends')) ends.push(at + batchBytes(view, at));
  return ends;
}
