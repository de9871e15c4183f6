/**
 * What a broker makes of flushes that fail or cannot be begun, and of logs that take no more: the simulation found each of
 * these broken once. The disk is one that calls the pages of a failed flush clean, as Linux does.
 */
import { expect, test } from 'vitest';
import { BrokerInOneThread, partitionFolder } from '../support/broker-in-one-thread.ts';
import { batchOf, createTopic, fetchFrom, produceTo, recordsIn, type Topic } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';

const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);
const STORAGE_ERROR = 56;
const LOG = `${partitionFolder('orders', 0)}/00000000000000000000.log`;

async function begin(seed: number, configs: { readonly [key: string]: string } = {}) {
  const world = new SimulatedWorld(seed);
  world.disk.faults.forgetsFailedSyncs = true;
  const broker = await BrokerInOneThread.start(world);
  const client = broker.connect();
  return { world, broker, client, topic: await createTopic(client, 'orders', { configs }) };
}

async function fills(broker: BrokerInOneThread, topic: Topic): Promise<(number | undefined)[]> {
  const fetched = await fetchFrom(broker.connect(), topic, 0);
  return recordsIn(fetched.records).map((record) => record.value?.[0]);
}

async function afterPowerCut(broker: BrokerInOneThread, world: SimulatedWorld): Promise<BrokerInOneThread> {
  broker.kill();
  world.losePower();
  return await BrokerInOneThread.start(world);
}

// Once the next start took what it read from memory for what the device has, and vouched for it.
test.each(['kill', 'stop'] as const)(
  'after a failed flush and a %s the start writes again what it vouches for',
  async (end) => {
    for (const seed of SEEDS) {
      const { world, broker, client, topic } = await begin(seed);
      for (const fill of [1, 2, 3]) expect((await produceTo(client, topic, batchOf({ fill }))).errorCode).toBe(0);
      world.disk.faults.syncError = 1;
      await broker.pass(1000);
      world.disk.faults.syncError = 0;
      expect((await produceTo(client, topic, batchOf())).errorCode).toBe(STORAGE_ERROR);
      if (end === 'kill') broker.kill();
      else await broker.stop();
      const second = await BrokerInOneThread.start(world);
      expect(await fills(second, topic)).toEqual([1, 2, 3]);
      await second.pass(1000);
      const third = await afterPowerCut(second, world);
      expect(await fills(third, topic), `seed ${seed}`).toEqual([1, 2, 3]);
      third.kill();
    }
  },
);

test('a start whose own flush fails vouches for nothing', async () => {
  const { world, broker, client, topic } = await begin(1, { 'flush.messages': '1' });
  expect((await produceTo(client, topic, batchOf({ fill: 1 }))).errorCode).toBe(0);
  world.disk.failNext('sync', 'EIO');
  expect((await produceTo(client, topic, batchOf({ fill: 2 }))).errorCode).toBe(STORAGE_ERROR);
  broker.kill();
  // The first flush of a start is of the metadata.
  const { sync } = world.disk;
  world.disk.sync = (fd) => {
    if (world.disk.pathOf(fd) === LOG) world.disk.failNext('sync', 'EIO');
    return sync.call(world.disk, fd);
  };
  const second = await BrokerInOneThread.start(world);
  expect(second.report?.problems).toEqual([expect.stringContaining('could not be flushed')]);
  world.disk.sync = sync;
  second.kill();
  const third = await BrokerInOneThread.start(world);
  const seen = await fills(third, topic);
  expect(seen[0]).toBe(1);
  const fourth = await afterPowerCut(third, world);
  expect(await fills(fourth, topic)).toEqual(seen);
  fourth.kill();
});

