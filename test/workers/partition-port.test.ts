/** Main's own way to the data of partitions, over real workers driven by hand. */
import { afterEach, describe, expect, it } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { memoryOver, readBatch } from '../../src/protocol/records.ts';
import { NodeDisk } from '../../src/storage/node-disk.ts';
import { createLaneMemory, frontEnd, workerEnd } from '../../src/workers/lane.ts';
import { PartitionPort } from '../../src/workers/partition-port.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { BELL_BYTES, RECEIPT_APPEND, SLOT_EXCHANGE, SLOT_KIND, SLOT_WORDS } from '../../src/zerocopy/layout.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { plainMemory } from '../support/plain-memory.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';

const running: BrokerInOneThread[] = [];

afterEach(async () => {
  for (const broker of running.splice(0)) await broker.stop();
});

async function brokerWithTopic(): Promise<BrokerInOneThread> {
  const broker = await BrokerInOneThread.start(new SimulatedWorld(1));
  running.push(broker);
  const { controller } = broker.plane.services;
  await broker.driven(controller.createTopics(() => [{ name: 'inner', partitionCount: 2, configs: {} }]));
  return broker;
}

function batchOf(...values: string[]): Uint8Array {
  const builder = new BatchBuilder((memory, at, length) => crc32cInTypeScript({ ...memory, address: 0 }, at, length));
  for (const value of values) builder.add({ key: null, value: Buffer.from(value), timestamp: 1000 });
  return builder.build();
}

function valuesOf(bytes: Uint8Array): string[] {
  return readBatch(memoryOver(bytes), 0, bytes.length, 1 << 20).map(({ value }) => Buffer.from(value ?? []).toString());
}

describe('the partition port', () => {
  it('appends batches and reads them back with the watermarks', async () => {
    const broker = await brokerWithTopic();
    const place = must(broker.plane.services.controller.placeOf('inner', 1), 'the partition is placed');
    expect(await broker.driven(broker.partitions.append(place, batchOf('a', 'b')))).toEqual({
      error: 0,
      baseOffset: 0,
    });
    expect(await broker.driven(broker.partitions.append(place, batchOf('c')))).toEqual({ error: 0, baseOffset: 2 });
    const read = await broker.driven(broker.partitions.read(place, 2, 1000, { isCommitted: true }));
    expect(read).toMatchObject({ error: 0, start: 0, stable: 3, high: 3, aborted: [] });
    expect(valuesOf(read.bytes)).toEqual(['c']);
    await broker.settle();
    broker.expectNothingHeld();
  });

  it('tells of offsets outside and of partitions that are gone', async () => {
    const broker = await brokerWithTopic();
    const { controller } = broker.plane.services;
    const place = must(controller.placeOf('inner', 0), 'the partition is placed');
    const beyond = await broker.driven(broker.partitions.read(place, 7, 1000, { isCommitted: false }));
    expect(beyond).toMatchObject({ error: 1, start: 0, high: 0 });
    const id = must(controller.catalog.topicsByName.get('inner'), 'the topic is there').id;
    await broker.driven(controller.deleteTopics(() => [id]));
    expect(await broker.driven(broker.partitions.append(place, batchOf('a')))).toMatchObject({ error: 6 });
  });

  it('carries more jobs than its lanes and its memory hold at once', async () => {
    const broker = await brokerWithTopic();
    const place = must(broker.plane.services.controller.placeOf('inner', 0), 'the partition is placed');
    const large = batchOf('x'.repeat(100_000));
    const appends = Array.from({ length: 500 }, (_, index) =>
      broker.partitions.append(place, index % 5 === 0 ? large : batchOf('y')),
    );
    const outcomes = await broker.driven(Promise.all(appends));
    expect(outcomes.map(({ baseOffset }) => baseOffset)).toEqual(Array.from({ length: 500 }, (_, index) => index));
    broker.expectNothingHeld();
  });

  it('sends what waited for memory as soon as any worker has given some back', async () => {
    const bell = new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
    const memory = [createLaneMemory(8), createLaneMemory(8)];
    const workers = memory.map((one) => workerEnd(one, bell));
    const port = new PartitionPort({
      lanes: memory.map((one) => frontEnd(one, bell)),
      slab: new Slab(plainMemory(4096)),
      board: Board.create(4),
      watcher: 0,
      disk: new NodeDisk(),
    });
    const last = port.append({ slot: 1, worker: 1 }, batchOf('a'));
    const first = port.append({ slot: 0, worker: 0 }, batchOf('b'));
    const answer = (worker: number): void => {
      const end = must(workers[worker], 'there is such a worker');
      const { incoming, outgoing } = end;
      const job = incoming.peek() * SLOT_WORDS;
      expect(job).toBeGreaterThanOrEqual(0);
      const at = outgoing.claim() * SLOT_WORDS;
      outgoing.words[at + SLOT_KIND] = RECEIPT_APPEND;
      outgoing.words[at + SLOT_EXCHANGE] = incoming.words[job + SLOT_EXCHANGE] ?? -1;
      incoming.advance();
      end.publish();
      port.drain();
    };
    answer(1);
    answer(0);
    expect(await Promise.all([last, first])).toMatchObject([{ error: 0 }, { error: 0 }]);
  });

  it('finds offsets by time', async () => {
    const broker = await brokerWithTopic();
    const place = must(broker.plane.services.controller.placeOf('inner', 0), 'the partition is placed');
    await broker.driven(broker.partitions.append(place, batchOf('a')));
    const found = await broker.driven(broker.partitions.findOffset(place, 1000, { isCommitted: false }));
    expect(found).toMatchObject({ error: 0, offset: 0, timestamp: 1000 });
  });

  it('wakes whoever watches a partition, until the watching ends', async () => {
    const broker = await brokerWithTopic();
    const place = must(broker.plane.services.controller.placeOf('inner', 0), 'the partition is placed');
    let wakes = 0;
    const end = broker.partitions.watch(place.slot, () => {
      wakes += 1;
    });
    await broker.driven(broker.partitions.append(place, batchOf('a')));
    await broker.settle();
    expect(wakes).toBeGreaterThan(0);
    expect(broker.partitions.board.high(place.slot)).toBe(1);
    end();
    const before = wakes;
    await broker.driven(broker.partitions.append(place, batchOf('b')));
    await broker.settle();
    expect(wakes).toBe(before);
  });
});