// Once only a flush of the running broker was noted as failed.
test.each(['kill', 'stop'] as const)(
  'a start after one whose own flush failed, and a %s, writes again',
  async (end) => {
    for (const seed of SEEDS) {
      const { world, broker, client, topic } = await begin(seed);
      for (const fill of [1, 2, 3]) expect((await produceTo(client, topic, batchOf({ fill }))).errorCode).toBe(0);
      await broker.writeCheckpoints();
      broker.kill();
      const { sync } = world.disk;
      world.disk.sync = (fd) => {
        if (world.disk.pathOf(fd) === LOG) world.disk.failNext('sync', 'EIO');
        return sync.call(world.disk, fd);
      };
      const sets = ['perfbroker.durability=fsync'];
      const second = await BrokerInOneThread.start(world, { sets });
      expect(second.report?.problems).toEqual([expect.stringContaining('could not be flushed')]);
      world.disk.sync = sync;
      if (end === 'kill') second.kill();
      else await second.stop();
      const third = await BrokerInOneThread.start(world, { sets });
      expect(await fills(third, topic)).toEqual([1, 2, 3]);
      const fourth = await afterPowerCut(third, world);
      expect(await fills(fourth, topic), `seed ${seed}`).toEqual([1, 2, 3]);
      fourth.kill();
    }
  },
);

// Once it was shown at once, with `flush.messages` as with `flush.ms=0`, and a power cut could take it from its readers.
test.each([{ 'flush.messages': '1' }, { 'flush.ms': '0' }])(
  'what %o found at a start is flushed before it is shown',
  async (configs) => {
    for (const seed of SEEDS) {
      const { world, broker, client, topic } = await begin(seed, configs);
      world.disk.failNext('sync', 'EIO');
      expect((await produceTo(client, topic, batchOf({ fill: 7 }))).errorCode).toBe(STORAGE_ERROR);
      broker.kill();
      const second = await BrokerInOneThread.start(world);
      expect(await fills(second, topic)).toEqual([7]);
      const third = await afterPowerCut(second, world);
      expect(await fills(third, topic), `seed ${seed}`).toEqual([7]);
      third.kill();
    }
  },
);

// Once the worker died of it.
test('a flush that finds no descriptor is done later', async () => {
  const { world, broker, client, topic } = await begin(1);
  expect((await produceTo(client, topic, batchOf())).errorCode).toBe(0);
  world.disk.failNext('open', 'EMFILE');
  await broker.pass(600);
  expect(broker.lines.some((line) => line.includes('a flush has to wait'))).toBe(true);
  await broker.pass(1500);
  expect(world.disk.isSynced(LOG)).toBe(true);
  expect((await produceTo(client, topic, batchOf())).errorCode).toBe(0);
  broker.kill();
});

// Once the flush window passed over logs that a full disk had closed.
test.each(['ENOSPC', 'EIO'] as const)(
  'a log that takes no more (%s) is flushed within the window all the same',
  async (errno) => {
    for (const seed of SEEDS) {
      const { world, broker, client, topic } = await begin(seed);
      expect((await produceTo(client, topic, batchOf({ fill: 1 }))).errorCode).toBe(0);
      world.disk.failNext('write', errno);
      expect((await produceTo(client, topic, batchOf({ fill: 2 }))).errorCode).toBe(STORAGE_ERROR);
      world.disk.capacityBytes = 0;
      await broker.pass(1000);
      world.disk.capacityBytes = Number.POSITIVE_INFINITY;
      const second = await afterPowerCut(broker, world);
      expect(await fills(second, topic), `seed ${seed}`).toEqual([1]);
      second.kill();
    }
  },
);

// Once such a partition did not open any more: a kill between the record of a topic and its folder was enough.
test('a partition whose folder was never made, or went with the power, begins anew', async () => {
  const { world, broker, client, topic } = await begin(1);
  await createTopic(client, 'other');
  broker.kill();
  world.disk.removeFolder(partitionFolder('orders', 0));
  const second = await BrokerInOneThread.start(world);
  expect(second.report?.problems).toEqual([]);
  expect(await produceTo(second.connect(), topic, batchOf())).toMatchObject({ errorCode: 0, baseOffset: 0 });
  second.kill();
});
